"""Pictures that are dropped on the page, shown on it, and handed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError, UsageError

MAX_BYTES = 30 * 2**20
MAX_PIXELS = 16_000_000
"""Larger pictures are refused by their header, before they are decoded. Phones take
pictures of 12 megapixels; a processor restores one in minutes."""
SHOWN = 1600
"""Pixels of the longest side of a shown picture. Files that are handed out keep their
size."""
SMALLEST_SHOWN = 480
"""Pixels of the longest side to which smaller pictures are enlarged, about: a plate of
128 pixels would be too small to see."""


def open_picture(path: Path) -> images.Picture:
    """Reads a picture that a visitor dropped, of any format of `images`, upright.

    Raises UsageError for a file or a picture that is too large, PictureError for a file
    that is no picture, an animation, damaged, or empty.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise UsageError(
            f"{path.name}: has {size / 2**20:.0f} MB, but the page takes at most "
            f"{MAX_BYTES // 2**20} MB; make it smaller, or use "
            "python -m deblurgan_tf.predict"
        )
    # Messages name the file as the visitor knows it, without the server's path.
    data = path.read_bytes()
    area = images.area_of(data, path.name)
    if area > MAX_PIXELS:
        raise UsageError(
            f"{path.name}: has {area / 1e6:.0f} megapixels, but the page takes at most "
            f"{MAX_PIXELS / 1e6:.0f}; make it smaller, or use "
            "python -m deblurgan_tf.predict"
        )
    return images.decode(data, path.name)


def described(picture: images.Picture, name: str) -> str:
    """One line for the visitor: name, width and height, bits, grey, transparency.

    What was missing in the file, or had to be left out, follows.
    """
    height, width = picture.pixels.shape[:2]
    words = [f"{name}: {width}x{height} pixels"]
    if picture.pixels.dtype == np.uint16:
        words.append("16 bits")
    if picture.grey:
        words.append("grey")
    if picture.alpha is not None:
        words.append("with transparency")
    return "; ".join([", ".join(words), *picture.notices])


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """uint8 or uint16 of any shape -> uint8."""
    if pixels.dtype == np.uint8:
        return pixels
    return images.to_uint8(images.to_float(pixels))


def shown(
    pixels: np.ndarray,
    like: images.Picture | None = None,
    mark: Callable[[np.ndarray, float], None] | None = None,
) -> bytes:
    """A JPEG of pixels (H, W, 3), downsampled or enlarged to fit the page.

    like: the picture whose colour profile the JPEG gets; without it a browser shows
    other colours. mark: is called with the fitted pixels (uint8) and the scale, and
    may draw on them.
    """
    scale = shown_scale(*pixels.shape[:2])
    fitted = eight_bits(pixels)
    if scale != 1:
        height, width = (max(round(side * scale), 1) for side in fitted.shape[:2])
        # Enlarged pixels stay visible as squares: interpolation would invent values.
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
        fitted = cv2.resize(fitted, (width, height), interpolation=method)
    if mark is not None:
        fitted = fitted.copy()
        mark(fitted, scale)
    profile = None if like is None or like.grey else _profile(like)
    return images.encode(images.Picture(fitted, format="JPEG", icc=profile))


def _profile(picture: images.Picture) -> bytes | None:
    try:
        return images.profile_of(picture)
    except PictureError:
        return None  # of high dynamic range: before and after are shown alike


def shown_scale(height: int, width: int) -> float:
    """The factor by which `shown` resizes a picture: a whole number, or below 1."""
    longest = max(height, width)
    if longest > SHOWN:
        return SHOWN / longest
    return max(SMALLEST_SHOWN // longest, 1)


def handed_out(picture: images.Picture, pixels: np.ndarray) -> bytes:
    """A PNG of the restored pixels with the picture's size and bits.

    Transparency, colour profile, resolution and EXIF are those of the picture.
    """
    return images.encode(replace(picture.with_pixels(pixels), format="PNG"))
