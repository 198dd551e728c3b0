"""The kernel that turns given sharp gradients into the blurred ones: least squares.

The unknowns are a few thousand pixels of a kernel, not a picture's, so the pictures
enter once, by their correlations, and each step costs as much as the kernel is large.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

SMOOTHNESS = 0.2  # weight of |kernel|^2, for gradients of pictures in [0, 1]
STEPS = 50


def fitted(sharp: np.ndarray, blurred: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Minimises |kernel * sharp - blurred|^2 + SMOOTHNESS |kernel|^2 over all kernels.

    sharp, blurred: (N, H, W), N gradients of a picture that wraps around, H and W at
    least 2 * side - 1; kernel: (side, side), odd, the start. Non-negative entries with
    sum 1 are a convex set, so the projected gradient with momentum and restarts (Beck
    and Teboulle 2009; O'Donoghue and Candes 2015) finds the minimum from any start;
    clipping an unconstrained minimum, as is common, does not.
    Returns the start where `sharp` is zero everywhere.
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
    energy = _middle(energy, 2 * side - 1)
    match = _middle(match, side)

    fast = scipy.fft.next_fast_len(3 * side - 2, real=True)
    response = scipy.fft.rfft2(energy, (fast, fast))

    def normal(entries: np.ndarray) -> np.ndarray:
        product = response * scipy.fft.rfft2(entries, (fast, fast))
        part = slice(side - 1, 2 * side - 1)
        image = scipy.fft.irfft2(product, (fast, fast))[part, part]
        return image + SMOOTHNESS * entries

    # No eigenvalue of a convolution exceeds its largest response.
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
    """The nearest array of non-negative entries with sum 1 (Duchi et al. 2008)."""
    falling = np.sort(entries, axis=None)[::-1]
    excess = (np.cumsum(falling) - 1.0) / np.arange(1, falling.size + 1)
    last = np.flatnonzero(falling > excess)[-1]
    return np.maximum(entries - excess[last], 0.0)


def _middle(correlation: np.ndarray, side: int) -> np.ndarray:
    """The shifts up to side // 2 each way, shift 0 in the middle."""
    reach = side // 2
    return np.roll(correlation, (reach, reach), axis=(0, 1))[:side, :side]
