"""A small non-negative picture from the size of its Fourier transform.

What is lost with the phases comes back almost always from two facts: the picture is
not negative, and it fits into a small window. The rest, where the picture lies and
whether it is reflected through its middle, cannot come back. Fienup, "Phase retrieval
algorithms: a comparison" (1982); the relaxed averaged alternating reflections of Luke,
"Relaxed averaged alternating reflections for diffraction imaging" (2005), as
Goldstein and Fattal 2012 use.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

STEPS = 120
# The magnitude is an estimate: the iterates keep this little of their own.
OWN = 0.05
FIRST_RELAXATION = 0.75  # goes to 1 within some tens of steps (Luke 2005)
SETTLING = 7.0  # steps


def retrieve(
    magnitude: np.ndarray, size: int, starts: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Kernels whose transform has about the given magnitude, the best first.

    magnitude: (N, N // 2 + 1), as of `scipy.fft.rfft2` of an N x N picture, N even and
    at least 2 size - 1 (else the autocorrelation wraps around); starts: how many random
    phases are tried, drawn from `seed`.
    Returns (starts, size, size), non-negative, sum 1 (0 where nothing is left), and
    their residuals, the norms of the difference of the magnitudes.
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
    """The pictures with their phases and the given magnitude, but for a share `own`."""
    spectra = scipy.fft.rfft2(pictures, axes=(1, 2))
    sizes = np.maximum(np.abs(spectra), 1e-12)
    spectra *= (1.0 - own) * magnitude / sizes + own
    return scipy.fft.irfft2(spectra, pictures.shape[1:], axes=(1, 2))
