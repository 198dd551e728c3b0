"""The command, the files it writes, and their answers against those of predict."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import subprocess
import sys
from itertools import chain

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import convolutional, narrow_resnet
from helpers.pictures import photo, softened
from typer.testing import CliRunner

from deblurgan_tf import export, images
from deblurgan_tf.errors import WorkFailed
from deblurgan_tf.exporting import (
    agreement,
    graph,
    litert_file,
    model_card,
    options,
    saved_model,
    warm_up,
    writing,
)
from deblurgan_tf.inference.restorer import Restorer, load
from deblurgan_tf.models.deblurgan import resnet_generator
from deblurgan_tf.storage.installation import install_command
from deblurgan_tf.storage.resources import resource

MODEL = "plates_quick"  # small: the tests export it again and again
EXTRAS = {
    "saved_model": ["tensorflow_serving"],
    "onnx": ["onnx", "tf2onnx", "onnxruntime"],
    "litert": ["ai_edge_litert"],
}
FILES = {
    "saved_model": "1",
    "onnx": "plates_quick.onnx",
    "litert": "plates_quick.tflite",
}
# A plate, odd, tall, a single pixel, flat.
PICTURES = [
    softened(photo(*size, 1)) for size in ((64, 128), (33, 47), (150, 9), (1, 1))
]
PICTURES.append(np.full((20, 31, 3), (250, 3, 77), np.uint8))


def run(*arguments):
    """(exit code, what it said); an exception that is not an exit fails the test."""
    result = CliRunner().invoke(export.app, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Format -> (what the command said, the shipped model in that format)."""
    known = {}

    def export_once(form):
        for extra in EXTRAS[form]:
            pytest.importorskip(extra, reason=f"--format {form} needs an extra")
        if form not in known:
            output = tmp_path_factory.mktemp(form) / "plates_quick"
            code, said = run("--model", MODEL, "--output", output, "--format", form)
            assert code == 0, said
            known[form] = said, output / FILES[form]
        return known[form]

    return export_once


@pytest.fixture(scope="module")
def wanted():
    """What predict makes of PICTURES with the shipped model."""
    restorer = load(MODEL)
    return [restorer.restore(picture) for picture in PICTURES]


def assert_close(restored, wanted):
    """At most one grey level apart, in at most one of a thousand values."""
    for one, other in zip(restored, wanted, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert np.abs(one.astype(int) - other).max() <= 1
    differing = sum(np.sum(a != b) for a, b in zip(restored, wanted, strict=True))
    assert differing <= 1e-3 * sum(each.size for each in wanted)


# The files.


def test_a_saved_model_answers_as_predict(exported, wanted):
    said, folder = exported("saved_model")
    run = tf.saved_model.load(str(folder)).signatures["serving_default"]
    answers = [run(image=tf.constant(x[None]))["restored"] for x in PICTURES]
    assert_close([answer.numpy()[0] for answer in answers], wanted)
    assert "serve_bytes: 9 pictures" in said and "ready for TensorFlow Serving" in said


def test_an_onnx_file_answers_as_predict_by_standard_operators(exported, wanted):
    _, file = exported("onnx")
    import onnx
    import onnxruntime

    proto = onnx.load(file)
    assert [(x.domain, x.version) for x in proto.opset_import] == [("", 17)]
    assert {node.domain for node in proto.graph.node} == {""}
    (image,), (restored,) = proto.graph.input, proto.graph.output
    for value, name in ((image, "image"), (restored, "restored")):
        kind = value.type.tensor_type
        assert (value.name, kind.elem_type) == (name, onnx.TensorProto.UINT8)
        axes = [axis.dim_param or axis.dim_value for axis in kind.shape.dim]
        assert axes == ["N", "H", "W", 3]
    metadata = {each.key: each.value for each in proto.metadata_props}
    assert metadata["model"] == "plates_quick"
    session = onnxruntime.InferenceSession(file)
    answers = [session.run(["restored"], {"image": x[None]})[0] for x in PICTURES]
    assert_close([answer[0] for answer in answers], wanted)
    pair = np.stack([PICTURES[0], PICTURES[0][::-1]])
    (both,) = session.run(["restored"], {"image": pair})
    assert_close([both[0]], wanted[:1])


def test_a_litert_file_answers_as_predict_without_flex(exported, wanted):
    _, file = exported("litert")
    from ai_edge_litert.interpreter import Interpreter

    assert b"Flex" not in file.read_bytes()  # how TensorFlow's operators are named
    interpreter = Interpreter(model_path=str(file))
    (image,) = interpreter.get_input_details()
    (restored,) = interpreter.get_output_details()
    assert image["shape_signature"].tolist() == [-1, -1, -1, 3]
    assert image["dtype"] == restored["dtype"] == np.uint8
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["restored"]}
    }
    answers = []
    for picture in PICTURES:
        interpreter.resize_tensor_input(image["index"], [1, *picture.shape])
        interpreter.allocate_tensors()
        interpreter.set_tensor(image["index"], picture[None])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(restored["index"])[0])
    assert_close(answers, wanted)


