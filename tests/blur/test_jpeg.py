"""JPEG as tensor operations against libjpeg, through Pillow."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deblurgan_tf.blur.jpeg import jpeg
from deblurgan_tf.data.plates.render import render_plate
from deblurgan_tf.images import to_float, to_uint8


def _pictures(height, width):
    """A rendered plate, smooth colours, and noise."""
    rng = np.random.default_rng(3)
    plate = render_plate(7, height, width)[0]
    colours = rng.uniform(0, 255, (4, 5, 3)).astype(np.float32)
    smooth = tf.image.resize(colours, (height, width), "bicubic").numpy()
    noise = rng.integers(0, 256, (height, width, 3))
    return np.stack([plate, smooth.clip(0, 255), noise]).astype(np.uint8)


def _through_pillow(picture, quality):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file))


def _through_tensors(pictures, qualities):
    values = jpeg(to_float(tf.constant(pictures)), tf.constant(qualities))
    return to_uint8(values).numpy()


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("size", [(96, 224), (67, 101)])
def test_jpeg_gives_what_libjpeg_gives(quality, size):
    pictures = _pictures(*size)
    made = _through_tensors(pictures, [quality] * len(pictures))
    for picture, ours in zip(pictures, made, strict=True):
        theirs = _through_pillow(picture, quality)
        difference = np.abs(ours.astype(int) - theirs)
        assert difference.mean() <= 0.5
        assert (difference <= 3).mean() >= 0.999


def test_each_picture_has_its_own_quality():
    pictures = _pictures(64, 96)[[0, 0, 0]]
    together = _through_tensors(pictures, [20, 60, 100])
    for picture, quality, ours in zip(pictures, [20, 60, 100], together, strict=True):
        alone = _through_tensors(picture[None], [quality])
        np.testing.assert_array_equal(ours, alone[0])
    lost = np.abs(together.astype(int) - pictures).mean((1, 2, 3))
    assert lost[0] > lost[1] > lost[2]


def test_jpeg_compiles_as_one_program():
    pictures = _pictures(32, 48)
    compiled = tf.function(jpeg, jit_compile=True)
    made = compiled(to_float(tf.constant(pictures)), tf.constant([80, 80, 80]))
    difference = to_uint8(made).numpy().astype(int) - _through_tensors(
        pictures, [80, 80, 80]
    )
    # A rounding that falls the other way moves one step of a table.
    assert np.abs(difference).mean() < 0.05
