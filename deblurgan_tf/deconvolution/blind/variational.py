"""Variational Bayes (`blind_variational`): the most likely kernel over all pictures.

The most probable pair of a sharp picture and a kernel is often the blurred picture
itself and no blur. So the sharp picture is integrated out, and only the kernel is
optimised (Levin, Weiss, Durand and Freeman, "Understanding and evaluating blind
deconvolution algorithms", 2009). The integral has no closed form. It is bounded by a
free energy, with a posterior of independent Gaussians (Levin et al., "Efficient
Marginal Likelihood Optimization in Blind Deconvolution", 2011) and the general sparse
priors of Babacan, Molina, Do and Katsaggelos, "Bayesian Blind Deconvolution with
General Sparse Image Priors" (2012). The prior used here is their logarithmic one, of
density 1 / |g| (Wipf and Zhang, "Revisiting Bayesian Blind Deconvolution", 2014): it
has no scale, so pictures of low and of high contrast need no settings of their own.

The unknowns are the gradients g of the sharp picture to the right and below, a Gaussian
each (mean and variance). They extend beyond the picture by the kernel's radius, and
only pixels that were seen are compared, so nothing is assumed about the outside.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft

from deblurgan_tf.deconvolution.blind.clock import Clock
from deblurgan_tf.deconvolution.blind.kernel_fit import on_simplex
from deblurgan_tf.deconvolution.blind.scales import (
    cleaned,
    enlarged,
    first_kernel,
    normalised,
    scales,
)
from deblurgan_tf.deconvolution.fourier import transfer
from deblurgan_tf.errors import DataError

SMALLEST_PICTURE = 30  # pixels; smaller versions of a plate have no edges left
ROUNDS = 14  # at each scale
CONJUGATE_STEPS = 8  # for the mean, in each round
KERNEL_STEPS = 12  # of the quadratic program, in each round
# The assumed variance of the noise in a gradient: first this many times the gradients'
# energy, so that only strong edges count; then half as much in each round (as Levin et
# al. 2011 anneal), down to about that of noise and rounding.
FIRST_NOISE = 10.0
COOLING = 0.5
LAST_NOISE = 1e-4  # of values in [0, 1], squared
FIRST_SPREAD = 3.0  # the prior's variance at the start, times the gradients' energy


class Seen(NamedTuple):
    """The gradients of a blurred picture, in a frame as large as the latent ones."""

    gradients: np.ndarray  # (2, h, w), 0 outside the picture
    mask: np.ndarray  # (h, w), 1 where the picture is

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w) of the frame, pixels."""
        return self.mask.shape[0], self.mask.shape[1]

    @property
    def energy(self) -> float:
        """The mean square of the gradients."""
        return float((self.gradients**2).sum() / (2.0 * self.mask.sum()))


class Latent(NamedTuple):
    """The posterior of the sharp gradients, and their prior: (2, h, w) each."""

    mean: np.ndarray
    variance: np.ndarray
    spread: np.ndarray  # the variance of each one's own Gaussian prior


def estimate_kernel(grey: np.ndarray, size: int, clock: Clock) -> np.ndarray:
    """Estimates the blur kernel of a picture: `blind_variational`.

    Minimises the free energy over the kernel and the posterior of the sharp gradients
    alternately, coarse to fine (Levin et al. 2011; Babacan et al. 2012).

    Args:
        grey: float64 (H, W) in [0, 1].
        size: an upper bound of the kernel's side in pixels, odd, at most the picture's.
        clock: the time limit, and the progress.

    Returns:
        float64 (size, size), not negative, sum 1, centred.

    Raises:
        DataError: the picture has too little structure.
        OutOfTime: the limit has passed.
        ValueError: `size` is even or below 3.
    """
    kernel = first_kernel(3)
    for done, side, picture in scales(grey, size):
        if side < size and min(picture.shape) < SMALLEST_PICTURE:
            continue
        kernel = improved(picture, enlarged(kernel, side), done, clock)
    clock.tick(1.0)
    return kernel


