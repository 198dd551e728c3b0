"""Configs: what is written is read back, and what cannot be used is refused by name."""

import math

import pytest
import yaml
from helpers.places import ROOT

from deblurgan_tf.config import (
    Config,
    MixPart,
    as_dict,
    changed_keys,
    describe_fields,
    dump,
    experiment,
    load,
    parse,
)
from deblurgan_tf.config.yaml_text import read_yaml
from deblurgan_tf.errors import ConfigError

EXPERIMENTS = sorted((ROOT / "experiments").glob("*/config.yaml"))
MIX = [
    {"weight": 2, "source": "folder", "path": "photos", "include": "*/sharp/*"}
    | {"scale": 0.5},
    {"weight": 0.5, "source": "plates", "count": None},
]


def _write(folder, values):
    path = folder / "config.yaml"
    text = values if isinstance(values, str) else yaml.safe_dump(values)
    path.write_text(text, encoding="utf-8")
    return path


def _refusal(values):
    with pytest.raises(ConfigError) as caught:
        parse(values)
    return str(caught.value)


def _overridden(folder, values, *overrides):
    return load(_write(folder, values), list(overrides))


# Every value differs from its default, so that a forgotten one shows.
UNUSUAL = {
    "seed": 7,
    "data": {
        "source": "mix",
        "mix": MIX,
        "crop": [48, 80],
        "flip": False,
        "batch": 3,
        "validation": 0,
    },
    "blur": {
        "kind": "linear",
        "canvas": 33,
        "length": 29.5,
        "intensity": [0.25],
        "exposures": [0.125, 1],
        "noise": [1, 1],
        "gamma": 2.2,
        "kernels": 11,
    },
    "model": {"width": 3, "blocks": 0, "convolutions": 1, "upsample": "resize"},
    "loss": {
        "adversarial": "lsgan",
        "content": {"l1": 0.1, "l2": 1e-7},
        "if_unavailable": {"charbonnier": 50},
    },
    "train": {"epochs": None, "steps": 5, "learning_rate": 3e-5, "clip_norm": 0.5},
    "every": {"log": 1, "sample": 2, "validate": 3, "checkpoint": 4},
}


@pytest.mark.parametrize("values", [{}, UNUSUAL], ids=["defaults", "unusual"])
def test_a_dumped_config_loads_as_the_same_config(tmp_path, values):
    config = parse(values)
    text = dump(config)
    again = load(_write(tmp_path, text))
    assert again == config
    assert dump(again) == text


def test_dump_writes_every_key_of_every_section_under_the_name_that_yaml_has():
    written = yaml.safe_load(dump(Config()))
    assert written == as_dict(Config())
    assert set(written) == set(Config.model_fields)
    assert set(written["every"]) == {"log", "sample", "validate", "checkpoint"}
    assert written["data"]["count"] == 600
    assert written["data"]["crop"] == [128, 192]
    assert written["loss"]["content"] == {"vgg19": 100.0}


def test_values_given_are_the_values_held():
    written = as_dict(parse(UNUSUAL))
    for section in UNUSUAL.keys() - {"seed", "data"}:
        for key, value in UNUSUAL[section].items():
            assert written[section][key] == value, f"{section}.{key}"
    assert written["seed"] == 7
    assert written["data"]["mix"][0]["include"] == "*/sharp/*"
    assert written["data"]["mix"][1]["count"] is None


def test_the_defaults_are_those_of_the_paper():
    config = Config()
    assert (config.train.learning_rate, config.train.epochs) == (1e-4, 300)
    assert config.train.betas == (0.5, 0.999)
    assert (config.train.critic_steps, config.loss.penalty_weight) == (5, 10.0)
    assert (config.model.width, config.model.blocks) == (64, 9)
    assert (config.blur.length, config.data.batch) == (60.0, 1)


def test_a_config_cannot_be_changed_after_it_was_checked():
    config = Config()
    with pytest.raises(ValueError, match="frozen"):
        config.train.steps = -1
    assert config.train.steps is None


