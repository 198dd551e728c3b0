"""Straightening a plate: its rows become level, its strokes upright.

A plate seen from aside is a parallelogram (perspective within a plate is small): its
rows slope by one angle, its strokes lean by another. Both are found where the plate
lines up best. Along the right direction the edges of a row's characters, and of the
plate itself, fall on the same places of a projection, and its energy is largest
(Postl, "Detection of linear oblique structures and skew scan in digitized documents",
ICPR 1986, for whole pages).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from deblurgan_tf.plates.boxes import Box

LIMIT = 20.0  # degrees to either side that are looked through
STEPS = (0.5, 0.1)  # degrees, the second around the best of the first
WORK_WIDTH = 256  # pixels: wider plates are reduced before they are measured
FINENESS = 4  # places a pixel in a projection
LINE = np.convolve(np.ones(FINENESS), np.ones(FINENESS))  # how wide a line is there
LONGEST = 8.0  # width over height of a plate


class Slant(NamedTuple):
    """Degrees; positive `rows` fall to the right, positive `strokes` lean left at the
    top. A plate turned clockwise by 5 degrees has (5, 5).
    """

    rows: float
    strokes: float


def find_slant(pixels: np.ndarray) -> Slant:
    """How a plate slopes and leans: uint8 (H, W, 3), the plate and little else.

    The result is within LIMIT; at LIMIT itself nothing better was found inside.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if grey.shape[1] > WORK_WIDTH:
        scale = WORK_WIDTH / grey.shape[1]
        size = (WORK_WIDTH, max(round(grey.shape[0] * scale), 1))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    values = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    rows = _best_angle(np.diff(values, axis=0))
    strokes = -_best_angle(np.diff(values, axis=1).T)
    return Slant(rows, strokes)


def cut_straight(
    pixels: np.ndarray, box: Box, slant: Slant, margin: tuple[float, float]
) -> np.ndarray:
    """The plate in an upright box, straightened: uint8 or uint16 (h, w, 3).

    box: holds the whole sloping plate. margin: what is added to either side, as parts
    of the plate's own width and height. What lies outside the photo is its edge's
    colour. Without slant and margin nothing is resampled: the result is the box.
    """
    width, height = straight_size(box, slant)
    right, down = _axes(slant)
    columns = round(width * (1 + 2 * margin[0]))
    rows = round(height * (1 + 2 * margin[1]))
    middle = np.array([box.x + (box.width - 1) / 2, box.y + (box.height - 1) / 2])
    corner = middle - right * (columns - 1) / 2 - down * (rows - 1) / 2
    to_photo = np.column_stack([right, down, corner])
    if slant == (0, 0):
        to_photo = np.rint(to_photo)  # half a pixel of the middle is no reason to blur
    return cv2.warpAffine(
        pixels,
        to_photo,
        (columns, rows),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def straight_size(box: Box, slant: Slant) -> tuple[float, float]:
    """(width, height), in pixels, of the plate that just fits into the box.

    Where the box is too low to hold a plate of this slope, the plate is taken for one
    LONGEST times as wide as high, or of the box's own shape if that is longer.
    """
    right, down = np.abs(_axes(slant))
    sides = np.column_stack([right, down])
    width, height = np.linalg.solve(sides, [box.width, box.height])
    longest = max(LONGEST, box.width / box.height)
    if height * longest < width:
        width = box.width / (right[0] + down[0] / longest)
        height = width / longest
    return float(width), float(height)


def _axes(slant: Slant) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors, as (x, y), along the plate's rows and down its strokes."""
    rows, strokes = map(math.radians, slant)
    return (
        np.array([math.cos(rows), math.sin(rows)]),
        np.array([-math.sin(strokes), math.cos(strokes)]),
    )


def _best_angle(derivative: np.ndarray) -> float:
    """The angle, in degrees, under which the rows of (H, W) line up best."""
    best = 0.0
    reach = LIMIT
    for step in STEPS:
        count = round(reach / step)
        angles = best + step * np.arange(-count, count + 1)
        angles = angles[np.abs(angles) <= LIMIT]
        energies = [_alignment(derivative, angle) for angle in angles]
        best, reach = float(angles[int(np.argmax(energies))]), step
    return best


def _alignment(derivative: np.ndarray, angle: float) -> float:
    """Energy of the sums along lines that fall by the angle to the right."""
    height, width = derivative.shape
    shift = math.tan(math.radians(angle)) * (np.arange(width) - (width - 1) / 2)
    # Whole places would make level lines, which fall on them, narrower than all others,
    # and so they would always win. In finer places all lines are equally wide.
    place = FINENESS * (np.arange(height)[:, None] - shift[None, :])
    place -= place.min()
    low = np.rint(place).astype(np.intp).ravel()
    sums = np.bincount(low, derivative.ravel())
    return float(np.sum(np.convolve(sums, LINE) ** 2))
