"""A picture in memory: its pixels and everything else that its file said."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
}
"""File name endings and the format each stands for: what `write` writes."""

SUFFIXES = frozenset(FORMATS)


@dataclass(frozen=True)
class Compression:
    """How a JPEG was compressed: enough to write another one of the same quality.

    `tables` are the quantisation tables of its components (64 numbers each, repeats
    at the end left out), `subsampling` is Pillow's number: 0 is 4:4:4, 1 is 4:2:2,
    2 is 4:2:0.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: int
    progressive: bool


@dataclass(frozen=True, eq=False)
class Picture:
    """Upright pixels and what came with them.

    Raises ValueError on construction when shapes or types do not fit together.
    """

    pixels: np.ndarray
    """RGB, uint8 or uint16, (H, W, 3); the three are equal for a grey file."""
    alpha: np.ndarray | None = None
    """Opacity, same type, (H, W); None when the file had none."""
    grey: bool = False
    """The file was greyscale, and is written so (as the luma of `pixels`)."""
    format: str = "PNG"
    """One of the values of FORMATS, or "GIF", which can be read only."""
    icc: bytes | None = None
    exif: bytes | None = None
    """With its "Exif" prefix; the orientation tag, where there is one, says 1."""
    dpi: tuple[float, float] | None = None
    jpeg: Compression | None = None
    """None: not a JPEG, or one of unusual make; then quality 95 is written."""
    lossless: bool = False
    """For WebP: compress without loss. The other formats but JPEG always do."""

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
        """Return a copy with other pixels of the same size and type.

        Raises ValueError when shape or type differ: the rest would no longer fit.
        """
        mine = self.pixels
        if (pixels.shape, pixels.dtype) != (mine.shape, mine.dtype):
            raise ValueError(
                f"new pixels are {pixels.shape} {pixels.dtype}, but the picture is "
                f"{mine.shape} {mine.dtype}"
            )
        return replace(self, pixels=pixels)
