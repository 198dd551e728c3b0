"""Straightening a plate: its rows become horizontal, its strokes vertical.

A plate that is photographed from one side is a parallelogram (the perspective within a
plate is small): its rows slope by one angle, its strokes by another. Both angles are
found by projections. Along the right direction the edges of the characters, and of the
plate, add up in the same bins of a projection, whose energy is then the largest (Postl,
"Detection of linear oblique structures and skew scan in digitized documents", ICPR
1986, for whole pages).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from deblurgan_tf.plates.boxes import Box

LIMIT = 20.0  # degrees to each side that are searched
STEPS = (0.5, 0.1)  # degrees; the second search is around the best of the first
WORK_WIDTH = 256  # pixels: wider plates are downsampled before they are measured
BINS = 4  # of a projection, for each pixel
LINE = np.convolve(np.ones(BINS), np.ones(BINS))  # the profile of a line, in bins
LONGEST = 8.0  # largest width over height of a plate


class Slant(NamedTuple):
    """The slopes of a plate in degrees; a clockwise rotation by 5 degrees is (5, 5).

    Positive `rows` go down to the right; positive `strokes` have their top further to
    the right than their bottom.
    """

    rows: float
    strokes: float


def find_slant(pixels: np.ndarray) -> Slant:
    """The slopes of a plate, each within LIMIT.

    pixels: uint8 (H, W, 3), the plate and little else. A slope of LIMIT itself means
    that the real one may be larger.
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
    """The straightened plate: (h, w, 3), of the photo's type.

    Without slant and margin nothing is resampled: the result is the box's pixels.

    Args:
        pixels: the photo, uint8 or uint16 (H, W, 3).
        box: an upright box that holds the whole sloping plate.
        slant: the plate's slopes.
        margin: shares of the plate's own width and height that are added at each side.
            Outside the photo its border is repeated.
    """
    width, height = straight_size(box, slant)
    right, down = _axes(slant)
    columns = round(width * (1 + 2 * margin[0]))
    rows = round(height * (1 + 2 * margin[1]))
    middle = np.array([box.x + (box.width - 1) / 2, box.y + (box.height - 1) / 2])
    corner = middle - right * (columns - 1) / 2 - down * (rows - 1) / 2
    to_photo = np.column_stack([right, down, corner])
    if slant == (0, 0):
        to_photo = np.rint(to_photo)  # half a pixel of offset would resample and blur
    return cv2.warpAffine(
        pixels,
        to_photo,
        (columns, rows),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def straight_size(box: Box, slant: Slant) -> tuple[float, float]:
    """(width, height), in pixels, of the straightened plate that fits into the box.

    A box may be too low to hold a plate of this slope. Then the plate is assumed to be
    LONGEST times as wide as high, or to have the box's own shape if that is longer.
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
    """The slope, in degrees, along which the derivative (H, W) adds up best."""
    best = 0.0
    searched = LIMIT  # degrees to each side of the best
    for step in STEPS:
        count = round(searched / step)
        angles = best + step * np.arange(-count, count + 1)
        angles = angles[np.abs(angles) <= LIMIT]
        energies = [_alignment(derivative, angle) for angle in angles]
        best, searched = float(angles[int(np.argmax(energies))]), step
    return best


def _alignment(derivative: np.ndarray, angle: float) -> float:
    """Energy of the sums along lines that go down to the right by the angle."""
    height, width = derivative.shape
    shift = math.tan(math.radians(angle)) * (np.arange(width) - (width - 1) / 2)
    # With one bin a pixel, horizontal lines would fill one bin, sloping lines two, and
    # angle 0 would always win. In finer bins, smoothed by LINE, all lines are alike.
    place = BINS * (np.arange(height)[:, None] - shift[None, :])
    place -= place.min()
    bins = np.rint(place).astype(np.intp).ravel()
    sums = np.bincount(bins, derivative.ravel())
    return float(np.sum(np.convolve(sums, LINE) ** 2))