def test_smaller_weights_say_what_they_cost(exported, tmp_path):
    _, full = exported("litert")
    quantised = ("--model", MODEL, "--format", "litert", "--quantize", "int8")
    code, said = run("--output", tmp_path, *quantised)
    assert code == 0, said
    file = tmp_path / "plates_quick-int8.tflite"
    assert file.stat().st_size < 0.4 * full.stat().st_size
    assert "16 rendered plates: blurred 18.75 dB, restored by predict 21.03" in said
    assert "lost" in (tmp_path / "plates_quick-int8.tflite.md").read_text()
    assert sorted(tmp_path.iterdir()) == [file, file.with_name(file.name + ".md")]


def test_half_precision_weights_are_stored_as_such(tmp_path):
    pytest.importorskip("ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter

    model, file = narrow_resnet(), tmp_path / "half.tflite"
    litert_file.save(model, file, "float16")
    interpreter = Interpreter(model_path=str(file))
    kinds = [tensor["dtype"] for tensor in interpreter.get_tensor_details()]
    convolutions = sum("conv2d" in layer.name for layer in model.layers)
    assert kinds.count(np.float16) >= convolutions
    answer = interpreter.get_signature_runner()(image=PICTURES[0][None])["restored"]
    wanted = Restorer(model).restore(PICTURES[0])
    assert 0 < np.abs(answer[0].astype(int) - wanted).max() <= 8


def test_assets_extra_holds_card_config_and_batching(exported):
    _, folder = exported("saved_model")
    extra = folder / "assets.extra"
    card = (extra / "MODEL_CARD.md").read_text()
    weights = resource("assets", "models", "plates_quick.keras").read_bytes()
    assert hashlib.sha256(weights).hexdigest() in card
    assert "an estimate, not evidence" in card and "1,048,576 pixels" in card
    assert "serving_default: 9 pictures" in card and "Licence: MIT" in card
    config = resource("experiments", "plates_quick", "config.yaml").read_text()
    assert (extra / "config.yaml").read_text() == config
    assert (
        "max_batch_size { value: 16 }"
        in (extra / "batching_parameters.txt").read_text()
    )


def test_a_runs_export_has_its_name_and_config(tmp_path):
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    for name in ("generator.keras", "config.yaml"):
        (run / name).write_text(name)
    found = model_card.source(str(run), run / "generator.keras")
    assert (found.name, found.config, found.about) == (
        "mine",
        run / "config.yaml",
        None,
    )
    # A file of one's own does not take a shipped model's card by its name.
    own = tmp_path / "plates_quick.keras"
    own.write_text("")
    found = model_card.source(str(own), own)
    assert found[:1] + found[2:] == ("plates_quick", None, None)


def test_a_model_that_doubles_by_nearest_neighbours_becomes_a_litert_file(tmp_path):
    pytest.importorskip("ai_edge_litert")
    model = resnet_generator(width=2, blocks=1, dropout=0.0, upsample="resize", seed=0)
    model.set_weights([weight * 10 for weight in model.get_weights()])
    file = tmp_path / "resize.tflite"
    litert_file.save(model, file)
    agreement.compare(file, Restorer(model), agreement.FLOAT32)


def test_a_model_that_cannot_be_converted_is_reported_in_one_line(tmp_path):
    pytest.importorskip("ai_edge_litert")
    blurred = keras.Input((None, None, 3))
    odd = keras.Model(blurred, keras.ops.erfinv(0.5 * blurred), name="odd")
    odd.save(tmp_path / "odd.keras")
    code, said = run(
        *("--model", tmp_path / "odd.keras", "--output", tmp_path / "out"),
        *("--format", "litert"),
    )
    assert code == 1 and "odd cannot be written as litert" in said
    assert list((tmp_path / "out").iterdir()) == []


def test_floats_stay_in_their_range(tmp_path):
    blurred = keras.Input((None, None, 3))
    bright = keras.Model(blurred, 3.0 * blurred)
    image = tf.reshape(tf.linspace(0.0, 1.0, 16 * 20 * 3), (1, 16, 20, 3))
    restored = saved_model.signatures(bright)["serve_float"](image)["restored"]
    expected = np.clip((3 * (2 * image - 1) + 1) / 2, 0, 1)
    np.testing.assert_allclose(restored, expected, atol=1e-6)


# The graph.


def test_a_flat_picture_is_passed_through_only_by_a_model_with_statistics():
    flat = np.full((1, 20, 24, 3), 90, np.uint8)
    for model in (narrow_resnet(), convolutional()):
        answer = graph.restoring_uint8(model)(tf.constant(flat))["restored"].numpy()
        assert_close(answer, [Restorer(model).restore(flat[0])])
        assert (answer == flat).all() == (model.name == "resnet_generator")


def test_a_request_is_restored_in_parts_of_limited_size():
    sizes = []

    def restore(pictures):
        tf.py_function(lambda x: sizes.append(len(x)), [pictures], [])
        return -pictures

    values = tf.random.stateless_uniform((7, 16, 20, 3), [1, 2])
    function = tf.function(lambda x: graph.in_parts(restore, x, 1000), autograph=False)
    np.testing.assert_array_equal(function(values), -values)
    assert sizes == [3, 3, 1]
    sizes.clear()
    # One that is larger than the limit goes alone: whether it may is asked before.
    wide = tf.zeros((2, 16, 100, 3))
    assert function(wide).shape == wide.shape and sizes == [1, 1]


def test_pictures_above_the_limit_are_refused():
    run = saved_model.signatures(narrow_resnet(), max_pixels=400)["serving_default"]
    for shape in ((20, 20), (1, 25), (25, 16)):
        picture = photo(*shape, 0)[None]
        assert run(tf.constant(picture))["restored"].shape == picture.shape
    for shape in ((20, 21), (1, 26), (401, 1)):
        picture = photo(*shape, 0)[None]
        with pytest.raises(tf.errors.InvalidArgumentError, match="at most 400 pixels"):
            run(tf.constant(picture))
    for shape in ((0, 9, 9, 3), (1, 0, 9, 3)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="holds no pixels"):
            run(tf.zeros(shape, tf.uint8))


def test_floats_outside_the_range_are_refused():
    run = saved_model.signatures(narrow_resnet())["serve_float"]
    image = np.full((1, 8, 8, 3), 0.5, np.float32)
    assert run(tf.constant(image))["restored"].shape == image.shape
    for value in (-0.01, 1.01, 255.0, np.nan):
        image[0, 3, 4, 1] = value
        with pytest.raises(tf.errors.InvalidArgumentError, match="must lie in"):
            run(tf.constant(image))


# The comparison.


def test_another_model_does_not_agree(exported):
    _, file = exported("onnx")
    with pytest.raises(WorkFailed, match="Allowed are a difference of 1, in 0.01"):
        agreement.compare(file, Restorer(narrow_resnet()), agreement.FLOAT32)


def test_no_limit_is_below_what_is_compared_and_warmed_up_with():
    sizes = [picture.shape[:2] for picture in agreement.pictures()]
    assert max(h * w for h, w in [*sizes, *warm_up.SIZES]) == options.SMALLEST_LIMIT


def test_what_does_not_run_in_a_fresh_process_is_reported(tmp_path):
    pytest.importorskip("onnxruntime")
    file = tmp_path / "model.onnx"
    file.write_bytes(b"no graph")
    with pytest.raises(WorkFailed, match="model.onnx does not run .*INVALID"):
        agreement.answers(file, [])


def test_a_difference_fails_the_command_and_leaves_nothing(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_serving", reason="needs the extra serve")
    narrow_resnet().save(tmp_path / "narrow.keras")
    output = tmp_path / "out"

    def altered(path, pictures):
        restored = [np.zeros_like(picture) for picture in pictures]
        return {"restored": (restored, 0.0)}

    monkeypatch.setattr(agreement, "answers", altered)
    model = ("--model", tmp_path / "narrow.keras")
    code, said = run("--output", output, *model)
    assert code == 1
    assert "restored: 9 pictures, largest difference from predict 255 of 255" in said
    assert "not kept" in said
    assert list(output.iterdir()) == []


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_serving", reason="needs the extra serve")
    narrow_resnet().save(tmp_path / "narrow.keras")

    def full(temporary, path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing, "move_into_place", full)
    monkeypatch.setattr(agreement, "compare", lambda *_: [])
    output = tmp_path / "out"
    code, said = run("--output", output, "--model", tmp_path / "narrow.keras")
    assert code == 1 and f"{output / '1'}: cannot be written (No space left" in said
    assert list(output.iterdir()) == []


def test_a_full_disk_while_a_file_is_converted_is_reported_too(tmp_path, monkeypatch):
    narrow_resnet().save(tmp_path / "narrow.keras")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing.litert_file, "save", full)
    output = tmp_path / "out"
    arguments = ("--format", "litert", "--output", output)
    code, said = run(*arguments, "--model", tmp_path / "narrow.keras")
    assert code == 1 and "narrow.tflite: cannot be written (No space left" in said
    assert list(output.iterdir()) == []


def test_a_fault_of_ours_is_not_called_wrong_usage(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_serving", reason="needs the extra serve")

    def broken(model, file):
        raise ValueError("a fault of ours")

    monkeypatch.setattr(model_card, "source", broken)
    with pytest.raises(ValueError, match="a fault of ours"):
        run("--output", tmp_path, "--model", MODEL)


# The command.


def test_a_version_that_is_there_is_never_replaced(tmp_path):
    pytest.importorskip("tensorflow_serving")
    for name in ("1", "4", "notes"):
        (tmp_path / name).mkdir()
    code, said = run("--output", tmp_path, "--model", MODEL)
    assert code == 2 and "--version, for example 5" in said
    assert list((tmp_path / "1").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--model", MODEL, "--format", "onnx", "--quantize", "int8"],
            "--quantize is an option of litert",
        ),
        (
            ["--model", MODEL, "--format", "litert", "--version", "2"],
            "are options of saved_model",
        ),
        (["--model", "auto"], "export a model by its name"),
        ([], "--model"),
        (["--model", "none"], "is no shipped model"),
    ],
)
def test_wrong_usage_is_reported_before_anything_is_written(
    arguments, message, tmp_path
):
    for extra in chain.from_iterable(EXTRAS.values()):
        pytest.importorskip(extra)
    code, said = run("--output", tmp_path / "out", *arguments)
    assert code == 2 and message in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("form", "extra"),
    [("saved_model", "serve"), ("onnx", "onnx"), ("litert", "litert")],
)
def test_a_missing_extra_is_reported_with_the_way_to_install_it(
    form, extra, tmp_path, monkeypatch
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    out = tmp_path / "out"
    code, said = run("--output", out, "--model", MODEL, "--format", form)
    assert code == 2 and install_command(extra) in said
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused(tmp_path):
    pytest.importorskip("tensorflow_serving")
    (tmp_path / "file").write_text("")
    code, said = run("--output", tmp_path / "file", "--model", MODEL)
    assert code == 2 and "name a folder" in said


def test_help_does_without_tensorflow():
    code = (
        "import sys; from deblurgan_tf import export; "
        "assert not {'tensorflow', 'keras', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    status, said = run("--help")
    assert status == 0 and "--quantize" in said


def test_the_five_pictures_are_changed_by_the_model(wanted):
    # Else the comparisons above would hold for a file that copies its input.
    changed = [(a != b).mean() for a, b in zip(PICTURES, wanted, strict=True)]
    assert min(changed[:3]) > 0.5 and changed[3:] == [0, 0]
    assert (
        images.to_uint8(images.to_float(PICTURES[0])).tolist() == PICTURES[0].tolist()
    )