@pytest.mark.parametrize(
    ("values", "key", "allowed"),
    [
        ({"sed": 1}, "sed", "seed, data, blur"),
        ({"data": {"bach": 1}}, "data.bach", "batch, validation"),
        ({"blur": {"cavnas": 1}}, "blur.cavnas", "kind, canvas, length"),
        ({"model": {"depth": 1}}, "model.depth", "generator, width, levels, blocks"),
        ({"loss": {"weight": 1}}, "loss.weight", "adversarial, adversarial_weight"),
        ({"train": {"lr": 1}}, "train.lr", "learning_rate"),
        ({"every": {"validate_": 1}}, "every.validate_", "log, sample, validate,"),
        (
            {"data": {"source": "mix", "mix": [MIX[0], MIX[1] | {"wieght": 1}]}},
            "data.mix.1.wieght",
            "weight, source, path",
        ),
    ],
)
def test_an_unknown_key_is_named_with_the_keys_that_are_known(values, key, allowed):
    text = _refusal(values)
    assert f"{key}: unknown key; known here: " in text
    assert allowed in text.partition("known here: ")[2]


@pytest.mark.parametrize(
    ("values", "key", "value", "allowed"),
    [
        ({"data": {"batch": "many"}}, "data.batch", "'many'", "integer"),
        ({"data": {"batch": 1.5}}, "data.batch", "1.5", "integer"),
        ({"train": {"steps": True}}, "train.steps", "True", "integer"),
        ({"data": {"batch": "4"}}, "data.batch", "'4'", "integer"),
        ({"data": {"flip": "yes"}}, "data.flip", "'yes'", "boolean"),
        ({"data": {"crop": 128}}, "data.crop", "128", "array"),
        ({"data": {"crop": [128]}}, "data.crop.1", "[128]", "required"),
        ({"data": {"flip": "maybe"}}, "data.flip", "'maybe'", "boolean"),
        ({"data": {"path": 3}}, "data.path", "3", "string"),
        ({"data": 5}, "data", "5", "object"),
        ({"blur": {"intensity": 0.1}}, "blur.intensity", "0.1", "array"),
        ({"train": {"steps": [1]}}, "train.steps", "[1]", "integer"),
        ({"train": {"precision": "half"}}, "train.precision", "'half'", "mixed_bfloat"),
        ({"loss": {"content": ["l1"]}}, "loss.content", "['l1']", "object"),
        ({"loss": {"content": {"vgg16": 1}}}, "loss.content.vgg16", "'vgg16'", "vgg19"),
        ({"data": {"source": "disk"}}, "data.source", "'disk'", "'pairs', 'tfds'"),
    ],
)
def test_a_wrong_type_is_refused_with_key_value_and_what_is_allowed(
    values, key, value, allowed
):
    text = _refusal(values)
    assert f"{key}: " in text
    assert f"got {value}" in text
    assert allowed in text


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (
            {"data": {"crop": [32, 192]}},
            ["data.crop [32, 192]", "blur.canvas 65", "more than 32 pixels"],
        ),
        (
            {"data": {"crop": [192, 32]}},
            ["data.crop [192, 32]", "blur.canvas 65", "more than 32 pixels"],
        ),
        (
            {"blur": {"canvas": 33, "length": 30.5}},
            ["blur: length 30.5", "canvas 33", "the longest is 30"],
        ),
        ({"blur": {"canvas": 64}}, ["blur.canvas: must be odd"]),
        ({"blur": {"canvas": 3, "length": 1}}, ["blur.canvas", "5", "got 3"]),
        ({"blur": {"noise": [2, 1]}}, ["blur.noise: must be [lowest, highest]"]),
        ({"blur": {"noise": [-1, 1]}}, ["blur.noise.0", "0", "got -1"]),
        ({"blur": {"exposures": []}}, ["blur.exposures", "at least 1", "got []"]),
        ({"blur": {"exposures": [0]}}, ["blur.exposures.0", "than 0", "got 0"]),
        ({"blur": {"exposures": [1.1]}}, ["blur.exposures.0", "to 1", "got 1.1"]),
        ({"blur": {"intensity": [2]}}, ["blur.intensity.0", "to 1", "got 2"]),
        ({"blur": {"gamma": 0.5}}, ["blur.gamma", "to 1", "got 0.5"]),
        ({"data": {"count": None}}, ["data.count null", "train.steps"]),
        ({"data": {"count": 0}}, ["data.count", "to 1", "got 0"]),
        ({"data": {"crop": [8, 192]}}, ["data.crop.0", "16", "got 8"]),
        ({"data": {"source": "mix"}}, ["data: source 'mix' needs mix:"]),
        (
            {"data": {"source": "mix", "mix": []}},
            ["data: source 'mix' needs mix:"],
        ),
        ({"data": {"mix": MIX}}, ["data: mix is given", "'plates'"]),
        ({"data": {"source": "tfds"}}, ["data: source 'tfds' needs name"]),
        ({"data": {"include": "*"}}, ["data: include is for source 'folder'"]),
        (
            {"data": {"source": "mix", "mix": [{"weight": 1, "source": "tfds"}]}},
            ["data.mix.0: source 'tfds' needs name"],
        ),
        (
            {"data": {"source": "mix", "mix": [{"weight": 0, "source": "plates"}]}},
            ["data.mix.0.weight", "than 0", "got 0"],
        ),
        (
            {"data": {"source": "mix", "mix": [{"weight": 1, "source": "mix"}]}},
            ["data.mix.0.source", "'plates'", "got 'mix'"],
        ),
        ({"train": {"epochs": None}}, ["train: give epochs, steps or both"]),
        ({"train": {"steps": 0}}, ["train.steps", "to 1", "got 0"]),
        ({"train": {"learning_rate": 0}}, ["train.learning_rate", "than 0", "got 0"]),
        ({"train": {"ema": 1}}, ["train.ema", "less than 1", "got 1"]),
        ({"train": {"betas": [0.5, 1]}}, ["train.betas.1", "less than 1", "got 1"]),
        ({"train": {"decay_from": 1.5}}, ["train.decay_from", "to 1", "got 1.5"]),
        ({"train": {"clip_norm": 0}}, ["train.clip_norm", "than 0", "got 0"]),
        ({"model": {"dropout": 1}}, ["model.dropout", "less than 1", "got 1"]),
        ({"model": {"convolutions": 3}}, ["model.convolutions", "1 or 2", "got 3"]),
        ({"loss": {"content": {}}}, ["loss.content", "at least 1", "got {}"]),
        ({"loss": {"content": {"l1": 0}}}, ["loss.content.l1", "than 0", "got 0"]),
        ({"loss": {"if_unavailable": {}}}, ["loss: if_unavailable must name other"]),
        (
            {"loss": {"if_unavailable": {"vgg19": 1}}},
            ["loss: if_unavailable must name other"],
        ),
        ({"model": {"levels": 5}}, ["model.levels", "to 4", "got 5"]),
        ({"loss": {"kernels": 0.1}}, ["loss.guesses and loss.kernels", "unrolled"]),
        ({"loss": {"guesses": 0.1}}, ["loss.guesses and loss.kernels", "unrolled"]),
        (
            {
                "model": {"generator": "unrolled"},
                "loss": {"kernels": 0.1},
                "data": {"source": "pairs"},
            },
            ["loss.kernels needs kernels"],
        ),
        ({"data": {"color_jitter": 2}}, ["data.color_jitter", "to 1", "got 2"]),
        (
            {"blur": {"presmoothing": [1, 0]}},
            ["blur.presmoothing: must be [lowest, highest]"],
        ),
        ({"blur": {"presmoothing": [1, 4]}}, ["blur.presmoothing.1", "to 3", "got 4"]),
        ({"blur": {"jpeg": [0, 90]}}, ["blur.jpeg", "to 1", "got 0"]),
        ({"blur": {"jpeg": [90, 60]}}, ["blur.jpeg", "must be [lowest, highest]"]),
        ({"blur": {"varying": 1.5}}, ["blur.varying", "to 1", "got 1.5"]),
        ({"seed": -1}, ["seed", "to 0", "got -1"]),
        ({"seed": 2**31}, ["seed", "2147483648", "got 2147483648"]),
    ],
)
def test_an_impossible_value_is_refused_with_the_reason(values, parts):
    text = _refusal(values)
    for part in parts:
        assert part in text


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("section", "key"),
    [("train", "learning_rate"), ("blur", "length"), ("loss", "penalty_weight")],
)
def test_numbers_that_are_not_finite_are_refused(section, key, number):
    text = _refusal({section: {key: number}})
    assert f"{section}.{key}: " in text
    assert "finite" in text


