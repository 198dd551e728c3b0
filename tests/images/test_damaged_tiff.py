"""TIFFs whose strips or tiles are missing or damaged, as far as it can be told."""

from __future__ import annotations

import io
import lzma
import zlib

import numpy as np
import pytest
import tifffile
from helpers.pictures import photo
from helpers.tiff_files import picture_tags, tiff
from PIL import Image

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import libtiff

PIXELS = photo(60, 70, 0)
GREY = PIXELS[..., 0]
HALF = GREY.size // 2


def saved(mode, scheme):
    out = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(out, "TIFF", compression=scheme)
    return out.getvalue()


def tiled(dtype, **options):
    out = io.BytesIO()
    pixels = PIXELS * dtype(257 if dtype == np.uint16 else 1)
    options = {"photometric": "rgb", "tile": (32, 32)} | options
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def in_two_strips(first, second, **options):
    starts, lengths = (8, 8 + len(first)), (len(first), len(second))
    return tiff(picture_tags(60, 70, starts, lengths, **options), body=first + second)


def halves(dtype=np.uint8):
    data = (GREY.astype("<u2") * 257 if dtype == np.uint16 else GREY).tobytes()
    return data[: len(data) // 2], data[len(data) // 2 :]


def refused(data, match):
    with pytest.raises(PictureError, match=r"bad\.tif: damaged.*" + match):
        images.decode(data, "bad.tif")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("scheme", [1, 8])
def test_strips_that_are_missing(bits, scheme):
    dtype = np.uint8 if bits == 8 else np.uint16
    both = [half if scheme == 1 else zlib.compress(half) for half in halves(dtype)]
    sound = in_two_strips(*both, bits=bits, scheme=scheme)
    pixels = images.decode(sound, "a.tif").pixels[..., 0]
    np.testing.assert_array_equal(pixels, GREY * dtype(257 if bits == 16 else 1))
    one, other = both
    places = (8, 8 + len(one)), (len(one), len(other))
    for starts, lengths in (
        (places[0][:1], places[1][:1]),
        ((8, 0), places[1]),
        (places[0], (len(one), 0)),
        ((8, 10_000_000), places[1]),
    ):
        tags = picture_tags(60, 70, starts, lengths, bits=bits, scheme=scheme)
        tags[278] = picture_tags(60, 70, *places)[278]
        refused(tiff(tags, body=one + other), "pixels|missing")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("scheme", "pack"),
    [(8, zlib.compress), (32946, zlib.compress), (34925, lzma.compress)],
)
def test_the_sums_of_compressed_strips(bits, scheme, pack):
    one, other = halves(np.uint8 if bits == 8 else np.uint16)
    sound = pack(one), pack(other)
    images.decode(in_two_strips(*sound, bits=bits, scheme=scheme), "a.tif")
    for wrong in (
        sound[1][:-1] + bytes([sound[1][-1] ^ 1]),
        sound[1][:-4],
        sound[1][: len(sound[1]) // 2],
        pack(other[:-1]),
        pack(other[: len(other) // 2]),
        pack(other + bytes(3_000_000)),
    ):
        refused(in_two_strips(sound[0], wrong, bits=bits, scheme=scheme), "")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=str)
def test_tiles_that_are_missing(dtype, options):
    data = tiled(dtype, **options)
    np.testing.assert_array_equal(
        images.eight_bits(images.decode(data, "a.tif").pixels), PIXELS
    )
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        for tag in (324, 325):
            entry = file.pages[0].tags[tag]
            wrong = bytearray(data)
            size = 2 if entry.dtype == 3 else 4
            place = entry.valueoffset + 2 * size
            wrong[place : place + size] = bytes(size)
            refused(bytes(wrong), "missing")


@pytest.mark.parametrize("scheme", ["group4", "tiff_ccitt"])
def test_what_libtiff_says_of_a_fax(scheme, capfd):
    data = saved("1", scheme)
    images.decode(data, "a.tif")
    found = 0
    for place in range(60, len(data) - 300, max(1, len(data) // 12)):
        try:
            images.decode(data[:place] + bytes(30) + data[place + 30 :], "bad.tif")
        except PictureError as error:
            found += "the compressed pixels are damaged; Fax" in str(error)
    assert found
    assert capfd.readouterr() == ("", "")


def test_a_fax_that_nothing_could_tell_of_is_refused(monkeypatch):
    monkeypatch.setattr(libtiff, "_install", lambda: False)
    with pytest.raises(PictureError, match="a.tif: fax compressions are read with"):
        images.decode(saved("1", "group4"), "a.tif")
    images.decode(saved("RGB", "tiff_lzw"), "a.tif")


def test_a_jpeg_in_a_tiff_that_was_cut():
    data = saved("RGB", "jpeg")
    images.decode(data, "a.tif")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        start, length = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    for part in (0.3, 0.6, 0.9):
        kept = int(length * part)
        rest = b"\xff\xd9" + bytes(length - kept - 2)
        refused(data[: start + kept] + rest + data[start + length :], "pixels are mis")


def test_what_cannot_be_told_is_read():
    one, other = halves()
    picture = images.decode(in_two_strips(one, bytes(len(other))), "a.tif")
    assert (picture.pixels[30:] == 0).all()
