"""Pictures that come to the page, are shown on it, and are handed out again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import UsageError

MAX_BYTES = 30 * 2**20
MAX_PIXELS = 16_000_000
"""Larger pictures are refused by their header, before they are decoded. Phones take
pictures of 12 megapixels; a processor restores one in minutes."""
SHOWN = 1600
"""Longest side of what is shown, in pixels; files that are handed out are whole."""
SMALLEST_SHOWN = 480
"""Smaller pictures are enlarged to about this width: a plate of 128 pixels would be a
stamp on the page."""


def open_picture(path: Path) -> images.Picture:
    """Reads what a visitor dropped; any kind that `images` reads, upright.

    Raises UsageError for a file or a picture that is too large, PictureError for what
    is no picture, an animation, damaged, or empty.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise UsageError(
            f"{path.name}: has {size / 2**20:.0f} MB, but the page takes at most "
            f"{MAX_BYTES // 2**20} MB; make it smaller, or use "
            "python -m deblurgan_tf.predict"
        )
    # Messages name the file as the visitor knows it, not where it lies here.
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
    """One line for the visitor: the name, width and height, and what is special."""
    height, width = picture.pixels.shape[:2]
    words = [f"{name}: {width}x{height} pixels"]
    if picture.pixels.dtype == np.uint16:
        words.append("16 bits")
    if picture.grey:
        words.append("grey")
    if picture.alpha is not None:
        words.append("with transparency")
    return ", ".join(words)


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
    """A JPEG of pixels (H, W, 3) for the page, reduced or enlarged to fit it.

    like: gives its colour profile, without which a browser shows other colours. mark:
    is given the fitted pixels, uint8, and the scale, and may draw into them.
    """
    scale = shown_scale(*pixels.shape[:2])
    fitted = eight_bits(pixels)
    if scale != 1:
        height, width = (max(round(side * scale), 1) for side in fitted.shape[:2])
        # Enlarged pixels stay visible as squares: nothing is drawn that is not there.
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
        fitted = cv2.resize(fitted, (width, height), interpolation=method)
    if mark is not None:
        fitted = fitted.copy()
        mark(fitted, scale)
    profile = None if like is None or like.grey else like.icc
    return images.encode(images.Picture(fitted, format="JPEG", icc=profile))


def shown_scale(height: int, width: int) -> float:
    """How much larger `shown` makes a picture: a whole number or a reduction."""
    longest = max(height, width)
    if longest > SHOWN:
        return SHOWN / longest
    return max(SMALLEST_SHOWN // longest, 1)


def handed_out(picture: images.Picture, pixels: np.ndarray) -> bytes:
    """A PNG of the restored pixels, of the size and bits of the picture.

    Transparency, colour profile, resolution and EXIF are the picture's.
    """
    return images.encode(replace(picture.with_pixels(pixels), format="PNG"))