def test_all_faults_are_named_at_once():
    text = _refusal({"seed": "x", "train": {"ema": 2}, "extra": 1})
    for key in ("seed: ", "train.ema: ", "extra: unknown key"):
        assert key in text


def test_what_only_just_fits_is_taken():
    config = parse({"data": {"crop": [33, 33]}, "blur": {"canvas": 65, "length": 62}})
    assert config.data.crop == (33, 33)
    assert config.blur.length == 62
    endless = parse({"data": {"count": None}, "train": {"steps": 9}})
    assert endless.data.count is None


def test_the_error_names_the_file(tmp_path):
    path = _write(tmp_path, {"seed": -1})
    with pytest.raises(ConfigError, match=r"config\.yaml: seed: .* got -1"):
        load(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("data: [", "is not valid YAML"),
        ("", "must hold keys"),
        ("- a\n- b\n", "must hold keys"),
        ("seed\n", "must hold keys"),
        ("1: 2\n", "1: unknown key"),
        ("seed: 1\nseed: 2\n", "'seed' is given twice"),
    ],
)
def test_a_file_that_holds_no_config_is_refused(tmp_path, text, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        load(_write(tmp_path, text))
    assert "config.yaml" in str(caught.value)


def test_a_file_that_is_absent_or_is_not_text_is_named(tmp_path):
    with pytest.raises(ConfigError, match="none.yaml: cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "picture.yaml").write_bytes(b"\xff\xfe\xfa\x00")
    with pytest.raises(ConfigError, match="picture.yaml: is not valid YAML"):
        load(tmp_path / "picture.yaml")


@pytest.mark.parametrize(
    "name", ["plates_quick", "experiments/plates_quik/config.yaml"]
)
def test_a_config_that_is_not_there_is_answered_with_the_nearest_shipped_one(name):
    near = r"; did you mean .*experiments/plates_quick/config\.yaml\?$"
    with pytest.raises(ConfigError, match=near):
        load(name)


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("train.steps=77", lambda c: c.train.steps == 77),
        ("seed=5", lambda c: c.seed == 5),
        ("loss.content.vgg19=10", lambda c: c.loss.content == {"vgg19": 10.0}),
        ("loss.content={l1: 2}", lambda c: c.loss.content == {"l1": 2.0}),
        ("loss.if_unavailable.l1=3", lambda c: c.loss.if_unavailable == {"l1": 3.0}),
        ("data.crop=[64, 96]", lambda c: c.data.crop == (64, 96)),
        ("data.crop.1=96", lambda c: c.data.crop == (128, 96)),
        ("data.flip=false", lambda c: c.data.flip is False),
        ("train.steps=null", lambda c: c.train.steps is None),
        ("every.validate=9", lambda c: c.every.validate_ == 9),
        ("data.path=a=b", lambda c: c.data.path == "a=b"),
        ("train.learning_rate=1e-4", lambda c: c.train.learning_rate == 1e-4),
        ("train.learning_rate=2E-3", lambda c: c.train.learning_rate == 2e-3),
        ("train.learning_rate=.5", lambda c: c.train.learning_rate == 0.5),
    ],
)
def test_an_override_changes_that_value_and_no_other(tmp_path, override, read):
    values = as_dict(Config()) | {"loss": {"content": {"vgg19": 100.0}}}
    values["train"] |= {"steps": 3, "learning_rate": 7e-7}
    values["data"]["source"] = "folder"
    before = parse(values)
    after = _overridden(tmp_path, values, override)
    assert not read(before)
    assert read(after)
    key = override.partition("=")[0]
    changed = changed_keys(as_dict(before), as_dict(after))
    assert changed
    assert all(key.startswith(name) or name.startswith(key) for name in changed)


