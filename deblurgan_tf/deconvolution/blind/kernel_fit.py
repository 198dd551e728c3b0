"""The kernel that turns given sharp gradients into the blurred ones: least squares.

The unknowns are the few thousand pixels of a kernel. So only correlations of the
pictures are needed, which are computed once, and the cost of a step depends on the
kernel's size.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

SMOOTHNESS = 0.2  # weight of |kernel|^2, for gradients of pictures in [0, 1]
STEPS = 50


def fitted(sharp: np.ndarray, blurred: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The kernel that minimises |kernel * sharp - blurred|^2 + SMOOTHNESS |kernel|^2.

    Kernels (entries not negative, sum 1) are a convex set, so projected gradients with
    momentum and restarts (Beck and Teboulle 2009; O'Donoghue and Candes 2015) find the
    minimum from any start. Clipping an unconstrained minimum, as is common, does not.

    Args:
        sharp: (N, H, W), N gradients of a picture that wraps around, H and W at least
            2 * side - 1.
        blurred: the same gradients of the blurred picture, (N, H, W).
        kernel: (side, side), odd, the start; the result if `sharp` is 0 everywhere.
    """
    side = kernel.shape[0]
    shape = sharp.shape[-2:]
    spectra = scipy.fft.rfft2(sharp)
    energy = scipy.fft.irfft2((np.abs(spectra) ** 2).sum(axis=0), shape)
    match = scipy.fft.irfft2(
        (np.conj(spectra) * scipy.fft.rfft2(blurred)).sum(axis=0), shape
    )
    if energy[0, 0] <= 0.0:
        return kernel
    energy = central_lags(energy, 2 * side - 1)
    match = central_lags(match, side)

    fast = scipy.fft.next_fast_len(3 * side - 2, real=True)
    response = scipy.fft.rfft2(energy, (fast, fast))

    def normal(entries: np.ndarray) -> np.ndarray:
        product = response * scipy.fft.rfft2(entries, (fast, fast))
        part = slice(side - 1, 2 * side - 1)
        image = scipy.fft.irfft2(product, (fast, fast))[part, part]
        return image + SMOOTHNESS * entries

    # No eigenvalue of a convolution is larger than its largest response.
    length = 1.0 / (np.abs(response).max() + SMOOTHNESS)
    ahead, momentum = kernel, 1.0
    for _ in range(STEPS):
        moved = on_simplex(ahead - length * (normal(ahead) - match))
        if np.sum((ahead - moved) * (moved - kernel)) > 0.0:
            momentum = 1.0
        grown = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = moved + (momentum - 1.0) / grown * (moved - kernel)
        kernel, momentum = moved, grown
    return kernel


def on_simplex(entries: np.ndarray) -> np.ndarray:
    """The nearest array without negative entries and of sum 1 (Duchi et al. 2008)."""
    falling = np.sort(entries, axis=None)[::-1]
    excess = (np.cumsum(falling) - 1.0) / np.arange(1, falling.size + 1)
    last = np.flatnonzero(falling > excess)[-1]
    return np.maximum(entries - excess[last], 0.0)


def central_lags(correlation: np.ndarray, side: int) -> np.ndarray:
    """The lags up to side // 2 of a circular correlation, (side, side), 0 central."""
    most = side // 2
    return np.roll(correlation, (most, most), axis=(0, 1))[:side, :side]
