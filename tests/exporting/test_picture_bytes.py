"""Files through `serve_bytes`: every kind that is taken, every kind that is refused."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import narrow_resnet
from helpers.picture_files import PHOTO, REFUSED, encoded
from helpers.pictures import photo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from deblurgan_tf import images
from deblurgan_tf.exporting import picture_bytes, saved_model
from deblurgan_tf.inference.restorer import Restorer

RESTORER = Restorer(narrow_resnet())


@pytest.fixture(scope="module")
def serve():
    """Files -> the restored files."""
    run = saved_model.signatures(RESTORER.model)["serve_bytes"]
    return lambda *files: run(tf.constant(files, tf.string))["restored_bytes"].numpy()


def assert_restored(answer, file):
    """The answer is a PNG of what predict makes of the file, alpha and depth kept."""
    wanted, found = images.decode(file, "file"), images.decode(answer, "answer")
    pixels = RESTORER.restore(wanted.pixels)
    assert (found.pixels.shape, found.pixels.dtype) == (pixels.shape, pixels.dtype)
    apart = np.abs(found.pixels.astype(int) - pixels)
    if pixels.dtype == np.uint8:
        assert apart.max() <= 1 and np.mean(apart > 0) <= 1e-2
    else:
        assert apart.max() <= 64  # a quarter of a grey level
    opaque = np.iinfo(wanted.pixels.dtype).max
    if wanted.alpha is None or (wanted.alpha == opaque).all():
        assert found.alpha is None
    else:
        np.testing.assert_array_equal(found.alpha, wanted.alpha)


# Taken.


def test_pictures_of_different_sizes_in_one_request(serve):
    pictures = [photo(*size, 1) for size in ((40, 9), (1, 1), (17, 64), (2, 90))]
    files = [encoded(x, kind) for x in pictures for kind in ("PNG", "JPEG")]
    for answer, file in zip(serve(*files), files, strict=True):
        assert answer.startswith(b"\x89PNG")
        assert_restored(answer, file)
    assert serve().shape == (0,)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_exif_orientations_are_applied(serve, kind):
    files = []
    for orientation in range(1, 9):
        for endian in "<>":
            exif = Image.Exif()
            exif.endian = endian
            exif[0x010F], exif[0x0112] = "A camera's maker", orientation
            files.append(encoded(PHOTO, kind, exif=exif.tobytes()))
    for answer, file in zip(serve(*files), files, strict=True):
        assert_restored(answer, file)
        assert images.decode(answer, "answer").exif is None
    shapes = [images.decode(answer, "answer").pixels.shape for answer in serve(*files)]
    assert shapes == [PHOTO.shape] * 8 + [(34, 21, 3)] * 8


def test_an_orientation_that_is_none_is_ignored(serve):
    for value in (0, 9, 300):
        exif = Image.Exif()
        exif[0x0112] = value
        (answer,) = serve(encoded(PHOTO, "JPEG", exif=exif.tobytes()))
        assert images.decode(answer, "answer").pixels.shape == PHOTO.shape


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA"])
def test_pngs_of_every_kind(serve, mode):
    alpha = np.full((*PHOTO.shape[:2], 1), 255, np.uint8)
    alpha[:5] = 40
    image = Image.fromarray(np.concatenate([PHOTO, alpha], 2))
    if mode == "PA":  # a palette with transparent entries
        image = image.quantize(60)
    else:
        image = image.convert("RGBA" if "A" in mode else "RGB").convert(mode)
    file = encoded(image, "PNG", **({"bits": 4} if mode == "P" else {}))
    assert_restored(serve(file)[0], file)


def test_palettes_and_greys_of_few_bits_are_opaque(serve):
    for bits in (1, 2, 4):
        image = Image.fromarray(PHOTO).quantize(2**bits)
        file = encoded(image, "PNG", bits=bits)
        assert file[24] == bits
        assert_restored(serve(file)[0], file)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_stay_sixteen(serve, channels):
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 65536, (18, 25, 4), np.uint16)
    deep[..., 3] = np.maximum(deep[..., 3], 771)  # nothing is hidden
    alpha = deep[..., 3] if channels == 4 else None
    colour = deep[..., :3] if channels > 1 else np.repeat(deep[..., :1], 3, axis=2)
    picture = images.Picture(colour, alpha=alpha, grey=channels == 1, format="PNG")
    file = images.encode(picture)
    assert file[24] == 16
    assert_restored(serve(file)[0], file)


def test_the_colours_of_transparent_pixels_do_not_count(serve):
    alpha = np.full((21, 34), 255, np.uint8)
    alpha[:12, :20] = 0
    files = []
    for hidden in (0, 255):
        pixels = PHOTO.copy()
        pixels[alpha == 0] = hidden
        files.append(encoded(np.dstack([pixels, alpha]), "PNG"))
    # TensorFlow's own decoder shows what lies below the transparent pixels as well.
    black, white = (tf.io.decode_png(x).numpy() for x in serve(*files))
    np.testing.assert_array_equal(black, white)
    # What the model sees is what it sees in predict, but for rounding.
    seen = picture_bytes.decode(tf.constant(files[0]), tf.constant("a"), 10_000)
    wanted = images.to_float(images.decode(files[0], "a.png").pixels)
    assert np.abs(seen.blurred.numpy() - wanted).max() <= 2.5 / 127.5


def test_a_flat_picture_comes_back_as_it_was(serve):
    flat = np.full((9, 30, 3), (1, 128, 254), np.uint8)
    (answer,) = serve(encoded(flat, "PNG"))
    np.testing.assert_array_equal(images.decode_rgb(answer, "answer"), flat)


# Refused.


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_fails_its_request_with_a_sentence(serve, name):
    file, message = REFUSED[name]
    good = encoded(PHOTO, "PNG")
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        serve(good, file)
    assert message in caught.value.message
    if "image_bytes" in caught.value.message:
        assert "image_bytes[1]" in caught.value.message
    assert_restored(serve(good)[0], good)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG"]))
def test_whatever_comes_is_answered_or_refused(serve, data, kind):
    file = bytearray(encoded(PHOTO[:9, :11], kind))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(2, len(file) - 1))] = data.draw(st.integers(0, 255))
    del file[data.draw(st.integers(0, len(file))) :]
    try:
        (answer,) = serve(bytes(file))
    except tf.errors.InvalidArgumentError:
        return
    images.decode(answer, "answer")


def test_the_orientation_is_looked_for_in_the_tags_alone():
    tag = b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00"
    for data, wanted in {
        b"\xff\xd8\xff" + tag: 1,
        b"\xff\xd8\xffExif\x00\x00II*\x00" + b"\x08\x00\x00\x00\x01\x00" + tag: 6,
        b"\xff\xd8\xffExif\x00\x00II*\x00" + bytes(500) + tag: 1,
        b"\xff\xd8\xffExif\x00\x00MM\x00*" + tag: 1,
        # Not at the place of an entry, in a comment, as a LONG, after another entry.
        b"\xff\xd8\xffExif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x00" + tag: 1,
        b"\xff\xd8\xffExif\x00\x00II*\x00" + tag: 1,
        b"\xff\xd8\xffExif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00"
        b"\x12\x01\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00": 8,
        b"\xff\xd8\xffExif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x02"
        + bytes(12)
        + b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x05\x00\x00": 5,
    }.items():
        assert picture_bytes.orientation(tf.constant(data)).numpy() == wanted