def test_an_override_reaches_into_the_parts_of_a_mix(tmp_path):
    values = {"data": {"source": "mix", "mix": MIX}}
    config = _overridden(tmp_path, values, "data.mix.0.weight=8", "data.mix.1.count=12")
    assert [part.weight for part in config.data.mix] == [8.0, 0.5]
    assert config.data.mix[1].count == 12


def test_an_override_makes_the_sections_that_the_file_leaves_out(tmp_path):
    config = _overridden(tmp_path, {"seed": 1}, "train.steps=4", "train.ema=0")
    assert (config.seed, config.train.steps, config.train.ema) == (1, 4, 0.0)


def test_the_last_override_of_a_key_wins(tmp_path):
    assert _overridden(tmp_path, {"seed": 1}, "seed=2", "seed=3").seed == 3


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        (
            "train.stepz=1",
            "train.stepz: unknown key; known here: start_from, epochs, steps",
        ),
        ("train.stepz=1", r"strategy; did you mean steps\?$"),
        ("nothing.here=1", "nothing: unknown key; known here: seed"),
        ("train.steps", "must look like train.steps=1000"),
        ("train.=1", "must look like train.steps=1000"),
        ("=1", "must look like train.steps=1000"),
        ("train.steps=[", r"'\[' is not a YAML value"),
        ("seed.deep=1", "'seed' has no keys below it"),
        ("seed.deep.er=1", "'seed' has no keys below it"),
        ("data.mix.2.weight=1", "'2' must be a place from 0 to 1"),
        ("data.mix.x.weight=1", "'x' must be a place from 0 to 1"),
        ("data.mix.-1.weight=1", "'-1' must be a place from 0 to 1"),
        ("data.mix.5=1", "'5' must be a place from 0 to 1"),
        ("data.mix.0.wieght=1", "data.mix.0.wieght: unknown key"),
        ("train.steps=many", "train.steps: .* got 'many'"),
        ("train.learning_rate=nan", "train.learning_rate: .*number; got 'nan'"),
    ],
)
def test_an_override_that_cannot_be_is_refused_with_the_reason(
    tmp_path, override, reason
):
    values = {"seed": 0, "data": {"source": "mix", "mix": MIX}, "train": {"steps": 1}}
    with pytest.raises(ConfigError, match=reason):
        _overridden(tmp_path, values, override)


