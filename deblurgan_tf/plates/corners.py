"""Plates as quadrilaterals: from a detector's answer to corners, scores and lines.

The picture is looked at in several sizes (`find_corners`), the peaks of each answer
become quadrilaterals (`decode`), and of those that overlap the best one stays
(`distinct_quadrilaterals`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import cv2
import keras
import numpy as np

from deblurgan_tf.models.detector import NARROWEST, STRIDE, WIDEST
from deblurgan_tf.plates.boxes import Box

# A plate's middle is a peak among its neighbours with this probability, at least.
THRESHOLD = 0.35
# Places whose probability is this part of the peak's have a say where the corners are.
VOTE = 0.5
# Two quadrilaterals are one plate if they share this part of the smaller one.
SHARED = 0.4
# The longer side in which a picture is looked at first, in pixels; the plates of such a
# copy are 2 to 40 % as wide. With small plates: as large as narrow plates ask for.
SIDE = 1280
SMALLEST_SIDE = 96  # of the smallest copy, pixels


class Quadrilateral(NamedTuple):
    """A plate: float32 corners (4, 2), x and y in pixels, and what is known about it.

    The corners go clockwise from the text's top left, counted from the top left of the
    top left pixel; they may lie outside the picture. score: in (0, 1]. lines: 1 or 2.
    """

    corners: np.ndarray
    score: float
    lines: int

    @property
    def width(self) -> float:
        """The longer of the upper and the lower side, pixels."""
        upper, lower = (
            self.corners[1] - self.corners[0],
            self.corners[2] - self.corners[3],
        )
        return float(max(np.hypot(*upper), np.hypot(*lower)))

    def box(self, height: int, width: int) -> Box:
        """The smallest box around it inside a picture of this size."""
        low = np.floor(self.corners.min(axis=0)).clip(0, (width - 1, height - 1))
        high = np.ceil(self.corners.max(axis=0)).clip(low + 1, (width, height))
        x, y = (int(v) for v in low)
        return Box(x, y, int(high[0]) - x, int(high[1]) - y)


def decode(
    middle: np.ndarray,
    corners: np.ndarray,
    lines: np.ndarray,
    threshold: float = THRESHOLD,
) -> list[Quadrilateral]:
    """The plates in the detector's answer to one picture, best first.

    middle (h, w, 1), corners (h, w, 8) and lines (h, w, 1) as `detector` gives them for
    it. A place is a peak if none of its eight neighbours is more likely. The corners
    are the mean of what the places around a peak say, weighted by their probability,
    as far as they are half as likely as the peak.
    """
    heat = 1.0 / (1.0 + np.exp(-middle[..., 0].astype(np.float64)))
    highest = cv2.dilate(heat, np.ones((3, 3)), borderType=cv2.BORDER_REPLICATE)
    found = []
    for row, column in np.argwhere((heat >= threshold) & (heat == highest)):
        rows = slice(max(row - 1, 0), row + 2)
        columns = slice(max(column - 1, 0), column + 2)
        weight = heat[rows, columns]
        weight = np.where(weight >= VOTE * heat[row, column], weight, 0.0)
        y, x = np.mgrid[rows, columns][:, : weight.shape[0], : weight.shape[1]]
        place = (np.stack([x, y], axis=-1) + 0.5) * STRIDE
        said = corners[rows, columns].reshape(*weight.shape, 4, 2) + place[:, :, None]
        quad = np.average(said.reshape(-1, 4, 2), axis=0, weights=weight.reshape(-1))
        two = float(np.average(lines[rows, columns, 0], weights=weight)) > 0.0
        score = float(heat[row, column])
        found.append(Quadrilateral(quad.astype(np.float32), score, 1 + two))
    return distinct_quadrilaterals(found)


def distinct_quadrilaterals(
    plates: Iterable[Quadrilateral], share: float = SHARED
) -> list[Quadrilateral]:
    """Removes plates that overlap a better one; best first.

    Two overlap when they share more than `share` of the area of the smaller one. Plates
    of no area, or whose corners do not go clockwise, are left out.
    """
    kept: list[Quadrilateral] = []
    order = sorted(plates, key=lambda p: (-p.score, p.corners.tolist()))
    for plate in order:
        if _area(plate.corners) < 1.0 or not cv2.isContourConvex(plate.corners):
            continue
        if all(
            _common(plate.corners, other.corners)
            <= share * min(_area(plate.corners), _area(other.corners))
            for other in kept
        ):
            kept.append(plate)
    return kept


def quadrilateral_iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two convex quadrilaterals (4, 2)."""
    both = _common(one, other)
    return both / (_area(one) + _area(other) - both)


def _area(corners: np.ndarray) -> float:
    """Above 0 where they go clockwise, y downwards."""
    return float(cv2.contourArea(corners.astype(np.float32), oriented=True))


def _common(one: np.ndarray, other: np.ndarray) -> float:
    shared, _ = cv2.intersectConvexConvex(
        one.astype(np.float32), other.astype(np.float32)
    )
    return float(shared)


def find_corners(
    model: keras.Model,
    pixels: np.ndarray,
    threshold: float = THRESHOLD,
    smallest: float | None = None,
) -> list[Quadrilateral]:
    """The plates in a picture, best first, from 2 % of its longer side in width on.

    Args:
        model: a `models.detector`.
        pixels: uint8 (H, W, 3), RGB, any size.
        threshold: the least score.
        smallest: the width of the smallest plates to look for, in pixels, if it is
            less than those 2 %; takes longer.

    The same pixels always give the same plates.
    """
    _check(pixels)
    found = []
    for small in copies(pixels, smallest):
        scale = np.array(pixels.shape[1::-1]) / np.array(small.shape[1::-1])
        middle, said, lines = _answer(model, small)
        for plate in decode(middle, said, lines, threshold):
            corners = (plate.corners * scale).astype(np.float32)
            found.append(plate._replace(corners=corners))
    return distinct_quadrilaterals(found)


def copies(pixels: np.ndarray, smallest: float | None = None) -> list[np.ndarray]:
    """The picture in the sizes in which it is looked at, the largest first.

    Each is half as large as the one before, so that a plate that is too wide for the
    network, or too blurred, is looked at where it is smaller.
    """
    longer = max(pixels.shape[:2])
    side = min(longer, SIDE)
    if smallest is not None:
        least = NARROWEST / smallest * longer
        side = round(min(longer, max(side, least)))
    scale = side / longer
    made = []
    while True:
        made.append(_scaled(pixels, scale))
        if scale * longer <= WIDEST or scale * longer / 2 < SMALLEST_SIDE:
            return made
        scale /= 2


def _scaled(pixels: np.ndarray, scale: float) -> np.ndarray:
    if scale >= 1.0:
        return pixels
    height, width = pixels.shape[:2]
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _answer(
    model: keras.Model, pixels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the network says of uint8 pixels: middle, corners and lines."""
    batch = pixels[None].astype(np.float32) / 127.5 - 1.0
    answer = _compiled(model)(batch)
    middle, corners, lines = (
        keras.ops.convert_to_numpy(answer[name])[0]
        for name in ("middle", "corners", "lines")
    )
    return middle, corners, lines


@functools.lru_cache(maxsize=2)
def _compiled(model: keras.Model) -> Any:
    """The network as one graph for every size of picture."""
    import tensorflow as tf

    shape = tf.TensorSpec((None, None, None, 3), tf.float32)
    return tf.function(model, input_signature=[shape])


def _check(pixels: np.ndarray) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"need uint8 pixels (H, W, 3); got {pixels.dtype} {pixels.shape}"
        )
