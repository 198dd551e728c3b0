"""The kernel by variational Bayes: average over all sharp pictures, not the best one.

The pair (sharp picture, kernel) of the highest probability is often the blurred picture
itself with no blur. So the sharp picture is integrated out, and only the kernel is
maximised over (Levin, Weiss, Durand and Freeman, "Understanding and evaluating blind
deconvolution algorithms", 2009). The integral has no closed form; it is bounded by a
free energy under a posterior of independent Gaussians (Levin et al., "Efficient
Marginal Likelihood Optimization in Blind Deconvolution", 2011), with the general sparse
priors of Babacan, Molina, Do and Katsaggelos, "Bayesian Blind Deconvolution with
General Sparse Image Priors" (2012). Here the prior is their logarithmic one, with a
density of 1 / |g| (Wipf and Zhang, "Revisiting Bayesian Blind Deconvolution", 2014): it
has no scale, so a pale plate and a hard photo need no settings of their own.

The unknowns are the gradients g of the sharp picture to the right and below, one
Gaussian each (mean and variance). They reach beyond the picture by the kernel's radius,
and only what was seen is compared, so that borders need no guess.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft

from deblurgan_tf.deconvolution.blind.clock import Clock
from deblurgan_tf.deconvolution.blind.scales import (
    enlarged,
    first_kernel,
    normalised,
    scales,
    tidied,
)
from deblurgan_tf.deconvolution.fourier import transfer
from deblurgan_tf.errors import DataError

SMALLEST_PICTURE = 30  # pixels; smaller versions of a plate have lost its edges
ROUNDS = 14  # at each scale
CONJUGATE_STEPS = 8  # for the mean, in each round
KERNEL_STEPS = 12  # of the quadratic program, in each round
# The variance of the noise in a gradient: from this many times the gradients' energy
# it is halved each round (Levin et al. 2011 anneal alike) down to
# about that of noise and rounding. Much noise first: only strong edges speak.
FIRST_NOISE = 10.0
COOLING = 0.5
LAST_NOISE = 1e-4  # values in [0, 1], squared
FIRST_SPREAD = 3.0  # the prior's variance at the start, in gradients' energies


class Seen(NamedTuple):
    """The gradients of a blurred picture inside the frame of the latent ones."""

    gradients: np.ndarray  # (2, h, w), 0 outside the picture
    mask: np.ndarray  # (h, w), 1 where the picture is

    @property
    def shape(self) -> tuple[int, int]:
        return self.mask.shape[0], self.mask.shape[1]

    @property
    def energy(self) -> float:
        """The mean square of the gradients."""
        return float((self.gradients**2).sum() / (2.0 * self.mask.sum()))


class Latent(NamedTuple):
    """What is known of the sharp gradients: (2, h, w) each."""

    mean: np.ndarray
    variance: np.ndarray
    spread: np.ndarray  # the variance of each one's own Gaussian prior


def estimate_kernel(grey: np.ndarray, size: int, clock: Clock) -> np.ndarray:
    """The blur kernel of a picture, (size, size), non-negative, sum 1, centred.

    grey: float64 (H, W) in [0, 1]; size: odd, an upper bound of the kernel's side.
    Raises ValueError for a picture without structure and `OutOfTime`.
    """
    kernel = first_kernel(3)
    for done, side, picture in scales(grey, size):
        if side < size and min(picture.shape) < SMALLEST_PICTURE:
            continue
        kernel = refined(picture, enlarged(kernel, side), done, clock)
    clock.tick(1.0)
    return kernel


def refined(
    picture: np.ndarray, kernel: np.ndarray, done: float, clock: Clock
) -> np.ndarray:
    """The kernel at one scale, from the one found at the scale before."""
    seen = observe(picture, kernel.shape[0] // 2)
    if seen.energy < 1e-12:
        raise DataError("no kernel was found: the picture has too little structure")
    noise = max(LAST_NOISE, FIRST_NOISE * seen.energy)
    latent = first_latent(seen)
    for turn in range(ROUNDS):
        clock.tick(done)
        latent = latent_step(seen, kernel, latent, noise)
        if turn > 1:  # the first two only find the edges
            kernel = kernel_step(seen, latent, kernel)
        noise = max(LAST_NOISE, COOLING * noise)
    return tidied(kernel)


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
    spread = np.full(seen.gradients.shape, FIRST_SPREAD * seen.energy)
    return Latent(seen.gradients, spread, spread)


def latent_step(seen: Seen, kernel: np.ndarray, latent: Latent, noise: float) -> Latent:
    """One round for the sharp gradients; never raises the free energy.

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
    """The kernel that fits the expected gradients best; non-negative, sum 1.

    Lowers E|M (seen - kernel * g)|^2, which is
    |M (seen - kernel * mean)|^2 + sum_j c_j kernel_j^2, with c_j the sum of the
    variances that kernel_j sees (Levin et al. 2011, the quadratic program of the M step
    with a diagonal covariance): without it the kernel would fit noise. Spectral
    projected gradients (Birgin, Martinez and Raydan 2000) with the exact step along
    each direction, so that no step makes it worse.
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
    reach = 5.0 / max(float((np.abs(spectrum) ** 2).sum(axis=0).max()), 1e-12)
    for _ in range(KERNEL_STEPS):
        move = on_simplex(kernel - reach * slope) - kernel
        image = apply(move)
        curvature, descent = float((move * image).sum()), float((move * slope).sum())
        if descent >= 0.0 or curvature <= 0.0:
            break
        step = min(1.0, -descent / curvature)
        kernel, slope = kernel + step * move, slope + step * image
        reach = float((move**2).sum()) / curvature
    return normalised(np.maximum(kernel, 0.0))


def free_energy(seen: Seen, kernel: np.ndarray, latent: Latent, noise: float) -> float:
    """The bound that both steps lower at a fixed noise, up to a constant.

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


def on_simplex(values: np.ndarray) -> np.ndarray:
    """The nearest non-negative array of sum 1 (Duchi et al. 2008, figure 1)."""
    ordered = np.sort(values, axis=None)[::-1]
    excess = (np.cumsum(ordered) - 1.0) / np.arange(1, ordered.size + 1)
    threshold = excess[np.flatnonzero(ordered > excess)[-1]]
    return np.maximum(values - threshold, 0.0)


def _weight(seen: Seen, kernel: np.ndarray) -> np.ndarray:
    """The diagonal of K'MK: how strongly each latent gradient is seen, squared."""
    spectrum = np.conj(transfer(kernel**2, seen.shape)) * _transform(seen.mask)
    return np.maximum(_back(spectrum, seen.shape), 0.0)


def _transform(values: np.ndarray) -> np.ndarray:
    return scipy.fft.rfft2(values, axes=(-2, -1))


def _back(spectrum: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return scipy.fft.irfft2(spectrum, shape, axes=(-2, -1))
