"""Drawing tools for plates: colours through masks, noise, small print, plain shapes.

Pictures are uint8 RGB (height, width, 3), masks uint8 (height, width). Functions that
take a picture and return nothing change it in place. `cap` is always the height of
capital letters in pixels.
"""

import functools

import cv2
import numpy as np

from deblurgan_tf.data.plates.glyphs import ABOVE, BELOW, level, words
from deblurgan_tf.data.plates.spec import Color

_AA = cv2.LINE_AA


def blend(image: np.ndarray, color: Color, mask: np.ndarray) -> None:
    """Paint `color` over `image` (h, w, 3) in place, with the opacity of `mask` (h, w).

    Both are uint8; 255 is opaque.
    """
    rest = cv2.bitwise_not(mask)
    kept = cv2.multiply(image, cv2.merge([rest, rest, rest]), scale=1 / 255)
    paint = cv2.merge([cv2.convertScaleAbs(mask, alpha=c / 255) for c in color])
    np.copyto(image, cv2.add(kept, paint))


def sheet(height: int, width: int, color: Color) -> np.ndarray:
    """A picture (height, width, 3) uint8 of one colour."""
    image = np.empty((height, width, 3), np.uint8)
    cv2.rectangle(image, (0, 0), (width, height), color, -1)  # faster than np.full
    return image


@functools.lru_cache(maxsize=1)
def _clouds() -> np.ndarray:
    """Fractal noise (512, 512) uint8, full range, the same in every process."""
    rng = np.random.default_rng(20180401)
    total = np.zeros((512, 512), np.float32)
    for cells, share in ((6, 1.0), (16, 0.7), (40, 0.5), (110, 0.4), (256, 0.3)):
        grid = rng.standard_normal((cells, cells)).astype(np.float32)
        total += share * cv2.resize(grid, (512, 512), interpolation=cv2.INTER_CUBIC)
    # Ranks instead of values: a threshold t then covers a known part of the area.
    ranks = total.ravel().argsort().argsort().reshape(total.shape)
    clouds = (ranks * 256 // ranks.size).astype(np.uint8)
    clouds.setflags(write=False)
    return clouds


def clouds(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A random piece (height, width) of fractal noise, uint8, equally distributed."""
    zoom = float(rng.uniform(0.7, 1.0))
    rows = max(8, int(512 * zoom * min(1.0, height / width)))
    columns = max(8, int(512 * zoom * min(1.0, width / height)))
    top = int(rng.integers(512 - rows + 1))
    left = int(rng.integers(512 - columns + 1))
    piece = _clouds()[top : top + rows, left : left + columns]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    return cv2.resize(piece, (width, height), interpolation=cv2.INTER_LINEAR)


def jitter(rng: np.random.Generator, color: Color, spread: float = 9.0) -> Color:
    """`color` with a small random change, as by printing and by years of sunlight.

    spread: standard deviation of the change, grey levels of 255.
    """
    moved = np.clip(np.array(color) + rng.normal(0, spread, 3), 0, 255)
    return (int(moved[0]), int(moved[1]), int(moved[2]))


def paste(mask: np.ndarray, piece: np.ndarray, x: int, y: int) -> None:
    """Put `piece` on `mask` with its top left corner at (x, y): the maximum of both.

    What lies outside the mask is cut off.
    """
    top, left = max(0, -y), max(0, -x)
    target = mask[max(0, y) : y + piece.shape[0], max(0, x) : x + piece.shape[1]]
    if target.size:
        rows, columns = target.shape
        np.maximum(target, piece[top : top + rows, left : left + columns], out=target)


def print_words(
    image: np.ndarray,
    text: str,
    font: str,
    color: Color,
    center: tuple[float, float],
    cap: float,
    max_width: float,
) -> None:
    """Draw a line of small print on `image` in place.

    font: a key of `glyphs.FONTS`; center: of the capitals, (x, y) in pixels. A line
    wider than `max_width` pixels is narrowed; capitals lower than 3 pixels are left out
    since nobody could read them.
    """
    if cap < 3 or not text:
        return
    source = words(font, text, level(cap))
    height = max(2, round(cap * (1 + ABOVE + BELOW)))
    width = round(min(max_width, source.shape[1] * height / source.shape[0]))
    piece = cv2.resize(source, (max(2, width), height), interpolation=cv2.INTER_AREA)
    mask = np.zeros(image.shape[:2], np.uint8)
    x, y = round(center[0] - width / 2), round(center[1] - cap * (0.5 + ABOVE))
    paste(mask, piece, x, y)
    rows = slice(max(0, y), max(0, y + height))
    blend(image[rows], color, mask[rows])


def disc(image: np.ndarray, x: float, y: float, radius: float, color: Color) -> None:
    """A filled circle in place; centre and radius are rounded to 1/16 pixel."""
    center = (round(x * 16), round(y * 16))
    cv2.circle(image, center, max(8, round(radius * 16)), color, -1, _AA, 4)


def polygon(image: np.ndarray, points: np.ndarray, color: Color) -> None:
    """A filled polygon in place, with the corners `points` (n, 2), (x, y) in pixels."""
    cv2.fillPoly(image, [np.round(points * 16).astype(np.int32)], color, _AA, 4)


def rounded(height: int, width: int, radius: int) -> np.ndarray:
    """Mask (height, width) of a rectangle with round corners; radius in pixels."""
    mask = np.zeros((height, width), np.uint8)
    r = max(1, radius)
    cv2.rectangle(mask, (r, 0), (width - 1 - r, height - 1), 255, -1)
    cv2.rectangle(mask, (0, r), (width - 1, height - 1 - r), 255, -1)
    for x in (r, width - 1 - r):
        for y in (r, height - 1 - r):
            cv2.circle(mask, (x, y), r, 255, -1, _AA)
    return mask


def rectangle(
    image: np.ndarray, x: float, y: float, width: float, height: float, color: Color
) -> None:
    """A filled rectangle in place, its top left corner at (x, y), in whole pixels."""
    first, last = (round(x), round(y)), (round(x + width), round(y + height))
    cv2.rectangle(image, first, last, color, -1)


def mix(first: Color, second: Color, share: float) -> Color:
    """`first` and `second` mixed; share: that of `second`, 0 to 1."""
    parts = [round(a + (b - a) * share) for a, b in zip(first, second, strict=True)]
    return (parts[0], parts[1], parts[2])