def test_changed_keys_names_exactly_what_differs():
    old, new = as_dict(Config()), as_dict(Config())
    assert changed_keys(old, new) == []
    new["seed"] = 1
    new["train"]["steps"] = 9
    new["blur"]["noise"] = [0.0, 1.0]
    new["loss"]["content"] = {"vgg19": 100.0, "l1": 1.0}
    expected = ["blur.noise", "loss.content.l1", "seed", "train.steps"]
    assert changed_keys(old, new) == expected
    assert changed_keys(new, old) == expected


def test_there_are_experiments():
    assert EXPERIMENTS


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.parent.name)
def test_every_experiment_loads_and_writes_every_value_out(path):
    config = load(path)
    assert experiment(path.parent.name).samefile(path)
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    everything = as_dict(config)
    assert set(written) == set(everything)
    for section in ("blur", "model", "train", "every"):
        assert set(written[section]) == set(everything[section])


def test_an_experiment_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="no experiment named 'plates_papre'"):
        experiment("plates_papre")


def test_a_pattern_in_an_override_is_text_and_not_a_broken_alias(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("data: {source: folder, path: x}\n")
    config = load(path, ["data.include=*/sharp/*"])
    assert config.data.include == "*/sharp/*"


def test_random_weights_of_vgg19_are_not_for_trainings():
    with pytest.raises(ConfigError, match="loss: vgg19_weights: random ones are for"):
        parse({"loss": {"vgg19_weights": "random"}})


# Numbers as people write them.


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("1.e3", 1e3),
        ("1.5e2", 150.0),
        (".5e1", 5.0),
        ("+2e+1", 20.0),
        ("+.5", 0.5),
        ("1.0e-4", 1e-4),
        ("3", 3.0),
    ],
)
def test_floats_as_people_write_them_are_numbers(tmp_path, text, number):
    config = load(_write(tmp_path, f"train: {{learning_rate: {text}}}"))
    assert config.train.learning_rate == number
    config = load(_write(tmp_path, "seed: 1"), [f"train.learning_rate={text}"])
    assert config.train.learning_rate == number


