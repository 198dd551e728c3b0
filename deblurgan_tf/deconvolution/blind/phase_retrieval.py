"""A small picture from the magnitude of its Fourier transform.

The lost phases can nearly always be found from two facts: the picture is not negative,
and it fits into a small window. Its place and its orientation (as it is, or rotated by
180 degrees) cannot be found. Fienup, "Phase retrieval algorithms: a comparison" (1982).
The algorithm is that of Luke, "Relaxed averaged alternating reflections for diffraction
imaging" (2005), which Goldstein and Fattal 2012 use.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

STEPS = 120
# The given magnitude is an estimate: the iterates keep this share of their own one.
OWN = 0.05
FIRST_RELAXATION = 0.75  # rises to 1 within some tens of steps (Luke 2005)
SETTLING = 7.0  # steps: how fast it rises


def retrieve(
    magnitude: np.ndarray, size: int, starts: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Kernels whose transform has about the given magnitude, the best first.

    Args:
        magnitude: (N, N // 2 + 1), as of `scipy.fft.rfft2` of an N x N picture, N even
            and at least 2 size - 1 (otherwise the autocorrelation wraps around).
        size: the kernel's side, pixels.
        starts: how many random phases are tried.
        seed: of the random phases.

    Returns:
        (starts, size, size), not negative, sum 1 (or all 0 if nothing is left), and
        (starts,), their residuals: the norms of the differences of the magnitudes.
    """
    length = magnitude.shape[0]
    shape = (length, length)
    window = np.zeros(shape, dtype=bool)
    window[:size, :size] = True
    noise = np.random.default_rng(seed).random((starts, *shape))
    iterate = _with_magnitude(noise, magnitude, 0.0)
    for step in range(1, STEPS + 1):
        settled = 1.0 - np.exp(-((step / SETTLING) ** 3))
        relaxation = FIRST_RELAXATION + (1.0 - FIRST_RELAXATION) * settled
        matched = _with_magnitude(iterate, magnitude, OWN)
        allowed = window & (2.0 * matched >= iterate)
        other = relaxation * iterate + (1.0 - 2.0 * relaxation) * matched
        iterate = np.where(allowed, matched, other)
    found = np.maximum(_with_magnitude(iterate, magnitude, OWN), 0.0)[:, :size, :size]
    sums = found.sum(axis=(1, 2), keepdims=True)
    found = np.divide(found, sums, out=np.zeros_like(found), where=sums > 0)
    spectra = scipy.fft.rfft2(found, shape, axes=(1, 2))
    residuals = np.sqrt(((np.abs(spectra) - magnitude) ** 2).sum(axis=(1, 2)))
    order = np.argsort(residuals, kind="stable")
    return found[order], residuals[order]


def _with_magnitude(
    pictures: np.ndarray, magnitude: np.ndarray, own: float
) -> np.ndarray:
    """The pictures with another magnitude and their own phases.

    own: the share of their own magnitude that they keep.
    """
    spectra = scipy.fft.rfft2(pictures, axes=(1, 2))
    sizes = np.maximum(np.abs(spectra), 1e-12)
    spectra *= (1.0 - own) * magnitude / sizes + own
    return scipy.fft.irfft2(spectra, pictures.shape[1:], axes=(1, 2))
