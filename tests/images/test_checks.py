"""What is given as pixels and is none is answered with what to call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deblurgan_tf import images, restore_plates, restore_video
from deblurgan_tf.plates.detection import find_plates, read_plate


class Restorer:
    def restore(self, pixels):
        images.check_pixels(pixels)
        return pixels


@pytest.mark.parametrize("path", ["a.png", Path("a.png"), b"a.png"])
@pytest.mark.parametrize(
    "use",
    [
        images.check_pixels,
        find_plates,
        read_plate,
        lambda path: restore_plates(Restorer(), path),
    ],
)
def test_a_path_is_answered_with_what_to_call(path, use):
    with pytest.raises(TypeError, match=r"read_rgb\(b?'a.png'\)") as raised:
        use(path)
    assert "python -m deblurgan_tf.predict a.png --output" in str(raised.value)


def test_a_pillow_image_is_answered_with_how_to_make_an_array():
    with pytest.raises(TypeError, match=r"numpy.asarray\(image.convert"):
        images.check_pixels(Image.new("RGB", (4, 4)))


@pytest.mark.parametrize(
    ("pixels", "what"),
    [
        (np.zeros((4, 4), np.uint8), r"not \(4, 4\)"),
        (np.zeros((4, 0, 3), np.uint8), r"not \(4, 0, 3\)"),
        (np.zeros((4, 4, 4), np.uint8), r"not \(4, 4, 4\)"),
        (np.zeros((4, 4, 3), np.float32), "not float32"),
    ],
)
def test_an_array_of_another_kind_is_refused(pixels, what):
    with pytest.raises(ValueError, match=what):
        images.check_pixels(pixels)
    images.check_pixels(np.zeros((1, 1, 3), np.uint16))


def test_a_model_s_name_is_no_restorer_and_a_restorer_is_no_function(tmp_path):
    with pytest.raises(TypeError, match=r"deblurgan_tf\.load"):
        restore_plates("plates", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(TypeError, match=r"load\(\)\.restore"):
        restore_video(tmp_path / "a.mp4", tmp_path / "b.mp4", Restorer())