@pytest.mark.parametrize("text", ["1e-4", "1E5", "1.e3", ".5e1"])
def test_a_number_in_quotes_stays_a_text(tmp_path, text):
    path = _write(tmp_path, f"train: {{learning_rate: '{text}'}}")
    with pytest.raises(ConfigError, match=f"learning_rate: .*got '{text}'"):
        load(path)
    config = load(_write(tmp_path, f"data: {{source: folder, path: '{text}'}}"))
    assert config.data.path == text
    assert load(_write(tmp_path, dump(config))) == config
    path = _write(tmp_path, "data: {source: folder}")
    config = load(path, [f"data.path='{text}'"])
    assert config.data.path == text


@pytest.mark.parametrize("text", ["e5", "1e", "1e5x", "1.2.3", "a1e5", "-", "e", "."])
def test_what_only_looks_like_a_number_is_a_text(tmp_path, text):
    config = load(_write(tmp_path, f"data: {{source: folder, path: {text}}}"))
    assert config.data.path == text


def test_yaml_that_no_config_can_hold_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds what no config can hold"):
        load(_write(tmp_path, "2020-01-01: 1"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"path": "x"}, r"path is for source 'folder' or 'pairs' or 'tfds'.*to null"),
        (
            {"scale": 0.5},
            r"scale is for .* no effect on source 'plates'.*set it to 1\.0",
        ),
        ({"source": "folder", "count": 50}, r"count is for source 'plates'.*to 600"),
        ({"source": "folder", "count": None}, "count is for source 'plates'"),
        ({"source": "folder", "name": "x"}, "name is for source 'tfds'"),
        ({"source": "folder", "layout": "gopro"}, "layout is for source 'pairs'"),
        ({"source": "pairs", "include": "*"}, "include is for source 'folder'"),
        ({"source": "pairs", "split": "test"}, "split is for source 'tfds'"),
        ({"source": "mix", "mix": MIX, "scale": 0.5}, "no effect on source 'mix'"),
        (
            {"source": "mix", "mix": [{"weight": 1, "source": "plates", "path": "x"}]},
            r"data\.mix\.0: path is for",
        ),
    ],
)
def test_a_key_that_the_source_does_not_use_is_refused_by_name(data, reason):
    with pytest.raises(ConfigError, match=reason):
        parse({"data": data})


# Pairs come blurred: keys that have no effect on them are refused.

PAIRS = {"source": "pairs", "path": "x"}
PAIRS_MIX = {"source": "mix", "mix": [{"weight": 1, **PAIRS}, {"weight": 2, **PAIRS}]}


@pytest.mark.parametrize("data", [PAIRS, PAIRS_MIX], ids=["pairs", "mix of pairs"])
def test_pairs_have_no_blur_and_are_written_and_read_so(tmp_path, data):
    config = parse({"data": data})
    assert config.blur is None
    assert yaml.safe_load(dump(config))["blur"] is None
    assert load(_write(tmp_path, dump(config))) == config
    assert parse({"data": data, "blur": None}) == config


@pytest.mark.parametrize("data", [PAIRS, PAIRS_MIX], ids=["pairs", "mix of pairs"])
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"blur": {}}, r"blur has no effect on pairs.*--set blur=null"),
        ({"blur": {"noise": [0, 9]}}, "blur has no effect on pairs"),
        ({"blur": {"jpeg": [60, 90]}}, "blur has no effect on pairs"),
        ({"data": {"color_jitter": 0.5}}, "data.color_jitter has no effect on pairs"),
        ({"data": {"margin": 16}}, "data.margin has no effect on pairs"),
    ],
)
def test_a_key_without_effect_on_pairs_is_refused_by_name(data, changed, reason):
    values = {"data": data | changed.get("data", {})}
    with pytest.raises(ConfigError, match=reason):
        parse(values | {key: changed[key] for key in changed.keys() - {"data"}})


