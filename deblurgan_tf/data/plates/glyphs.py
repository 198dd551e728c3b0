"""Glyphs of the plates and lines of small print, as grey masks.

Threads must not share a FreeType font of Pillow. So none is kept: each mask is made
once with a font of its own, cached, and read-only from then on.
"""

import functools
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deblurgan_tf.storage.resources import resource

_OURS = {
    "din": "OSP-DIN.ttf",
    "bebas": "BebasNeue-Bold.otf",
    "highway_c": "RG2014C.ttf",
    "highway_d": "RG2014D.ttf",
    "routed": "routed-gothic.ttf",
    "routed_narrow": "routed-gothic-narrow.ttf",
}
# Small print only; these come with Matplotlib.
_MATPLOTLIB = {
    "sans": "DejaVuSans-Bold.ttf",
    "serif": "DejaVuSerif-Bold.ttf",
    "script": "STIXGeneralBolIta.ttf",
}
FONTS: tuple[str, ...] = (*_OURS, *_MATPLOTLIB)

# Routed Gothic's 1 and I look the same. The 1 of the highway fonts replaces it; the
# number makes its strokes thinner, in hundredths of the capitals' height.
_BORROWED = {
    ("routed", "1"): ("highway_d", -4),
    ("routed_narrow", "1"): ("highway_c", -4),
}

# A mask extends above the capitals and below the baseline; multiples of their height.
ABOVE = 0.2
BELOW = 0.3
# Heights of capitals, in pixels, at which masks are drawn; between them, a mask is
# downsampled from the next larger one.
_LEVELS = (32, 64, 128, 256, 512)


def font_path(font: str) -> Path:
    """The file of a key of `FONTS`; KeyError for another name."""
    if font in _OURS:
        return resource("assets", "fonts", _OURS[font])
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / _MATPLOTLIB[font]


def level(cap: float) -> int:
    """The capitals' height, in pixels, at which masks for `cap` are drawn."""
    return next((size for size in _LEVELS if size >= cap), _LEVELS[-1])


@functools.lru_cache(maxsize=len(FONTS) * len(_LEVELS))
def _points(font: str, cap: int) -> int:
    """The font size, in pixels, whose capital H is `cap` pixels high."""
    size = 1000
    box = ImageFont.truetype(font_path(font), size).getbbox("H", anchor="ls")
    return max(1, round(size * cap / (box[3] - box[1])))


def _mask(font: str, text: str, cap: int, weight: int) -> np.ndarray:
    """Mask of a text; the arguments are those of `glyph`."""
    face = ImageFont.truetype(font_path(font), _points(font, cap))
    left, _, right, _ = face.getbbox(text, anchor="ls")
    grow = abs(weight) * cap // 100 + 2
    width = int(right - left) + 2 * grow
    height = round(cap * (1 + ABOVE + BELOW))
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).text(
        (grow - left, round(cap * (1 + ABOVE))), text, 255, font=face, anchor="ls"
    )
    mask = np.array(image)
    if weight:
        side = 2 * max(1, round(abs(weight) * cap / 200)) + 1
        brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        mask = (cv2.dilate if weight > 0 else cv2.erode)(mask, brush)
    columns = np.flatnonzero(mask.max(axis=0) > 8)
    if columns.size:  # a space has no ink
        mask = mask[:, columns[0] : columns[-1] + 1]
    mask = np.ascontiguousarray(mask)
    mask.setflags(write=False)
    return mask


@functools.lru_cache(maxsize=2048)
def glyph(font: str, char: str, cap: int, weight: int) -> np.ndarray:
    """Mask (rows, columns), uint8, of one character; no empty columns at its sides.

    Args:
        font: a key of `FONTS`.
        char: one character.
        cap: height of the capitals in pixels, a value of `level`.
        weight: how much thicker the strokes are than the font's, in hundredths of
            `cap`; negative: thinner.
    """
    font, thinner = _BORROWED.get((font, char), (font, 0))
    return _mask(font, char, cap, weight + thinner)


@functools.lru_cache(maxsize=512)
def words(font: str, text: str, cap: int) -> np.ndarray:
    """Mask like `glyph`'s, of a whole line of small print."""
    return _mask(font, text, cap, 0)


@functools.lru_cache(maxsize=64)
def pitch_width(font: str, weight: int) -> float:
    """Width of a character where all have the same, as a multiple of the height."""
    return float(np.mean([glyph(font, c, 64, weight).shape[1] for c in "HN08D"])) / 64
