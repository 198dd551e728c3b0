"""Plates seen from a side: their upright view, and a change of it put back.

Corners are float32 (4, 2), x and y in pixels from the top left corner of the top left
pixel, clockwise from the top left of the text: a box at (0, 0) begins at (0.0, 0.0) and
ends at (width, height).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from deblurgan_tf.errors import UsageError

# A view is drawn at so many times its size, at most, and then averaged.
_FINEST = 8
_HALF = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])


class Upright(NamedTuple):
    """The view of a plate as an upright rectangle with what is around it.

    height, width: of the view, pixels, the margins included; margin: pixels around the
    plate on each side; to_picture: 3 x 3, the homography from points of the view to
    points of the picture.
    """

    height: int
    width: int
    margin: int
    to_picture: np.ndarray

    def corners(self) -> np.ndarray:
        """The plate's corners in the picture, float32 (4, 2)."""
        return _through(self.to_picture, self._plate())

    def _plate(self) -> np.ndarray:
        left, right = float(self.margin), float(self.width - self.margin)
        bottom = float(self.height - self.margin)
        return np.array([[left, left], [right, left], [right, bottom], [left, bottom]])


def parse_corners(text: str) -> np.ndarray:
    """`"x1,y1,x2,y2,x3,y3,x4,y4"` -> corners, float32 (4, 2).

    Raises UsageError for another text, and for corners that do not go clockwise around
    a convex plate.
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 8 or not all(math.isfinite(value) for value in values):
        raise UsageError(
            "corners are x1,y1,x2,y2,x3,y3,x4,y4 in pixels, clockwise from the text's "
            f"top left, for example 10,20,110,24,110,60,10,54; got {text!r}"
        )
    corners = np.array(values, np.float32).reshape(4, 2)
    if not is_convex(corners):
        raise UsageError(
            f"corners {text!r}: they must go clockwise around the plate, from the "
            "text's top left to its top right, bottom right and bottom left"
        )
    return corners


def is_convex(corners: np.ndarray) -> bool:
    """Whether corners go clockwise around a convex quadrilateral with an area."""
    sides = np.roll(corners, -1, axis=0) - corners
    after = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]
    return bool((turns > 0).all())


def angle(corners: np.ndarray) -> float:
    """Degrees by which the text rises to the right; negative where it falls."""
    along = (corners[1] - corners[0]) + (corners[2] - corners[3])
    return math.degrees(math.atan2(-float(along[1]), float(along[0])))


def size(corners: np.ndarray) -> tuple[float, float]:
    """Width and height of a plate as they appear, pixels: the longer of two sides."""
    lengths = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    return float(max(lengths[0], lengths[2])), float(max(lengths[1], lengths[3]))


def upright(corners: np.ndarray, width: int, margin: int = 0) -> Upright:
    """The upright view in which the plate is `width` pixels wide, margins apart.

    Its height keeps the apparent shape of the plate. Raises ValueError for corners that
    are not convex.
    """
    if not is_convex(corners):
        raise ValueError(f"not clockwise around a convex plate: {corners.tolist()}")
    wide, high = size(corners)
    height = max(round(width * high / wide), 1)
    whole = (height + 2 * margin, width + 2 * margin)
    view = Upright(*whole, margin, np.eye(3))
    to_picture = cv2.getPerspectiveTransform(
        view._plate().astype(np.float32), corners.astype(np.float32)
    )
    return view._replace(to_picture=to_picture)


def rectify(pixels: np.ndarray, view: Upright) -> np.ndarray:
    """The view of a picture: (H, W, C) -> (view.height, view.width, C), same type.

    Beyond the picture's edge it is reflected. Where the picture has more pixels than
    the view they are averaged, not left out.
    """
    corners = view.corners()
    finer = _finer(size(corners)[0] / (view.width - 2 * view.margin))
    way = _pixel_centres(np.linalg.inv(view.to_picture), finer)
    large = cv2.warpPerspective(
        pixels,
        way,
        (view.width * finer, view.height * finer),
        flags=cv2.INTER_LINEAR if finer > 1 else cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return _averaged(large, finer)


def put_back(
    pixels: np.ndarray, change: np.ndarray, view: Upright, feather: float
) -> np.ndarray:
    """The picture with a change of a view put back into it.

    Args:
        pixels: (H, W, C), of any type of integers, or floating-point.
        change: float32 (view.height, view.width, C), what is to be added to the view.
        view: of the picture.
        feather: pixels of the view in which the change fades out towards its edge.

    Returns:
        A new picture of the same type. A pixel that the view does not show, or for
        which the change is zero, is the same to the bit.
    """
    height, width = pixels.shape[:2]
    rows = _ramp(view.height, feather)[:, None, None]
    columns = _ramp(view.width, feather)[None, :, None]
    faded = np.ascontiguousarray(change * rows * columns, np.float32)
    frame = [[0, 0], [view.width, 0], [view.width, view.height], [0, view.height]]
    shown = _through(view.to_picture, np.array(frame, np.float64))
    low = np.floor(shown.min(axis=0)).clip(0, (width, height)).astype(int)
    high = np.ceil(shown.max(axis=0)).clip(low, (width, height)).astype(int)
    result = pixels.copy()
    across, down = (int(v) for v in high - low)
    if not across or not down:
        return result
    # The view may have more pixels than the picture there.
    finer = _finer((view.width - 2 * view.margin) / size(view.corners())[0])
    moved = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]], np.float64)
    way = _pixel_centres(moved @ view.to_picture, finer)
    added = cv2.warpPerspective(
        faded,
        way,
        (across * finer, down * finer),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    added = _averaged(added, finer).reshape(down, across, -1)
    part = result[low[1] : high[1], low[0] : high[0]]
    if np.issubdtype(pixels.dtype, np.integer):
        limits = np.iinfo(pixels.dtype)
        part[:] = np.rint(part + added).clip(limits.min, limits.max)
    else:
        part[:] = part + added
    return result


def _through(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (n, 2) through a homography, float32."""
    moved = np.c_[points, np.ones(len(points))] @ homography.T
    return (moved[:, :2] / moved[:, 2:]).astype(np.float32)


def _pixel_centres(homography: np.ndarray, after: int) -> np.ndarray:
    """The same map between pixels' numbers, which OpenCV counts from their centres.

    after: pixels of the target in one unit of its side.
    """
    target = np.linalg.inv(_HALF) @ np.diag([float(after), float(after), 1.0])
    return target @ homography @ _HALF


def _finer(reduction: float) -> int:
    """How many samples a pixel needs, in each direction, where the source is larger."""
    return min(max(math.ceil(reduction - 0.25), 1), _FINEST)


def _averaged(large: np.ndarray, finer: int) -> np.ndarray:
    if finer == 1:
        return large
    height, width = (side // finer for side in large.shape[:2])
    return cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)


def _ramp(length: int, feather: float) -> np.ndarray:
    """Weights (length,) that rise from the edges to 1 over `feather` pixels."""
    place = np.arange(length) + 0.5
    edge = np.minimum(place, length - place)
    return np.clip(edge / max(feather, 1e-6), 0.0, 1.0).astype(np.float32)
