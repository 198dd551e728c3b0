"""Non-blind deconvolution with a sparse prior on the gradients.

The gradients of natural pictures are distributed about as exp(-|g|^(2/3)): more flat
places and more strong edges than a Gaussian has. Krishnan and Fergus 2009, "Fast image
deconvolution using hyper-Laplacian priors", restore with it in a few Fourier
transforms. It is the last step of all blind methods.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.fft

from deblurgan_tf.deconvolution.borders import extended, restore
from deblurgan_tf.deconvolution.fourier import HORIZONTAL, VERTICAL, transfer
from deblurgan_tf.deconvolution.noise import noise_level

# The weight of the data against the gradients is this share of 1 / noise^2 ...
PER_PRECISION = 0.16
# ... and no more than this: a kernel has errors too. With an exact one and 1.5 grey
# levels of noise, 4000 is 0.1 to 0.3 dB better; with one that is not, 1000 to 2500 are.
HIGHEST_WEIGHT = 2500.0
# The penalty on the difference between the auxiliary gradients and the picture's, step
# by step, for the weight 1. The paper's begin so low that the auxiliary gradients are
# all 0; these begin from the smooth picture of `extended` and restore 0.4 to 0.7 dB
# more. In proportion to the weight they keep up with the noise in its gradients.
PENALTIES = tuple(2.0**power / 2500.0 for power in (5.5, 7.0, 8.5, 10.0))


def deconvolve(
    blurred: np.ndarray, kernel: np.ndarray, weight: float | None = None
) -> np.ndarray:
    """Restores a picture by half-quadratic splitting; returns its shape, in [0, 1].

    blurred: float (H, W) or (H, W, C) in [0, 1]; kernel: (h, w), odd sides, sum 1.
    Approaches the minimum over x of weight / 2 |kernel * x - blurred|^2 + the sum of
    |horizontal and vertical differences of x|^(2/3) (equation 1, alpha 2/3; equations 3
    to 5 are the steps). A smaller weight, for more noise or a doubtful kernel, gives a
    smoother picture; None takes it from the noise of each channel.
    Raises ValueError as `borders.restore` does, and for a weight that is not above 0.
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
    rough = sum(np.abs(difference) ** 2 for difference in differences)
    spectrum = surrounded.smooth
    for share in PENALTIES:
        penalty = share * weight
        sparse = np.zeros_like(spectrum)
        for difference in differences:
            gradients = scipy.fft.irfft2(difference * spectrum, shape)
            shrunk = scipy.fft.rfft2(shrink(gradients, penalty))
            sparse += np.conj(difference) * shrunk
        spectrum = (known / share + sparse) / (energy / share + rough)
    return surrounded.frame.cropped(scipy.fft.irfft2(spectrum, shape))


def shrink(gradients: np.ndarray, penalty: float) -> np.ndarray:
    """The minimum over w of |w|^(2/3) + penalty / 2 (w - gradient)^2, elementwise.

    Closed form of Cao, Sun and Xu 2013, "Fast image deconvolution using closed-form
    thresholding formulas of Lq (q = 1/2, 2/3) regularization".
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
