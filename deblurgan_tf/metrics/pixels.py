"""How close a restored picture is to its sharp one, and a kernel to the true one.

PSNR and SSIM take uint8 (H, W, 3): the pixels that a file holds, full frames, no crop.
"""

from __future__ import annotations

import cv2
import numpy as np
import scipy.fft
import scipy.optimize

SSIM_SIDE = 11  # pixels: SSIM's window
SIGMA = 1.5  # pixels: of the Gaussian in it
SHIFT = 5  # the largest shift of `shifted_psnr` in each direction, pixels


def psnr(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Peak signal-to-noise ratio over RGB in decibels; infinite for equal pictures."""
    _check(restored, sharp)
    return _decibels(np.mean(np.square(restored.astype(np.float64) - sharp)))


def shifted_psnr(restored: np.ndarray, sharp: np.ndarray, shift: int = SHIFT) -> float:
    """The best PSNR over all shifts of `restored` by whole pixels, in decibels.

    A blind method finds kernel and picture up to a common shift, which PSNR counts as
    an error. All shifts are compared on the same pixels: `sharp` without a border of
    `shift` pixels. Nothing is interpolated: that would remove noise as well.

    Args:
        restored: uint8 (H, W, 3).
        sharp: the same shape and type.
        shift: the largest shift in each direction, pixels.

    Raises:
        ValueError: a side has no more than 2 `shift` pixels, or the pictures differ in
            size or are not uint8.
    """
    _check(restored, sharp)
    height, width = sharp.shape[:2]
    if min(height, width) <= 2 * shift:
        raise ValueError(
            f"shifted PSNR needs more than {2 * shift} pixels a side; got "
            f"{height}x{width}"
        )
    inner = sharp[shift : height - shift, shift : width - shift].astype(np.float64)
    shifted = restored.astype(np.float64)
    # |a - b|^2 = |a|^2 + |b|^2 - 2 ab, for all shifts at once.
    template = np.zeros(sharp.shape)
    template[: inner.shape[0], : inner.shape[1]] = inner
    spectrum = scipy.fft.rfft2(shifted, axes=(0, 1))
    spectrum *= scipy.fft.rfft2(template, axes=(0, 1)).conj()
    shifts = 2 * shift + 1
    products = scipy.fft.irfft2(spectrum.sum(axis=2), (height, width))[:shifts, :shifts]
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = np.square(shifted).sum(axis=2).cumsum(axis=0).cumsum(axis=1)
    bottom, right = inner.shape[:2]
    energies = (
        sums[bottom:, right:]
        - sums[:shifts, right:]
        - sums[bottom:, :shifts]
        + sums[:shifts, :shifts]
    )
    # Sums of whole numbers: rounding removes the error of the transforms.
    errors = energies + np.square(inner).sum() - 2 * np.round(products)
    return _decibels(errors.min() / inner.size)


def ssim(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) over RGB, at most 1.

    11-tap Gaussian, sigma 1.5, K 0.01 and 0.03; mean over the channels and the pixels
    whose window lies inside. The value of `tf.image.ssim`, and of scikit-image with
    Gaussian weights.

    Raises:
        ValueError: a picture is smaller than the window, or the pictures differ in size
            or are not uint8.
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


def kernel_similarity(found: np.ndarray, true: np.ndarray) -> float:
    """The largest normalised cross-correlation of two kernels over all shifts.

    In [0, 1]; 1 for equal kernels, whatever their shift (Hu and Yang 2012, "Good
    Regions to Deblur"). The kernels may differ in size; their order does not matter.
    """
    # Room for every shift: nothing wraps around.
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
