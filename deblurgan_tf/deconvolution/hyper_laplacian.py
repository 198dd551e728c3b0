"""Non-blind deconvolution with a sparse prior on the gradients.

The gradients g of natural pictures are distributed about as exp(-|g|^(2/3)): there are
more flat places and more strong edges than with a Gaussian. Krishnan and Fergus 2009,
"Fast image deconvolution using hyper-Laplacian priors", restore with this prior in a
few Fourier transforms. It is the last step of all blind methods.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.fft

from deblurgan_tf.deconvolution.borders import extended, restore
from deblurgan_tf.deconvolution.fourier import (
    HORIZONTAL,
    VERTICAL,
    gradient_power,
    transfer,
)
from deblurgan_tf.deconvolution.noise import noise_level

# The weight of the data against the gradients is this share of 1 / noise^2 ...
PER_PRECISION = 0.16
# ... and at most this, since a kernel has errors too. With an exact kernel and noise of
# 1.5 grey levels, 4000 is better by 0.1 to 0.3 dB; with an estimated one 1000 to 2500.
HIGHEST_WEIGHT = 2500.0
# The penalty on the difference between the auxiliary gradients and the picture's, in
# each step, for weight 1. The paper's penalties begin so low that the auxiliary
# gradients are all 0; these begin with the smooth picture of `extended` and restore 0.4
# to 0.7 dB more. They grow with the weight, since less noise needs less smoothing.
PENALTIES = tuple(2.0**power / 2500.0 for power in (5.5, 7.0, 8.5, 10.0))


def deconvolve(
    blurred: np.ndarray, kernel: np.ndarray, weight: float | None = None
) -> np.ndarray:
    """Restores a picture by half-quadratic splitting (Krishnan and Fergus 2009).

    Approaches the x that minimises weight / 2 |kernel * x - blurred|^2 + sum of
    |differences of x to the right and below|^(2/3): their equation 1 with alpha 2/3;
    the steps are their equations 3 to 5.

    Args:
        blurred: float (H, W) or (H, W, C) in [0, 1].
        kernel: (h, w), odd sides, not negative, sum 1, not larger than the picture.
        weight: above 0. A smaller one gives a smoother picture: for more noise or an
            uncertain kernel. None derives it from the noise of each channel.

    Returns:
        float64 in [0, 1], of blurred's shape.

    Raises:
        DataError: a kernel or a picture that cannot be used, see `borders.restore`.
        ValueError: `weight` is not above 0, or `blurred` is no array of floats.
    """
    if weight is not None and weight <= 0:
        raise ValueError(f"the weight must be above 0; got {weight}")

    def solver(channel: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        if weight is not None:
            return _deconvolve(channel, kernel, weight)
        fitting = PER_PRECISION / noise_level(channel) ** 2
        return _deconvolve(channel, kernel, min(fitting, HIGHEST_WEIGHT))

    return restore(solver, blurred, kernel)


def _deconvolve(blurred: np.ndarray, kernel: np.ndarray, weight: float) -> np.ndarray:
    surrounded = extended(blurred, kernel)
    shape = surrounded.frame.shape
    response = transfer(kernel, shape)
    energy = np.abs(response) ** 2
    known = np.conj(response) * scipy.fft.rfft2(surrounded.picture)
    differences = [transfer(HORIZONTAL, shape), transfer(VERTICAL, shape)]
    smoothing = gradient_power(shape)
    spectrum = surrounded.smooth
    for share in PENALTIES:
        penalty = share * weight
        sparse = np.zeros_like(spectrum)
        for difference in differences:
            gradients = scipy.fft.irfft2(difference * spectrum, shape)
            shrunk = scipy.fft.rfft2(shrink(gradients, penalty))
            sparse += np.conj(difference) * shrunk
        spectrum = (known / share + sparse) / (energy / share + smoothing)
    return surrounded.frame.cropped(scipy.fft.irfft2(spectrum, shape))


def shrink(gradients: np.ndarray, penalty: float) -> np.ndarray:
    """The w that minimises |w|^(2/3) + penalty / 2 (w - gradient)^2, elementwise.

    The closed form is that of Cao, Sun and Xu 2013, "Fast image deconvolution using
    closed-form thresholding formulas of Lq (q = 1/2, 2/3) regularization".
    """
    share = 2.0 / penalty
    large = np.abs(gradients) > 2.0 / 3.0 * (3.0 * share**3) ** 0.25  # else 0 is best
    size = np.abs(gradients[large])
    angle = np.arccosh(27.0 / 16.0 * size**2 * share**-1.5)
    root = 2.0 / math.sqrt(3.0) * share**0.25 * np.sqrt(np.cosh(angle / 3.0))
    found = ((root + np.sqrt(2.0 * size / root - root**2)) / 2.0) ** 3
    result = np.zeros_like(gradients)
    result[large] = np.copysign(found, gradients[large])
    return result
