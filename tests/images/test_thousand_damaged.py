"""A thousand damaged files, always the same ones: none is restored that tells of it."""

from __future__ import annotations

import io
import random

import cv2
import numpy as np
import pytest
from helpers.pictures import photo
from PIL import Image

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError

PIXELS = photo(120, 160, 0)
EACH = 60


def saved(kind, mode="RGB", **options):
    out = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(out, kind, **options)
    return out.getvalue()


def deep(kind):
    return images.encode(images.Picture(PIXELS * np.uint16(257), format=kind))


SOUND = {
    "PNG": saved("PNG"),
    "PNG of a palette": saved("PNG", "P"),
    "PNG of 16 bits": deep("PNG"),
    "JPEG": saved("JPEG", quality=90),
    "JPEG of full chroma": saved("JPEG", quality=90, subsampling=0),
    "JPEG, grey": saved("JPEG", "L", quality=90),
    "JPEG, CMYK": saved("JPEG", "CMYK", quality=90),
    "JPEG, progressive": saved("JPEG", quality=90, progressive=True),
    "JPEG with restarts": saved("JPEG", quality=90, restart_marker_blocks=4),
    "TIFF": saved("TIFF"),
    "TIFF, deflate": saved("TIFF", compression="tiff_adobe_deflate"),
    "TIFF, LZW": saved("TIFF", compression="tiff_lzw"),
    "TIFF of 16 bits": deep("TIFF"),
    "TIFF of 16 bits, LZW": cv2.imencode(".tiff", PIXELS * np.uint16(257))[1].tobytes(),
    "WebP": saved("WEBP", quality=90),
    "WebP without loss": saved("WEBP", lossless=True),
    "GIF": saved("GIF"),
}
# Which kinds of damage a format tells of: by sums, by an end, by the number of pixels.
ENDS = ("cut", "lost")
SUMS = (*ENDS, "zeroed", "bit", "noise")
TOLD = {
    "PNG": SUMS,
    "PNG of a palette": SUMS,
    "PNG of 16 bits": SUMS,
    "TIFF, deflate": SUMS,
    "TIFF of 16 bits": SUMS,
    "JPEG": ("cut", "closed"),
    "JPEG of full chroma": ("cut", "closed"),
    "JPEG, grey": ("cut", "closed"),
    "JPEG, CMYK": ("cut", "closed"),
    "JPEG, progressive": ("cut", "closed"),
    "JPEG with restarts": ("cut", "closed"),
    "TIFF": ("cut",),
    "TIFF, LZW": ("cut", "zeroed"),
    "TIFF of 16 bits, LZW": ("cut", "zeroed"),
    "WebP": ENDS,
    "WebP without loss": ENDS,
    "GIF": (*ENDS, "zeroed"),
}


def damaged(data, what, rng):
    """The file with a piece of its inside gone wrong."""
    place = rng.randrange(len(data) // 10, len(data) * 9 // 10)
    if what == "cut":
        return data[:place]
    if what == "closed":
        return data[:place] + b"\xff\xd9"
    if what == "lost":
        return data[:place] + data[place + 40 :]
    if what == "zeroed":
        return data[:place] + bytes(len(data) - place - 12) + data[-12:]
    if what == "bit":
        return data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :]
    return data[:place] + rng.randbytes(30) + data[place + 30 :]


def kinds_of(name):
    return (*SUMS, "closed") if "JPEG" in name else SUMS


def test_some_damaged_files_are_refused_by_name():
    decode_all(3)


@pytest.mark.damaged
def test_a_thousand_damaged_files():
    assert decode_all(EACH) >= 1000


def decode_all(each):
    """Decodes `each` files made of every sound one; returns how many there were."""
    count, unnamed, restored = 0, 0, []
    for name, data in SOUND.items():
        rng = random.Random(name)
        whole = images.decode(data, name).pixels
        for number in range(each):
            what = kinds_of(name)[number % len(kinds_of(name))]
            count += 1
            try:
                picture = images.decode(damaged(data, what, rng), "bad")
            except PictureError as refusal:
                unnamed += not str(refusal).startswith("bad: ")
                continue
            same = np.array_equal(picture.pixels, whole)
            if what in TOLD[name] and not same and not picture.notices:
                restored.append((name, what, number))
    assert (restored, unnamed) == ([], 0)
    return count