def test_a_crop_of_pairs_may_be_smaller_than_the_canvas_of_kernels():
    assert parse({"data": PAIRS | {"crop": [16, 24]}}).data.crop == (16, 24)


def test_an_override_to_pairs_leaves_the_blur_of_the_file_out(tmp_path):
    path = _write(tmp_path, {"data": {"batch": 3}, "blur": {"noise": [0, 1]}})
    assert load(path, ["data.source=pairs", "data.path=x"]).blur is None
    assert load(path, ["data={source: pairs}"]).blur is None
    with pytest.raises(ConfigError, match="blur has no effect on pairs"):
        load(path, ["data.source=pairs", "blur.noise=[0, 3]"])
    # Where the file itself says pairs, its blur is a mistake.
    path = _write(tmp_path, {"data": PAIRS, "blur": {"noise": [0, 1]}})
    with pytest.raises(ConfigError, match="blur has no effect on pairs"):
        load(path, ["data.path=y"])


def test_an_override_of_the_source_leaves_out_the_keys_of_the_other(tmp_path):
    path = _write(tmp_path, {"data": {"count": 7, "batch": 3}})
    config = load(path, ["data.source=folder", "data.path=x"])
    assert (config.data.path, config.data.count, config.data.batch) == ("x", 600, 3)
    with pytest.raises(ConfigError, match="count is for source 'plates'"):
        load(path, ["data.source=folder", "data.count=9"])
    mix = _write(tmp_path, {"data": {"source": "mix", "mix": MIX}})
    config = load(mix, ["data.source=plates", "data.count=5"])
    assert (config.data.mix, config.data.count) == ((), 5)
    # The same source again changes nothing.
    assert load(mix, ["data.source=mix"]) == load(mix)


@pytest.mark.parametrize(
    "data",
    [
        {"source": "plates"},
        {"source": "folder", "path": "x"},
        {"source": "mix", "mix": MIX},
        {"source": "mix", "mix": [{"weight": 1, **PAIRS}, MIX[0]]},
    ],
    ids=["plates", "folder", "mix", "mix with pairs"],
)
def test_sharp_pictures_need_a_blur(tmp_path, data):
    assert parse({"data": data}).blur is not None
    path = _write(tmp_path, {"data": data, "blur": None})
    with pytest.raises(ConfigError, match=r"blur is null.*--set blur=\{\}"):
        load(path)
    assert load(path, ["blur={}"]).blur == Config().blur


def test_only_the_set_tells_whether_tfds_needs_a_blur():
    data = {"source": "tfds", "name": "x"}
    assert parse({"data": data}).blur == Config().blur
    assert parse({"data": data, "blur": None}).blur is None


# All keys, for the manual.


def _leaves(values, prefix=""):
    for key, value in values.items():
        if isinstance(value, dict) and key not in ("content", "if_unavailable"):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_every_key_is_listed_with_its_default_and_a_description():
    listed = {key.key: key for key in describe_fields()}
    defaults = dict(_leaves(as_dict(Config())))
    parts = {key for key in listed if key.startswith("data.mix.N.")}
    assert parts == {f"data.mix.N.{key}" for key in MixPart.model_fields}
    assert listed.keys() - parts == defaults.keys()
    for key, default in defaults.items():
        assert yaml.safe_load(listed[key].default) == default, key
    assert len(listed) == len(describe_fields())
    for key in listed.values():
        assert key.type, key
        assert len(key.description) > 5, key
        assert "\n" not in key.description, key


def test_types_are_in_words_with_their_ranges():
    types = {key.key: key.type for key in describe_fields()}
    assert types["seed"] == "whole number, at least 0, below 2147483648"
    assert types["data.scale"] == "number, above 0, at most 1"
    assert types["train.steps"] == "whole number, at least 1, or null"
    assert types["data.flip"] == "true or false"
    assert types["model.upsample"] == "transpose, resize"
    assert types["train.betas"] == (
        "[number, at least 0, below 1; number, at least 0, below 1]"
    )
    defaults = {key.key: key.default for key in describe_fields()}
    assert defaults["data.mix.N.weight"] == "must be given"


