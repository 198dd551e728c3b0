"""Where the plates are: places as text, by tapping two corners, and drawn."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from deblurgan_tf.errors import UsageError
from deblurgan_tf.plates.boxes import Box, parse_box
from deblurgan_tf.restoring.plates import RestoredPlate
from deblurgan_tf.web.pictures import eight_bits

COLOUR = (255, 196, 0)  # seen on dark and on light
MOST = 20  # places
CROP_WIDTH = 384  # pixels: a plate's crop is shown about as wide


def has_ocr() -> bool:
    """Whether plates can be found and read: the extra `ocr` is installed."""
    return importlib.util.find_spec("rapidocr") is not None


def boxes_in(text: str) -> list[Box]:
    """`x,y,w,h` in whole pixels, one a line -> boxes; UsageError names a wrong line.

    More than MOST are refused: each costs the memory and time of its part of the photo.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST:
        raise UsageError(f"at most {MOST} places at a time; there are {len(lines)}")
    return [parse_box(line) for line in lines]


def tapped(
    text: str, corner: tuple[int, int] | None, point: tuple[int, int]
) -> tuple[str, tuple[int, int] | None]:
    """What a tap at (x, y) makes of the text and of the corner tapped before it.

    The first tap is a corner, the second the opposite one: they become a line of text.
    Two taps in one row or column make no box; the second is the corner then.
    """
    if corner is None:
        return text, point
    (left, right), (top, bottom) = (
        sorted(axis) for axis in zip(corner, point, strict=True)
    )
    if left == right or top == bottom:
        return text, point
    box = Box(left, top, right - left, bottom - top)
    lines = [*text.split("\n"), ",".join(map(str, box))]
    return "\n".join(line for line in lines if line.strip()), None


def marks(
    boxes: Sequence[Box], corner: tuple[int, int] | None = None
) -> Callable[[np.ndarray, float], None]:
    """Draws boxes with their numbers, and a corner, into a picture of some scale."""

    def draw(pixels: np.ndarray, scale: float) -> None:
        thick = max(round(max(pixels.shape[:2]) / 400), 1)
        for number, box in enumerate(boxes, 1):
            # Around the box, so that its pixels can be seen.
            start = (round(box.x * scale) - thick, round(box.y * scale) - thick)
            end = (
                round((box.x + box.width) * scale) + thick - 1,
                round((box.y + box.height) * scale) + thick - 1,
            )
            cv2.rectangle(pixels, start, end, COLOUR, thick)
            place = (start[0], max(start[1] - 2 * thick, 14 * thick))
            size = 0.5 * thick
            cv2.putText(
                pixels,
                str(number),
                place,
                cv2.FONT_HERSHEY_SIMPLEX,
                size,
                COLOUR,
                thick,
            )
        if corner is not None:
            place = (round(corner[0] * scale), round(corner[1] * scale))
            cv2.drawMarker(
                pixels, place, COLOUR, cv2.MARKER_CROSS, 16 * thick, 2 * thick
            )

    return draw


def boxes_that_parse(text: str) -> list[Box]:
    """The boxes of a text that is still being written: none while it is wrong."""
    try:
        return boxes_in(text)
    except UsageError:
        return []


def enlarged(crop: np.ndarray) -> np.ndarray:
    """A plate's crop at a size to look at: uint8, about CROP_WIDTH wide."""
    scale = max(CROP_WIDTH / crop.shape[1], 1.0)
    size = (round(crop.shape[1] * scale), max(round(crop.shape[0] * scale), 1))
    return cv2.resize(eight_bits(crop), size, interpolation=cv2.INTER_CUBIC)


def captions(number: int, plate: RestoredPlate) -> tuple[str, str]:
    """What to write under a plate's crop, before and after."""
    before, after = f"{number} blurred", f"{number} restored"
    if plate.text_before is None:
        return before, after
    return (
        f"{before}: {_reading(plate.text_before, plate.confidence_before)}",
        f"{after}: {_reading(plate.text_after, plate.confidence_after)}",
    )


def _reading(text: str | None, confidence: float | None) -> str:
    return f"{text} ({confidence:.0%} sure)" if text else "nothing read"
