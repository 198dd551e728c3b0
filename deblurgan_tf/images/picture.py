"""A picture in memory: its pixels and everything else that its file holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".avif": "AVIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
}
"""Endings of file names and their formats: what `encode` writes."""

SUFFIXES = frozenset(FORMATS)
"""Endings of the files that count as pictures, in lower case."""


@dataclass(frozen=True)
class Compression:
    """How a JPEG was compressed: enough to write another one of the same quality.

    Attributes:
        tables: the quantisation tables of its components, 64 numbers each; a table that
            repeats the one before it is left out at the end.
        subsampling: of the chroma, as Pillow numbers it: 0 is 4:4:4, 1 is 4:2:2, 2 is
            4:2:0.
        progressive: whether it is a progressive JPEG.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: int
    progressive: bool


@dataclass(frozen=True, eq=False)
class Picture:
    """Upright pixels, and what else the file holds.

    Raises ValueError when shapes or types do not fit together.
    """

    pixels: np.ndarray
    """RGB, uint8 or uint16 (H, W, 3); the channels are equal for a grey file."""
    alpha: np.ndarray | None = None
    """Opacity (H, W), of the same type; None if the file has none. Where it hides the
    pixels, `decode` fills their colours from the visible ones."""
    grey: bool = False
    """The file is greyscale; it is written so, as the luma of `pixels`."""
    format: str = "PNG"
    """One of the values of FORMATS, or "GIF", which is read but not written."""
    icc: bytes | None = None
    """The colour profile."""
    exif: bytes | None = None
    """The EXIF block with its "Exif" prefix; its orientation tag, if any, is 1."""
    dpi: tuple[float, float] | None = None
    """Pixels per inch, horizontally and vertically."""
    jpeg: Compression | None = None
    """None for other formats and for unusual JPEGs, which are written at quality 95."""
    lossless: bool = False
    """For WebP: compress without loss. PNG, TIFF and BMP always do."""
    png_colour: tuple[tuple[bytes, bytes], ...] = ()
    """What else says what the numbers of a PNG mean: the names and bodies of its chunks
    cICP, sRGB, gAMA, cHRM, mDCV and cLLI. cICP counts before the colour profile, the
    others behind it."""
    notices: tuple[str, ...] = ()
    """What a user should know about the file: what was missing or left out."""

    def __post_init__(self) -> None:
        pixels, alpha = self.pixels, self.alpha
        if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(f"pixels must be (H, W, 3), not {pixels.shape}")
        if pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"pixels must be uint8 or uint16, not {pixels.dtype}")
        if alpha is None:
            return
        if (alpha.shape, alpha.dtype) != (pixels.shape[:2], pixels.dtype):
            raise ValueError(
                f"alpha is {alpha.shape} {alpha.dtype}, but the pixels are "
                f"{pixels.shape} {pixels.dtype}"
            )

    def with_pixels(self, pixels: np.ndarray) -> Picture:
        """Return a copy with other pixels of the same shape and type.

        Raises ValueError when shape or type differ.
        """
        mine = self.pixels
        if (pixels.shape, pixels.dtype) != (mine.shape, mine.dtype):
            raise ValueError(
                f"new pixels are {pixels.shape} {pixels.dtype}, but the picture is "
                f"{mine.shape} {mine.dtype}"
            )
        return replace(self, pixels=pixels)
