"""Boxes of number plates: how they are written, overlap, merge and grow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from deblurgan_tf.errors import UsageError

# Two rows of text, one below the other, are one plate. The limits are those of two-line
# plates (motorcycles, Vietnam), with some tolerance for blur.
ROW_HEIGHTS = 1.7  # the larger of the two heights over the smaller one, at most
ROW_OVERLAP = 0.6  # shared width over the width of the narrower row, at least
ROW_GAP = 0.4  # the gap over the smaller height, at most; negative where rows overlap
TWO_LINE_ASPECT = (0.8, 2.2)  # width over height of both rows together


class Box(NamedTuple):
    """A rectangle of whole pixels; (x, y) is its top left pixel.

    It holds the columns x to x + width - 1 and the rows y to y + height - 1.
    """

    x: int
    y: int
    width: int
    height: int

    def cut(self, pixels: np.ndarray) -> np.ndarray:
        """The part of pixels (H, W, ...) in the box: a view, (height, width, ...)."""
        return pixels[self.y : self.y + self.height, self.x : self.x + self.width]


class FoundPlate(NamedTuple):
    """A box that looks like a plate, and the detector's score in (0, 1]."""

    box: Box
    score: float


def parse_box(text: str) -> Box:
    """`"x,y,w,h"` in whole pixels -> Box. Raises UsageError for other texts."""
    parts = text.split(",")
    try:
        x, y, width, height = (int(part) for part in parts)
    except ValueError:
        raise UsageError(
            f"a box is x,y,w,h in whole pixels, for example 120,80,200,60; got {text!r}"
        ) from None
    if width < 1 or height < 1:
        raise UsageError(f"box {text!r}: width and height must be at least 1")
    if x < 0 or y < 0:
        raise UsageError(f"box {text!r}: x and y count from 0 at the top left")
    return Box(x, y, width, height)


def check_inside(box: Box, height: int, width: int) -> None:
    """Raises UsageError unless all of the box lies in a picture of this size."""
    inside = 0 <= box.x < box.x + box.width <= width
    inside = inside and 0 <= box.y < box.y + box.height <= height
    if not inside:
        raise UsageError(
            f"box {','.join(map(str, box))} is not inside the picture, which is "
            f"{width} wide and {height} high"
        )


def grow(box: Box, columns: float, rows: float, height: int, width: int) -> Box:
    """The box with more pixels on each side, but inside the picture.

    columns, rows: pixels to add at left and right, at top and bottom; negative ones
    shrink the box, to one pixel at least. height, width: of the picture.
    """
    x0 = min(max(round(box.x - columns), 0), width - 1)
    y0 = min(max(round(box.y - rows), 0), height - 1)
    x1 = min(max(round(box.x + box.width + columns), x0 + 1), width)
    y1 = min(max(round(box.y + box.height + rows), y0 + 1), height)
    return Box(x0, y0, x1 - x0, y1 - y0)


def overlap(one: Box, other: Box) -> int:
    """The number of pixels that lie in both boxes."""
    columns = _shared(one.x, one.width, other.x, other.width)
    rows = _shared(one.y, one.height, other.y, other.height)
    return max(columns, 0) * max(rows, 0)


def iou(one: Box, other: Box) -> float:
    """Intersection over union: 1 for equal boxes, 0 for separate ones."""
    both = overlap(one, other)
    return both / (one.width * one.height + other.width * other.height - both)


def distinct(plates: Iterable[FoundPlate], share: float = 0.5) -> list[FoundPlate]:
    """Removes plates that overlap a better one; best first.

    Two overlap when they share more than `share` of the area of the smaller one. Plates
    are ordered by score, then by box, so the order of the input does not matter.
    """
    kept: list[FoundPlate] = []
    for plate in sorted(plates, key=lambda plate: (-plate.score, plate.box)):
        area = plate.box.width * plate.box.height
        if all(
            overlap(plate.box, other.box)
            <= share * min(area, other.box.width * other.box.height)
            for other in kept
        ):
            kept.append(plate)
    return kept


def merge_rows(rows: Iterable[FoundPlate]) -> list[FoundPlate]:
    """Merges two rows of text that form a plate into one box with the lower score.

    Each row is used once; other rows stay as they are. The result goes from top to
    bottom.
    """
    rest = sorted(rows, key=lambda row: (row.box.y, row.box.x))
    merged: list[FoundPlate] = []
    while rest:
        row = rest.pop(0)
        below = next((other for other in rest if two_rows(row.box, other.box)), None)
        if below is not None:
            rest.remove(below)
            score = min(row.score, below.score)
            row = FoundPlate(union(row.box, below.box), score)
        merged.append(row)
    return merged


def union(one: Box, other: Box) -> Box:
    """The smallest box that contains both."""
    x, y = min(one.x, other.x), min(one.y, other.y)
    right = max(one.x + one.width, other.x + other.width)
    bottom = max(one.y + one.height, other.y + other.height)
    return Box(x, y, right - x, bottom - y)


def two_rows(upper: Box, lower: Box) -> bool:
    """Whether two boxes are the two rows of one plate, `upper` above `lower`."""
    low, high = sorted((upper.height, lower.height))
    # A negative shared height is a gap. Rows that share more than half are one row.
    gap = -_shared(upper.y, upper.height, lower.y, lower.height)
    both = union(upper, lower)
    return (
        upper.y < lower.y
        and high <= ROW_HEIGHTS * low
        and -0.5 * low <= gap <= ROW_GAP * low
        and _shared(upper.x, upper.width, lower.x, lower.width)
        >= ROW_OVERLAP * min(upper.width, lower.width)
        and TWO_LINE_ASPECT[0] <= both.width / both.height <= TWO_LINE_ASPECT[1]
    )


def _shared(start: int, length: int, other_start: int, other_length: int) -> int:
    """Length that two intervals share; a negative value is the gap between them."""
    end = min(start + length, other_start + other_length)
    return end - max(start, other_start)