def improved(
    picture: np.ndarray, kernel: np.ndarray, done: float, clock: Clock
) -> np.ndarray:
    """The kernel at one scale, from the one of the scale before.

    picture: (H, W) at this scale; kernel: (side, side) in its pixels; done: the share
    of the work before this scale.
    """
    seen = observe(picture, kernel.shape[0] // 2)
    if seen.energy < 1e-12:
        raise DataError("no kernel was found: the picture has too little structure")
    noise = max(LAST_NOISE, FIRST_NOISE * seen.energy)
    latent = first_latent(seen)
    for number in range(ROUNDS):
        clock.tick(done)
        latent = latent_step(seen, kernel, latent, noise)
        if number > 1:  # the first two rounds only find the edges
            kernel = kernel_step(seen, latent, kernel)
        noise = max(LAST_NOISE, COOLING * noise)
    return cleaned(kernel)


def observe(picture: np.ndarray, radius: int) -> Seen:
    """The gradients of a picture (H, W), in a frame wider by the kernel's radius."""
    across = np.diff(picture, axis=1)[:-1]
    down = np.diff(picture, axis=0)[:, :-1]
    height, width = across.shape
    rows, columns = slice(radius, radius + height), slice(radius, radius + width)
    shape = [
        scipy.fft.next_fast_len(n + 2 * radius, real=True) for n in (height, width)
    ]
    gradients, mask = np.zeros((2, *shape)), np.zeros(shape)
    gradients[:, rows, columns] = across, down
    mask[rows, columns] = 1.0
    return Seen(gradients, mask)


def first_latent(seen: Seen) -> Latent:
    """The start: the blurred gradients, with a wide prior."""
    spread = np.full(seen.gradients.shape, FIRST_SPREAD * seen.energy)
    return Latent(seen.gradients, spread, spread)


def latent_step(seen: Seen, kernel: np.ndarray, latent: Latent, noise: float) -> Latent:
    """One update of the sharp gradients; the free energy does not increase.

    The mean solves (K'MK / noise + 1 / spread) mean = K'M seen / noise, with K the
    convolution and M the mask; the variance is the inverse of that matrix's diagonal
    (Levin et al. 2011, the diagonal free energy); then the best spread is the expected
    square (Babacan et al. 2012 for this prior).
    """
    response, shape = transfer(kernel, seen.shape), seen.shape
    variance = 1.0 / (_weight(seen, kernel) / noise + 1.0 / latent.spread)

    def apply(values: np.ndarray) -> np.ndarray:
        visible = seen.mask * _back(response * _transform(values), shape)
        data = _back(np.conj(response) * _transform(visible), shape)
        return data / noise + values / latent.spread

    right = _back(np.conj(response) * _transform(seen.gradients), shape) / noise
    mean = latent.mean
    # Conjugate gradients, preconditioned by the matrix's diagonal.
    residual = right - apply(mean)
    scaled = variance * residual
    direction, size = scaled, float((residual * scaled).sum())
    for _ in range(CONJUGATE_STEPS):
        if size <= 1e-20 * right.size:
            break
        image = apply(direction)
        step = size / float((direction * image).sum())
        mean = mean + step * direction
        residual = residual - step * image
        scaled = variance * residual
        before, size = size, float((residual * scaled).sum())
        direction = scaled + size / before * direction
    return Latent(mean, variance, mean**2 + variance)


def kernel_step(seen: Seen, latent: Latent, kernel: np.ndarray) -> np.ndarray:
    """One update of the kernel: not negative, sum 1; the free energy does not increase.

    Decreases E|M (seen - kernel * g)|^2 = |M (seen - kernel * mean)|^2 + sum_j c_j
    kernel_j^2, with c_j the sum of the variances that kernel_j is multiplied with
    (Levin et al. 2011, the quadratic program of the M step with a diagonal covariance);
    without the second term the kernel would fit noise. The method is spectral projected
    gradients (Birgin, Martinez and Raydan 2000) with the exact step along each
    direction.
    """
    side, shape = kernel.shape[0], seen.shape
    spectrum = _transform(latent.mean)

    def correlated(spectra: np.ndarray) -> np.ndarray:
        whole = np.roll(_back(spectra, shape), (side // 2, side // 2), axis=(0, 1))
        return whole[:side, :side]

    uncertain = correlated(
        np.conj(_transform(latent.variance.sum(axis=0))) * _transform(seen.mask)
    )

    def apply(values: np.ndarray) -> np.ndarray:
        visible = seen.mask * _back(transfer(values, shape) * spectrum, shape)
        data = (np.conj(spectrum) * _transform(visible)).sum(axis=0)
        return correlated(data) + uncertain * values

    right = correlated((np.conj(spectrum) * _transform(seen.gradients)).sum(axis=0))
    slope = apply(kernel) - right
    rate = 5.0 / max(float((np.abs(spectrum) ** 2).sum(axis=0).max()), 1e-12)
    for _ in range(KERNEL_STEPS):
        move = on_simplex(kernel - rate * slope) - kernel
        image = apply(move)
        curvature, descent = float((move * image).sum()), float((move * slope).sum())
        if descent >= 0.0 or curvature <= 0.0:
            break
        step = min(1.0, -descent / curvature)
        kernel, slope = kernel + step * move, slope + step * image
        rate = float((move**2).sum()) / curvature
    return normalised(np.maximum(kernel, 0.0))


def free_energy(seen: Seen, kernel: np.ndarray, latent: Latent, noise: float) -> float:
    """The bound that both updates decrease at a fixed noise, up to a constant.

    E|M (seen - kernel * g)|^2 / (2 noise)
    + 1/2 sum (mean^2 + variance) / spread + log spread - log variance.
    """
    response = transfer(kernel, seen.shape)
    blurred = _back(response * _transform(latent.mean), seen.shape)
    error = (seen.mask * (seen.gradients - blurred) ** 2).sum()
    error += (_weight(seen, kernel) * latent.variance).sum()
    ratio = (latent.mean**2 + latent.variance) / latent.spread
    prior = (ratio + np.log(latent.spread / latent.variance)).sum()
    return float(error / (2.0 * noise) + prior / 2.0)


def _weight(seen: Seen, kernel: np.ndarray) -> np.ndarray:
    """The diagonal of K'MK: how strongly each latent gradient is seen, squared."""
    spectrum = np.conj(transfer(kernel**2, seen.shape)) * _transform(seen.mask)
    return np.maximum(_back(spectrum, seen.shape), 0.0)


def _transform(values: np.ndarray) -> np.ndarray:
    return scipy.fft.rfft2(values, axes=(-2, -1))


def _back(spectrum: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return scipy.fft.irfft2(spectrum, shape, axes=(-2, -1))
