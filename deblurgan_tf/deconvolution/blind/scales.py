"""Coarse to fine, and other steps that several blind methods share.

A kernel is first estimated in a small version of the picture, where it is a few pixels
wide, and then improved in larger and larger ones (Fergus et al. 2006).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import scipy.ndimage

from deblurgan_tf.deconvolution.blind.clock import Clock
from deblurgan_tf.errors import DataError

RATIO = math.sqrt(2.0)  # between the sizes of neighbouring scales
SMALLEST = 3  # pixels: the kernel's side at the coarsest scale

Step = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""(picture, kernel, scale) -> kernel, see `coarse_to_fine`."""


def kernel_sides(largest: int) -> list[int]:
    """The kernel's odd side at each scale, from the coarsest to `largest`.

    Raises:
        ValueError: `largest` is even or below 3.
    """
    if largest < SMALLEST or largest % 2 == 0:
        raise ValueError(f"the kernel's size must be odd, 3 or more; got {largest}")
    sides = [largest]
    while sides[0] > SMALLEST:
        side = 2 * math.floor(sides[0] / RATIO / 2) + 1
        sides.insert(0, max(SMALLEST, min(side, sides[0] - 2)))
    return sides


def coarse_to_fine(grey: np.ndarray, size: int, step: Step, clock: Clock) -> np.ndarray:
    """Runs `step` at each scale; returns the kernel of the last one, (size, size).

    Args:
        grey: float64 (H, W) in [0, 1], at least as large as the kernel.
        size: an upper bound of the kernel's side in pixels, odd.
        step: gets the picture at its scale, the kernel of the scale before enlarged to
            this scale, and the scale (1 at full size, less below). It returns a kernel
            of the same shape.
        clock: the time limit, and the progress.

    Raises:
        OutOfTime: the limit has passed.
        ValueError: `size` is even or below 3.
    """
    kernel = first_kernel(SMALLEST)
    for done, side, picture in scales(grey, size):
        clock.tick(done)
        kernel = step(picture, enlarged(kernel, side), side / size)
    clock.tick(1.0)
    return kernel


def scales(grey: np.ndarray, size: int) -> Iterator[tuple[float, int, np.ndarray]]:
    """Yields (share of the work before it, kernel's side, picture), coarse to fine."""
    sides = kernel_sides(size)
    work = np.cumsum([0.0] + [side**2 for side in sides])
    for index, side in enumerate(sides):
        height, width = (round(length * side / size) for length in grey.shape)
        # The mean over the area of a coarse pixel: without noise and aliasing.
        picture = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
        yield work[index] / work[-1], side, picture


def point(side: int) -> np.ndarray:
    """The kernel (side, side) that changes nothing: 1 on the middle pixel."""
    kernel = np.zeros((side, side))
    kernel[side // 2, side // 2] = 1.0
    return kernel


def first_kernel(side: int) -> np.ndarray:
    """Two neighbouring pixels, (side, side): methods cannot leave a single pixel."""
    kernel = np.zeros((side, side))
    kernel[side // 2, side // 2 : side // 2 + 2] = 0.5
    return kernel


def enlarged(kernel: np.ndarray, side: int) -> np.ndarray:
    """The kernel at the next scale, (side, side), by cubic interpolation."""
    if side == kernel.shape[0]:
        return kernel
    finer = cv2.resize(kernel, (side, side), interpolation=cv2.INTER_CUBIC)
    return normalised(np.maximum(finer, 0.0))


def cleaned(
    kernel: np.ndarray, weakest: float = 0.05, island: float = 0.1
) -> np.ndarray:
    """The kernel without entries that are no part of a camera's path, centred, sum 1.

    First entries below `weakest` times the largest one become 0, then 8-connected
    components with less than `island` of the sum. At least the largest component stays.

    Raises:
        DataError: nothing is left.
    """
    kernel = np.where(kernel < weakest * kernel.max(), 0.0, kernel)
    labels, count = scipy.ndimage.label(kernel, structure=np.ones((3, 3)))
    if count > 1:
        masses = scipy.ndimage.sum_labels(kernel, labels, range(1, count + 1))
        kept = masses >= min(island * kernel.sum(), masses.max())
        kernel = np.where(np.append(False, kept)[labels], kernel, 0.0)
    return centred(normalised(kernel))


def centred(kernel: np.ndarray) -> np.ndarray:
    """The kernel, shifted by whole pixels so that its centroid is the middle pixel.

    A shift that would push entries out of the array stops at its border.
    """
    middle = (np.array(kernel.shape) - 1) / 2
    shifts = np.round(middle - scipy.ndimage.center_of_mass(kernel)).astype(int)
    for axis, length in enumerate(kernel.shape):
        used = np.flatnonzero(kernel.sum(axis=1 - axis))
        shift = int(np.clip(shifts[axis], -used[0], length - 1 - used[-1]))
        kernel = np.roll(kernel, shift, axis=axis)
    return kernel


def normalised(kernel: np.ndarray) -> np.ndarray:
    """The kernel with sum 1.

    Raises:
        DataError: its sum is 0 or not finite.
    """
    total = kernel.sum()
    if not (np.isfinite(total) and total > 0):
        raise DataError("no kernel was found: the picture has too little structure")
    return kernel / total
