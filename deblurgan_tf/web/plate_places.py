"""Where the plates are: places as text, from two tapped corners, and as drawings."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from deblurgan_tf.errors import UsageError
from deblurgan_tf.plates.boxes import Box, parse_box
from deblurgan_tf.plates.texts import means_something
from deblurgan_tf.restoring.plates import RestoredPlate
from deblurgan_tf.web.pictures import eight_bits

COLOUR = (255, 196, 0)  # visible on dark and on light
MOST = 20  # places
CROP_WIDTH = 384  # pixels: the width of a shown crop of a plate, about


def has_ocr() -> bool:
    """Whether plates can be found and read: the extra `ocr` is installed."""
    return importlib.util.find_spec("rapidocr") is not None


def boxes_in(text: str) -> list[Box]:
    """Text with `x,y,w,h` in whole pixels on each line -> boxes.

    Raises UsageError, which names a wrong line, and for more than MOST places: each
    costs memory and time.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST:
        raise UsageError(f"at most {MOST} places at a time; there are {len(lines)}")
    return [parse_box(line) for line in lines]


def tapped(
    text: str, corner: tuple[int, int] | None, point: tuple[int, int]
) -> tuple[str, tuple[int, int] | None]:
    """The text, and the corner that waits for its opposite one, after a tap at (x, y).

    corner: the one that waited before the tap. The second tap makes a line of text of
    both. Two taps in one row or column make no box: the second one waits then.
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
    """A function that draws numbered boxes, and a corner, on a picture of some scale.

    boxes, corner: in pixels of the picture at scale 1.
    """

    def draw(pixels: np.ndarray, scale: float) -> None:
        thick = max(round(max(pixels.shape[:2]) / 400), 1)
        for number, box in enumerate(boxes, 1):
            # Around the box, so that its pixels stay visible.
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
    """The boxes of a text; none while it is not yet right."""
    try:
        return boxes_in(text)
    except UsageError:
        return []


def options(text: str) -> str:
    """The places in a text as options of `predict`; empty while it is not yet right."""
    return options_of(boxes_that_parse(text))


def options_of(boxes: Sequence[Box]) -> str:
    """Boxes as options of `predict`: `--box 1,2,3,4 --box ...`."""
    return " ".join(f"--box {','.join(map(str, box))}" for box in boxes)


def enlarged(crop: np.ndarray) -> np.ndarray:
    """A plate's crop for the page: uint8, enlarged to about CROP_WIDTH pixels."""
    scale = max(CROP_WIDTH / crop.shape[1], 1.0)
    size = (round(crop.shape[1] * scale), max(round(crop.shape[0] * scale), 1))
    return cv2.resize(eight_bits(crop), size, interpolation=cv2.INTER_CUBIC)


def captions(number: int, plate: RestoredPlate) -> tuple[str, str]:
    """The captions of a plate's crops, before and after."""
    before, after = f"{number} blurred", f"{number} restored"
    if plate.text_before is None:
        return before, after
    return (
        f"{before}: {_reading(plate.text_before, plate.confidence_before)}",
        f"{after}: {_reading(plate.text_after, plate.confidence_after)}",
    )


def _reading(text: str | None, confidence: float | None) -> str:
    if not text:
        return "nothing read"
    # How sure the OCR is of a letter or two says nothing of a plate.
    if confidence is None or not means_something(text):
        return text
    return f"{text} ({confidence:.0%} sure)"
