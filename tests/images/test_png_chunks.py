"""What stands beside the pixels of a PNG: kept, or left out and told, never fatal."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from helpers.pictures import photo
from PIL import Image, ImageCms

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import png_chunks

PIXELS = photo(12, 20, 0)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LARGE = bytes(range(256)) * 4200  # more than 1 MB
KEY = b"Raw profile type exif\0"


def chunk(name, body):
    total = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", total)


def plain(dtype):
    pixels = PIXELS if dtype == np.uint8 else PIXELS * np.uint16(257)
    return images.encode(images.Picture(pixels))


def with_chunks(*added, dtype=np.uint8, behind=False):
    data = plain(dtype)
    place = len(data) - 12 if behind else 33
    return data[:place] + b"".join(added) + data[place:]


def names_in(data):
    return [name for name, _, _ in png_chunks.chunks(io.BytesIO(data))]


def profile(body):
    return chunk(b"iCCP", b"name\0\0" + zlib.compress(body))


LEFT_OUT = {
    "tEXt": (chunk(b"tEXt", b"Comment\0" + LARGE), "text of more than 1 MB, 'Comment'"),
    "zTXt": (
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LARGE)),
        "text of more than 1 MB, 'Comment'",
    ),
    "iTXt": (
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LARGE)),
        "text of more than 1 MB, 'XML:com.adobe.xmp'",
    ),
    "iTXt, not packed": (
        chunk(b"iTXt", b"a\x1b[2J\0\0\0\0\0" + LARGE),
        r"text of more than 1 MB, 'a\x1b[2J'",
    ),
    "iCCP": (profile(ICC + LARGE), "colour profile of more than 1 MB"),
    "iCCP that is none": (profile(b"no profile"), "colour profile, damaged"),
    "iCCP not packed": (chunk(b"iCCP", b"name\0\0zz"), "colour profile, damaged"),
    "eXIf": (chunk(b"eXIf", b"MM\0*" + LARGE), "EXIF data of more than 1 MB"),
    "no hex": (
        chunk(b"tEXt", KEY + b"\nexif\n9\nno hex"),
        "EXIF data stored as a text, damaged",
    ),
    "no lines": (chunk(b"tEXt", KEY + b"?"), "EXIF data stored as a text, damaged"),
    "no EXIF": (
        chunk(b"zTXt", KEY + b"\0" + zlib.compress(b"\nexif\n2\n1234")),
        "EXIF data stored as a text, damaged",
    ),
    "wrong sum": (chunk(b"gAMA", bytes(4))[:-4] + bytes(4), "gAMA chunk, damaged"),
    "wrong length": (chunk(b"cHRM", bytes(4)), "cHRM chunk, damaged"),
    "half a resolution": (chunk(b"pHYs", bytes(4)), "resolution, damaged"),
}


@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_too_much_or_damaged_is_left_out_and_told(name, dtype, behind):
    added, notice = LEFT_OUT[name]
    data = with_chunks(added, dtype=dtype, behind=behind)
    picture = images.decode(data, "a.png")
    assert picture.notices == (f"left out: {notice}",)
    np.testing.assert_array_equal(
        picture.pixels, PIXELS * dtype(1 + 256 * (dtype != np.uint8))
    )
    assert images.size_of(data, "a.png") == PIXELS.shape[:2]
    result = images.encode(picture)
    assert images.decode(result, "b.png").notices == ()
    assert Image.open(io.BytesIO(result)).size == PIXELS.shape[1::-1]


def test_a_text_that_unpacks_to_gigabytes_costs_little():
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(60))
    text = chunk(b"zTXt", b"bomb\0\0" + packed + packer.flush())
    data = with_chunks(*[text] * 500)
    begun = images.decode(data, "a.png")
    assert begun.notices[0] == "left out: text of more than 1 MB, 'bomb'"
    assert len(begun.notices) == 64  # no more of them are looked at


COLOUR = {
    "cICP": bytes((12, 13, 0, 1)),
    "sRGB": b"\1",
    "gAMA": struct.pack(">I", 100_000),
    "cHRM": struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
    "mDCV": bytes(24),
    "cLLI": bytes(8),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("names", [["gAMA", "cHRM"], ["sRGB"], [*COLOUR]], ids=str)
@pytest.mark.parametrize("kind", ["RGB", "RGBA", "L", "LA"])
def test_what_the_numbers_mean_is_kept(kind, names, dtype):
    image = np.asarray(Image.fromarray(PIXELS).convert(kind))
    channels = np.atleast_3d(image)[..., : 3 if kind[0] == "R" else 1]
    alpha = None if kind[-1] != "A" else np.full(PIXELS.shape[:2], 200, np.uint8)
    scale = dtype(257 if dtype == np.uint16 else 1)
    before = images.Picture(
        channels.repeat(4 - channels.shape[2], 2)[..., :3] * scale,
        None if alpha is None else alpha * scale,
        kind[0] == "L",
        icc=ICC,
    )
    data = images.encode(before)
    added = [chunk(name.encode(), COLOUR[name]) for name in names]
    data = data[:33] + b"".join(added) + data[33:]
    picture = images.decode(data, "a.png")
    assert picture.notices == ()
    wanted = tuple((name.encode(), COLOUR[name]) for name in names)
    assert picture.png_colour == wanted
    result = images.encode(picture.with_pixels(picture.pixels))
    assert images.decode(result, "b.png").png_colour == wanted
    assert images.decode(result, "b.png").icc == ICC
    order = names_in(result)
    assert all(order.index(name) < order.index(b"IDAT") for name, _ in wanted)
    other = Image.open(io.BytesIO(result))
    other.load()
    if "gAMA" in names:
        assert other.info["gamma"] == 1.0
        assert other.info["chromaticity"][2] == 0.68


def test_other_formats_get_an_equivalent_profile():
    linear = chunk(b"gAMA", COLOUR["gAMA"])
    picture = images.decode(with_chunks(linear), "a.png")
    for kind in ("JPEG", "TIFF", "WEBP"):
        data = images.encode(replace(picture, format=kind))
        icc = images.decode(data, "b").icc
        shown = ImageCms.profileToProfile(
            Image.fromarray(PIXELS),
            ImageCms.ImageCmsProfile(io.BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
        )
        light = PIXELS / 255
        curve = np.where(
            light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
        )
        assert np.abs(np.asarray(shown) - 255 * curve).max() < 1.5
    srgb = images.decode(with_chunks(chunk(b"sRGB", b"\0")), "a.png")
    assert images.decode(images.encode(replace(srgb, format="JPEG")), "b").icc is None
    film = images.decode(with_chunks(chunk(b"cICP", bytes((9, 16, 0, 1)))), "a.png")
    with pytest.raises(PictureError, match=r"JPEG cannot hold .*9/16.* PNG"):
        images.encode(replace(film, format="JPEG"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_png_without_its_end(dtype):
    data = plain(dtype)
    whole = images.decode(data, "a.png")
    for cut in (1, 4, 12):
        picture = images.decode(data[:-cut], "cut.png")
        np.testing.assert_array_equal(picture.pixels, whole.pixels)
        assert picture.notices == (png_chunks.NO_END,)
    idat = data.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", data, idat)
    packed = data[idat + 8 : idat + 8 + length]
    short = data[:idat] + chunk(b"IDAT", packed[: length // 2])
    for end in (b"", b"\1\2\3\4\1\2\3\4"):
        with pytest.raises(PictureError, match=r"cut\.png: damaged"):
            images.decode(short + end, "cut.png")
