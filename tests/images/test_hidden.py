"""What transparent pixels hide must not reach the visible ones."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from helpers.pictures import photo
from PIL import Image

from deblurgan_tf import images
from deblurgan_tf.images.hidden import filled


def cut_out(height=40, width=52):
    """Opacity with a hidden corner, a hidden hole, and a soft edge beside it."""
    alpha = np.full((height, width), 255, np.uint8)
    alpha[: height // 2, : width // 2] = 0
    alpha[-9:-4, -11:-5] = 0
    alpha[height // 2, : width // 2] = 90
    return alpha


def with_hidden(colour, value):
    colour = colour.copy()
    colour[cut_out(*colour.shape[:2]) == 0] = value
    return colour


def saved(samples, kind, **options):
    out = io.BytesIO()
    Image.fromarray(samples).save(out, kind, **options)
    return out.getvalue()


def files(value):
    """The same picture in many formats, with `value` under its transparent parts."""
    pixels = with_hidden(photo(40, 52, 0), value)
    alpha = cut_out()
    four = np.dstack([pixels, alpha])
    grey = np.dstack([pixels[..., 0], alpha])
    deep = four.astype(np.uint16) * 257

    def ours(samples, kind):
        colour, opacity = samples[..., :-1], np.ascontiguousarray(samples[..., -1])
        if colour.shape[2] == 1:
            colour = colour.repeat(3, 2)
        picture = images.Picture(colour, opacity, samples.shape[2] == 2, kind)
        return images.encode(picture)

    def tiff(samples, extra):
        out = io.BytesIO()
        tifffile.imwrite(out, samples, photometric="rgb", extrasamples=[extra])
        return out.getvalue()

    yield "PNG", saved(four, "PNG")
    yield "PNG grey", saved(grey, "PNG")
    yield "PNG deep", ours(deep, "PNG")
    yield "PNG deep grey", ours(deep[..., [0, 3]], "PNG")
    yield "WEBP", saved(four, "WEBP", lossless=True, exact=True)
    yield "BMP", ours(four, "BMP")
    yield "TIFF", tiff(four, "unassalpha")
    yield "TIFF deep", tiff(deep, "unassalpha")
    yield "TIFF deep multiplied", tiff(deep, "assocalpha")


# One opaque colour stands for the hidden pixels.
def keyed(value):
    pixels = with_hidden(np.maximum(photo(40, 52, 0), 9), value)
    yield "PNG with one transparent colour", saved(pixels, "PNG", transparency=value)
    index = np.where(cut_out() == 0, 3, np.arange(52) % 3).astype(np.uint8)
    palette = Image.fromarray(index, "L").convert("P")
    palette.putdata(index.ravel().tolist())
    palette.putpalette([0, 40, 90, 200, 90, 10, 80, 80, 30, *value])
    for kind in ("PNG", "GIF"):
        out = io.BytesIO()
        palette.save(out, kind, transparency=3)
        yield f"{kind} palette", out.getvalue()


BLACK, WHITE = (0, 0, 0), (255, 255, 255)
PAIRS = [
    *zip(files(BLACK), files(WHITE), strict=True),
    *zip(keyed((0, 0, 0)), keyed((1, 2, 3)), strict=True),
]


@pytest.mark.parametrize(
    ("one", "other"), [(a[1], b[1]) for a, b in PAIRS], ids=[a[0] for a, _ in PAIRS]
)
def test_pictures_that_look_alike_are_decoded_alike(one, other):
    first, second = images.decode(one, "a"), images.decode(other, "b")
    hidden = first.alpha == 0
    assert hidden.any() and not hidden.all()
    np.testing.assert_array_equal(first.alpha, second.alpha)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    plain = images.decode_rgb(one, "a")
    np.testing.assert_array_equal(plain, images.decode_rgb(other, "b"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [None, 3])
@pytest.mark.parametrize("size", [(64, 96), (61, 97), (1, 30), (600, 40)])
def test_visible_pixels_stay_and_hidden_ones_continue_them(dtype, channels, size):
    y, x = np.mgrid[: size[0], : size[1]]
    ramp = np.rint(40 + 120 * (x + y) / sum(size)).astype(dtype)
    ramp = ramp * 257 if dtype == np.uint16 else ramp
    colour = ramp if channels is None else np.stack([ramp] * channels, 2)
    alpha = np.full(size, np.iinfo(dtype).max, dtype)
    alpha[size[0] // 3 : size[0] // 2, size[1] // 4 : size[1] // 2] = 0
    spoilt = colour.copy()
    spoilt[alpha == 0] = np.iinfo(dtype).max
    result = filled(spoilt, alpha)
    assert result.dtype == dtype and result.shape == colour.shape
    np.testing.assert_array_equal(result[alpha > 0], colour[alpha > 0])
    error = np.abs(result.astype(float) - colour) / (257 if dtype == np.uint16 else 1)
    assert error.max() < 12  # a hole in a smooth picture is hardly seen


def test_what_is_nearly_transparent_counts_as_hidden():
    colour = np.full((4, 6, 3), 100, np.uint8)
    colour[:, 3] = 255
    for opacity, expected in ((0, 100), (2, 100), (3, 255)):
        alpha = np.full((4, 6), 255, np.uint8)
        alpha[:, 3] = opacity
        assert set(filled(colour, alpha)[:, 3].ravel().tolist()) == {expected}
        deep = filled(colour * np.uint16(257), alpha * np.uint16(257))
        assert set(deep[:, 3].ravel().tolist()) == {expected * 257}


def test_a_picture_that_is_hidden_altogether_or_not_at_all_stays_as_it_was():
    colour = photo(9, 12, 0)
    assert filled(colour, None) is colour
    for opacity in (0, 255):
        assert filled(colour, np.full((9, 12), opacity, np.uint8)) is colour


def test_hidden_colours_do_not_change_what_a_network_makes_of_the_rest():
    def restored(data):
        # A stand-in that looks as far as a network does: the mean of all pixels.
        picture = images.decode(data, "a.png")
        away = picture.pixels.mean((0, 1)).astype(int) - picture.pixels
        pixels = np.clip(picture.pixels - away // 4, 0, 255).astype(np.uint8)
        return images.decode(images.encode(picture.with_pixels(pixels)), "r.png")

    black, white = (restored(dict(files(value))["PNG"]) for value in (BLACK, WHITE))
    np.testing.assert_array_equal(black.pixels, white.pixels)
