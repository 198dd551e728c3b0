"""The reader of plates: its outputs, the views it is shown, and weights from ONNX."""

from __future__ import annotations

import csv

import cv2
import keras
import numpy as np
import pytest
from helpers.places import REFERENCE

from deblurgan_tf.images import read_rgb
from deblurgan_tf.models import reader

SHARED = REFERENCE.parent
START = SHARED / "weights" / "reader_start.onnx"
CROPS = SHARED / "data" / "plates" / "us_crops"


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return reader.reader()


def test_the_reader_has_a_row_of_signs_for_each_column_and_tells_the_lines(model):
    outputs = model.predict_on_batch(np.zeros((2, 48, 320, 3), np.float32))
    assert outputs["signs"].shape == (2, 40, 49)
    assert outputs["lines"].shape == (2, 1)
    assert 2_900_000 < model.count_params() < 3_100_000


def test_a_saved_reader_reads_the_same(model, tmp_path):
    model.save(tmp_path / "reader.keras")
    again = keras.models.load_model(tmp_path / "reader.keras")
    plates = np.random.default_rng(2).uniform(-1, 1, (1, 48, 320, 3)).astype("float32")
    for name, values in model.predict_on_batch(plates).items():
        np.testing.assert_array_equal(again.predict_on_batch(plates)[name], values)


def test_a_reader_of_any_width_equals_that_of_one_width(model):
    free = reader.reader(width=None)
    free.set_weights(model.get_weights())
    plates = np.random.default_rng(3).uniform(-1, 1, (1, 48, 320, 3)).astype("float32")
    signs = free.predict_on_batch(plates)["signs"]
    np.testing.assert_allclose(
        signs, model.predict_on_batch(plates)["signs"], atol=1e-5
    )
    assert free.predict_on_batch(plates[:, :, :240])["signs"].shape == (1, 30, 49)


def test_every_marked_sign_has_a_letter_without_its_mark():
    assert set(reader.UNMARKED) == set(reader.MARKED_SIGNS)
    assert set(reader.UNMARKED.values()) < set(reader.PLAIN_SIGNS)
    assert len(set(reader.SIGNS)) == len(reader.SIGNS) == 48


@pytest.mark.parametrize("size", [(20, 71), (48, 320), (150, 500), (9, 400)])
@pytest.mark.parametrize("two_lines", [False, True])
def test_a_view_is_stretched_to_the_size_of_the_network(size, two_lines):
    plate = np.full((*size, 3), (255, 0, 51), np.uint8)
    view = reader.view(plate, two_lines)
    assert view.shape == (48, 320, 3) and view.dtype == np.float32
    np.testing.assert_allclose(view, np.broadcast_to((1, -1, -0.6), view.shape))


def test_the_view_of_two_lines_shows_the_upper_left_of_the_lower():
    plate = np.zeros((100, 130, 3), np.uint8)
    plate[:45], plate[55:] = 100, 200
    view = (reader.view(plate, two_lines=True) + 1) * 127.5
    np.testing.assert_allclose(view[:36, :160], 100, atol=1e-3)
    np.testing.assert_allclose(view[12:, 160:], 200, atol=1e-3)


def _probabilities(logits: np.ndarray) -> np.ndarray:
    values = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return values / values.sum(axis=-1, keepdims=True)


@pytest.mark.skipif(not START.is_file(), reason="needs ../shared/weights")
def test_the_weights_of_an_onnx_file_read_as_onnx_runtime_does():
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    rng = np.random.default_rng(4)
    plates = [rng.uniform(-1, 1, (48, 240, 3)) for _ in range(2)]
    with open(CROPS / "plates.csv", newline="") as file:
        rows = list(csv.DictReader(file))[:6]
    for row in rows:
        crop = cv2.resize(read_rgb(CROPS / row["file"]), (240, 48))
        plates.append(crop / 127.5 - 1.0)
    batch = np.array(plates, np.float32)
    session = onnxruntime.InferenceSession(str(START))
    blue_first = np.ascontiguousarray(batch[..., ::-1].transpose(0, 3, 1, 2))
    expected = session.run(None, {"plates": blue_first})[0]
    outputs = reader.convert(START, width=240).predict_on_batch(batch)
    np.testing.assert_allclose(
        _probabilities(outputs["signs"]), expected, rtol=0, atol=1e-4
    )
    np.testing.assert_array_equal(outputs["lines"], 0.0)


def test_an_onnx_file_of_another_network_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    kernel = onnx.numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "kernel")
    bias = onnx.numpy_helper.from_array(np.ones(4, np.float32), "bias")
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "kernel", "bias"], ["y"])],
        "other",
        [onnx.helper.make_tensor_value_info("x", kind, [1, 3, 8, 8])],
        [onnx.helper.make_tensor_value_info("y", kind, [1, 4, 6, 6])],
        [kernel, bias],
    )
    onnx.save(onnx.helper.make_model(graph), tmp_path / "other.onnx")
    with pytest.raises(reader.ReaderError, match="other.onnx.*PP-OCRv6"):
        reader.convert(tmp_path / "other.onnx")