TEXTS = [
    *("My Photos #1", "2024-05-01T10:00:00", "2024-05-01", "20240501", "0123", "1e5"),
    *("no", "on", "~", "a: b", "[x", "{x}", "*/sharp/*", "x=y", " x ", "it's", "-1"),
    *(
        "1:30",
        "'a' and 'b'",
        "&x",
        "!x",
        "%x",
        "@x",
        "`x`",
        "x # y",
        "null.png",
        "0x1F",
    ),
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("key", ["data.path", "data.mix.0.path", "train.start_from"])
def test_an_override_of_a_text_is_all_that_stands_behind_the_first_sign(
    tmp_path, key, text
):
    data = {"source": "folder"}
    if "mix" in key:
        data = {"source": "mix", "mix": [{"source": "folder", "weight": 1}]}
    config = _overridden(tmp_path, {"data": data}, f"{key}={text}")
    value = as_dict(config)
    for part in key.split("."):
        value = value[int(part) if part.isdecimal() else part]
    assert value == text
    assert load(_write(tmp_path, dump(config))) == config


@pytest.mark.parametrize(
    "text", ["2024-05-01T10:00:00", "2024-05-01", "20240501", "0123", "1e5", "no", "on"]
)
@pytest.mark.parametrize(
    "form",
    [
        "data: {{source: folder, path: {}}}",
        "data:\n  source: folder\n  path: {}\n",
        "data: {{source: mix, mix: [{{weight: 1, source: folder, path: {}}}]}}",
    ],
    ids=["line", "lines", "mix"],
)
def test_a_text_in_a_file_is_not_taken_for_a_number_or_a_date(tmp_path, form, text):
    values = form.format(text)
    config = load(_write(tmp_path, values))
    (part,) = config.data.mix or (config.data,)
    assert part.path == text


def test_a_section_in_an_override_is_yaml_with_texts_of_their_own(tmp_path):
    value = "data={source: folder, path: 0123, scale: 0.5, flip: no}"
    config = _overridden(tmp_path, {}, value)
    assert (config.data.path, config.data.scale) == ("0123", 0.5)
    assert config.data.flip is False


@pytest.mark.parametrize(
    ("override", "value"),
    [("data.path=null", None), ("data.path=", None), ("data.path='null'", "null")],
)
def test_null_is_null_where_the_key_may_be_null(tmp_path, override, value):
    values = {"data": {"source": "folder", "path": "x"}}
    assert _overridden(tmp_path, values, override).data.path == value


@pytest.mark.parametrize(
    ("override", "steps"), [("0100", 100), ("1_000", 1000), ("0x10", 16), (" 7 # x", 7)]
)
def test_a_whole_number_is_decimal(tmp_path, override, steps):
    config = _overridden(tmp_path, {}, f"train.steps={override}")
    assert config.train.steps == steps


def test_a_clock_time_is_no_number(tmp_path):
    with pytest.raises(ConfigError, match=r"train\.steps: .* got '1:30'"):
        _overridden(tmp_path, {}, "train.steps=1:30")


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 5)
)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (BOMB, "has more than 10,000 values"),
        ("data: &a {path: *a}\n", "refers to itself"),
        ("data: &a [1, [2, *a]]\n", "refers to itself"),
        ("data: " + "[" * 2_000, "nested too deep"),
        ("#" * 200_000, "has 200,000 characters; at most 100,000"),
        ("seed: " + "1" * 5_000, "4300 digits"),
        ("strange: {inner: 2024-13-45}\n", "month must be in 1..12"),
    ],
    ids=lambda x: str(x)[:20],
)
def test_yaml_that_stands_for_more_than_it_shows_is_refused(tmp_path, text, what):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=what):
        load(path)


def test_aliases_of_ordinary_sizes_are_read():
    text = "a: &a {x: [1, 2]}\nb: *a\nc: [*a, *a]\n"
    both = {"x": [1, 2]}
    assert read_yaml(text, None) == {"a": both, "b": both, "c": [both, both]}
