"""Plates as quadrilaterals: from a detector's answer to corners, scores and lines.

The picture is looked at in several sizes (`find_corners`), the peaks of each answer
become quadrilaterals (`decode`), and of those that overlap the best one stays
(`distinct_quadrilaterals`). Then each of them is looked at once more, alone and in the
size that suits the network; what is no plate seldom looks like one twice.
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

# A plate's middle is a peak among its neighbours with this probability, at least, at
# first sight; and the geometric mean of that and of the second look's has to be the
# second number, at least.
FIRST_SIGHT = 0.35
THRESHOLD = 0.5
# Places whose probability is this part of the peak's have a say where the corners are.
VOTE = 0.5
# Two quadrilaterals are one plate if they share this part of the smaller one.
SHARED = 0.4
# The longer side in which a picture is looked at first, in pixels; the plates of such a
# copy are 2 to 40 % as wide. With small plates: as large as narrow plates ask for.
SIDE = 1280
SMALLEST_SIDE = 96  # of the smallest copy, pixels
# At the second look each plate is seen alone, this wide, in a picture of this size. Of
# plates wider than LARGE the first corners are the better ones; from WIDE to LARGE both
# count. In pixels.
LOOK_WIDTH, LOOK_HEIGHT, LOOK_PLATE = 224, 192, 100.0
WIDE, LARGE = 100.0, 150.0
# So many plates are looked at again, at most: a page of text may look like hundreds.
MOST = 40
# What is seen again is the same plate if the two have this IoU, and it may be unlikely.
SAME = 0.3
LOWEST = 0.02


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
    threshold: float = FIRST_SIGHT,
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
    sight = min(FIRST_SIGHT, threshold)
    looked_at = copies(pixels, smallest)
    for small in looked_at:
        scale = np.array(pixels.shape[1::-1]) / np.array(small.shape[1::-1])
        middle, said, lines = (part[0] for part in _answers(model, small[None]))
        for plate in decode(middle, said, lines, sight):
            corners = (plate.corners * scale).astype(np.float32)
            found.append(plate._replace(corners=corners))
    reduction = looked_at[0].shape[1] / pixels.shape[1]
    likely = distinct_quadrilaterals(found)[:MOST]
    sure = _second_look(model, pixels, likely, reduction)
    return distinct_quadrilaterals(plate for plate in sure if plate.score >= threshold)


def _second_look(
    model: keras.Model,
    pixels: np.ndarray,
    plates: list[Quadrilateral],
    reduction: float,
) -> list[Quadrilateral]:
    """The plates as seen alone: surer scores, and better corners of small ones.

    A plate that is not seen again has the score 0. reduction: pixels of the largest
    copy in one of the picture.
    """
    if not plates:
        return []
    ways = [_close_up(plate) for plate in plates]
    parts = [_cut(pixels, way) for way in ways]
    middle, said, lines = _answers(model, np.stack(parts))
    sure = []
    for number, (plate, way) in enumerate(zip(plates, ways, strict=True)):
        scale, offset = way[0, 0], way[:, 2]
        wanted = (plate.corners * scale + offset).astype(np.float32)
        again = decode(middle[number], said[number], lines[number], LOWEST)
        shares = [quadrilateral_iou(other.corners, wanted) for other in again]
        if not shares or max(shares) < SAME:
            sure.append(plate._replace(score=0.0))
            continue
        best = again[int(np.argmax(shares))]
        corners = (best.corners - offset) / scale
        # How large the network has seen it at first.
        seen = plate.width * reduction
        while seen > WIDEST:
            seen /= 2
        first = float(np.clip((seen - WIDE) / (LARGE - WIDE), 0.0, 1.0))
        corners = first * plate.corners + (1.0 - first) * corners
        score = float(np.sqrt(plate.score * best.score))
        sure.append(plate._replace(corners=corners.astype(np.float32), score=score))
    return sure


def _close_up(plate: Quadrilateral) -> np.ndarray:
    """The affine map (2, 3) from the picture to a view with the plate in its middle."""
    scale = LOOK_PLATE / max(plate.width, 1.0)
    middle = np.array([LOOK_WIDTH, LOOK_HEIGHT]) / 2
    offset = middle - plate.corners.mean(axis=0) * scale
    return np.array([[scale, 0.0, offset[0]], [0.0, scale, offset[1]]])


def _cut(pixels: np.ndarray, way: np.ndarray) -> np.ndarray:
    """The view uint8 (LOOK_HEIGHT, LOOK_WIDTH, 3); beyond the picture, its edge."""
    scale = float(way[0, 0])
    far = np.array([LOOK_WIDTH, LOOK_HEIGHT])
    # Only what is seen is softened before the reduction.
    spread = 0.4 / scale if scale < 0.75 else 0.0
    limit = np.array(pixels.shape[1::-1])
    low = np.clip(np.floor(-way[:, 2] / scale - 3 * spread), 0, limit - 1).astype(int)
    high = np.ceil((far - way[:, 2]) / scale + 3 * spread).astype(int)
    high = np.clip(high, low + 1, limit)
    part = np.ascontiguousarray(pixels[low[1] : high[1], low[0] : high[0]])
    if spread:
        part = cv2.GaussianBlur(part, (0, 0), spread)
    # OpenCV counts from the middle of the top left pixel, corners from its corner.
    moved = way.copy()
    moved[:, 2] += scale * low + scale / 2 - 0.5
    return cv2.warpAffine(
        part,
        moved,
        (LOOK_WIDTH, LOOK_HEIGHT),
        flags=cv2.INTER_CUBIC if scale > 1.0 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


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


def _answers(
    model: keras.Model, pictures: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the network says of uint8 (N, H, W, 3): middle, corners and lines."""
    batch = pictures.astype(np.float32) / 127.5 - 1.0
    answer = _compiled(model)(batch)
    middle, corners, lines = (
        keras.ops.convert_to_numpy(answer[name])
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
