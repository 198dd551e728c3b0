"""Files of version 0.1: converted bit by bit, refused everywhere else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from helpers.networks import save_as_version_0_1, untrained_unrolled

from deblurgan_tf.errors import ModelError
from deblurgan_tf.models import version_0_1
from deblurgan_tf.models.deblurgan import resnet_generator
from deblurgan_tf.models.files import open_model, shipped
from deblurgan_tf.storage.resources import resource

GENERATORS = {
    "unrolled": untrained_unrolled,
    "resnet": lambda: resnet_generator(width=2, blocks=1, seed=4),
}


def config_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_converted_model_is_the_same_to_the_bit_under_todays_names(tmp_path, kind):
    model = GENERATORS[kind]()
    model.save(tmp_path / "today.keras")
    # Saved twice: Keras writes some numbers of a model that was loaded otherwise.
    open_model(tmp_path / "today.keras").save(tmp_path / "again.keras")
    today = config_of(tmp_path / "again.keras")
    old = save_as_version_0_1(model, tmp_path / "old.keras")
    text = json.dumps(config_of(old))
    names = {"unrolled": ("FrameWaves", "DoubledPicture", "PointKernel", "reach")}
    for name in names.get(kind, ("WithoutFirst", "deblurgan_tf.layers")):
        assert name in text

    converted = version_0_1.convert(old)
    for one, other in zip(model.get_weights(), converted.get_weights(), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    blurred = np.random.default_rng(0).uniform(-1, 1, (1, 33, 50, 3)).astype("float32")
    np.testing.assert_array_equal(model(blurred), converted(blurred))
    # What is written is what would be written today.
    converted.save(tmp_path / "new.keras")
    assert config_of(tmp_path / "new.keras") == today
    np.testing.assert_array_equal(
        open_model(tmp_path / "new.keras")(blurred), model(blurred)
    )


def test_a_file_of_version_0_1_is_refused_with_the_command_that_converts_it(tmp_path):
    old = save_as_version_0_1(GENERATORS["resnet"](), tmp_path / "old.keras")
    command = r"python -m deblurgan_tf\.convert .*old\.keras --output NEW\.keras"
    with pytest.raises(ModelError, match=f"old.keras: was written by .*{command}"):
        open_model(old)


def refused(path, match):
    with pytest.raises(ModelError, match=match) as caught:
        version_0_1.convert(path)
    assert str(path) in str(caught.value)


def test_what_is_no_file_of_version_0_1_is_refused(tmp_path):
    today = tmp_path / "today.keras"
    GENERATORS["resnet"]().save(today)
    refused(today, "nothing to convert; use it as it is")
    refused(tmp_path / "missing.keras", "No such file")
    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes(today.read_bytes()[:3000])
    refused(damaged, "damaged")
    refused(tmp_path / "model.h5", r"not a \.keras file")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('"PadToMultiple"', '"PadToTwice"', "holds the layer PadToTwice, which ver"),
        ('"ReLU"', '"Lambda"', "Lambda layer, which is code"),
        ('"module": "keras.layers"', '"module": "subprocess"', "of subprocess, which"),
        ('"rate": 0.5', '"rate": 1.5', "cannot be loaded"),
    ],
)
def test_what_version_0_1_did_not_write_is_refused(tmp_path, old, new, match):
    whole = save_as_version_0_1(GENERATORS["resnet"](), tmp_path / "whole.keras")
    changed = tmp_path / "changed.keras"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data.replace(old.encode(), new.encode()))
    assert changed.read_bytes() != whole.read_bytes()
    refused(changed, match)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    old = save_as_version_0_1(GENERATORS["resnet"](), tmp_path / "old.keras")
    wider = tmp_path / "wider.keras"
    resnet_generator(width=3, blocks=1).save(wider)
    with zipfile.ZipFile(old) as one, zipfile.ZipFile(wider) as other:
        parts = {name: one.read(name) for name in one.namelist()}
        parts["model.weights.h5"] = other.read("model.weights.h5")
    with zipfile.ZipFile(old, "w") as target:
        for name, data in parts.items():
            target.writestr(name, data)
    refused(old, "cannot be loaded")


def test_importing_the_models_alone_registers_all_layers_of_the_shipped_ones():
    paths = [resource("assets", "models", f"{name}.keras") for name in shipped()]
    assert len(paths) >= 3
    found = set()
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            text = archive.read("config.json").decode()
        found |= set(re.findall(r'"registered_name": "(deblurgan_tf>\w+)"', text))
    assert {"deblurgan_tf>DftMatrices", "deblurgan_tf>InstanceNormalization"} <= found
    # Loading them is tested in test_restorer.
    code = (
        "import sys, keras, deblurgan_tf.models\n"
        "for name in sys.argv[1:]:\n"
        "    print(keras.saving.get_registered_object(name).__name__)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *sorted(found)], capture_output=True, text=True
    )
    names = [name.split(">")[1] for name in sorted(found)]
    assert result.stdout.splitlines() == names, result.stderr[-2000:]
