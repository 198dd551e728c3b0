"""How good restored pictures are, one value a picture: closeness, reading, detection.

PSNR and SSIM take uint8 (H, W, 3): the pixels that a file holds, full frames, no crop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import scipy.fft
import scipy.optimize

from deblurgan_tf.plates.boxes import Box, iou

SSIM_SIDE = 11  # pixels: SSIM's window
SIGMA = 1.5  # pixels: of the Gaussian in it
SHIFT = 5  # pixels that `shifted_psnr` moves in each direction
SAME_PLACE = 0.5  # intersection over union from which two boxes are one object


def psnr(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Peak signal-to-noise ratio over RGB in decibels; infinite for equal pictures."""
    _check(restored, sharp)
    return _decibels(np.mean(np.square(restored.astype(np.float64) - sharp)))


def shifted_psnr(restored: np.ndarray, sharp: np.ndarray, shift: int = SHIFT) -> float:
    """The best PSNR over all moves of `restored` by whole pixels, up to `shift` in each
    direction, in decibels.

    A blind method finds kernel and picture up to a common move, of which PSNR makes an
    error. All moves are compared on the same pixels: `sharp` without a border of
    `shift` pixels. Nothing is interpolated: that would smooth noise away as well.

    Raises ValueError for pictures that are all border.
    """
    _check(restored, sharp)
    height, width, channels = sharp.shape
    if min(height, width) <= 2 * shift:
        raise ValueError(
            f"shifted PSNR needs more than {2 * shift} pixels a side; got "
            f"{height}x{width}"
        )
    inner = sharp[shift : height - shift, shift : width - shift].astype(np.float64)
    moved = restored.astype(np.float64)
    # |a - b|^2 = |a|^2 + |b|^2 - 2 ab, at all moves at once.
    template = np.zeros(sharp.shape)
    template[: inner.shape[0], : inner.shape[1]] = inner
    spectrum = scipy.fft.rfft2(moved, axes=(0, 1))
    spectrum *= scipy.fft.rfft2(template, axes=(0, 1)).conj()
    moves = 2 * shift + 1
    products = scipy.fft.irfft2(spectrum.sum(axis=2), (height, width))[:moves, :moves]
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = np.square(moved).sum(axis=2).cumsum(axis=0).cumsum(axis=1)
    bottom, right = inner.shape[:2]
    energies = (
        sums[bottom:, right:]
        - sums[:moves, right:]
        - sums[bottom:, :moves]
        + sums[:moves, :moves]
    )
    # Sums of whole numbers: rounding takes the error of the transforms away.
    errors = energies + np.square(inner).sum() - 2 * np.round(products)
    return _decibels(errors.min() / inner.size)


def ssim(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004): 11-tap Gaussian, sigma 1.5, K 0.01 and
    0.03, over RGB, mean over the channels and the pixels whose window lies inside.

    The value of `tf.image.ssim`, and of scikit-image with its Gaussian weights.
    Raises ValueError for pictures smaller than the window.
    """
    _check(restored, sharp)
    if min(sharp.shape[:2]) < SSIM_SIDE:
        raise ValueError(
            f"SSIM needs {SSIM_SIDE} pixels a side; got {sharp.shape[0]}x"
            f"{sharp.shape[1]}"
        )
    x, y = restored / 255.0, sharp / 255.0
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    variances = _local_mean(x * x + y * y) - mean_x**2 - mean_y**2
    covariance = _local_mean(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return float(np.mean(luminance * structure))


def exact_match(read: str, text: str) -> float:
    """1 where a plate was read without an error, else 0.

    Both are capitals and digits alone (`plates.plate_text`), here and below.
    """
    return float(read == text)


def character_error_rate(read: str, text: str) -> float:
    """Characters to insert, delete or replace in what was read, over those of the text.

    Levenshtein 1966; above 1 where more is read than is there.
    Raises ValueError for an empty text.
    """
    if not text:
        raise ValueError("an empty text has no character error rate")
    distances = list(range(len(read) + 1))
    for row, wanted in enumerate(text, start=1):
        diagonal, distances[0] = distances[0], row
        for column, got in enumerate(read, start=1):
            replaced = diagonal + (wanted != got)
            diagonal = distances[column]
            distances[column] = min(
                replaced, distances[column] + 1, distances[column - 1] + 1
            )
    return distances[-1] / len(text)


def matched(found: Sequence[Box], given: Sequence[Box]) -> int:
    """How many boxes of the two lists can be paired: each once, IoU at least 0.5.

    The largest number of pairs (Hungarian method), whatever the order.
    """
    if not found or not given:
        return 0
    same = np.array([[iou(one, two) >= SAME_PLACE for two in given] for one in found])
    rows, columns = scipy.optimize.linear_sum_assignment(same, maximize=True)
    return int(same[rows, columns].sum())


def rates(matched: float, found: float, given: float) -> tuple[float, float, float]:
    """Precision, recall and F1 from numbers of boxes, of one or of many pictures; NaN
    where a share is of nothing."""

    def share(part: float, whole: float) -> float:
        return part / whole if whole else math.nan

    both = share(2 * matched, found + given)
    return share(matched, found), share(matched, given), both


def kernel_similarity(found: np.ndarray, true: np.ndarray) -> float:
    """The largest normalised cross-correlation of two kernels over all moves, in [0, 1]
    (Hu and Yang 2012, "Good Regions to Deblur"); 1 for equal ones, wherever they lie.

    The kernels may differ in size; the order does not matter.
    """
    # Room for every move: nothing wraps around.
    shape = [sum(lengths) - 1 for lengths in zip(found.shape, true.shape, strict=True)]
    spectrum = scipy.fft.rfft2(found, shape) * scipy.fft.rfft2(true, shape).conj()
    products = scipy.fft.irfft2(spectrum, shape)
    norms = np.linalg.norm(found) * np.linalg.norm(true)
    return float(products.max() / norms)


def _decibels(error: float) -> float:
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def _local_mean(picture: np.ndarray) -> np.ndarray:
    """(H, W, C) -> (H - 10, W - 10, C): means under the window where it lies inside."""
    half = SSIM_SIDE // 2
    taps = cv2.getGaussianKernel(SSIM_SIDE, SIGMA, cv2.CV_64F)
    means = cv2.sepFilter2D(picture, cv2.CV_64F, taps, taps)
    return means[half:-half, half:-half]


def _check(restored: np.ndarray, sharp: np.ndarray) -> None:
    if restored.dtype != np.uint8 or sharp.dtype != np.uint8:
        raise ValueError(f"need uint8; got {restored.dtype} and {sharp.dtype}")
    if restored.shape != sharp.shape:
        raise ValueError(f"sizes differ: {restored.shape} and {sharp.shape}")
