"""Deconvolution with a known kernel: Wiener, constrained least squares, Lucy.

All three need the noise's standard deviation in the picture's units ([0, 1]; a grey
level is 1 / 255) or estimate it from the picture. It decides how much of the blur they
remove. Each channel is restored on its own. What is outside the picture is unknown
(borders.py), or, with `circular`, the opposite side of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy.fft
import scipy.optimize

from deblurgan_tf.deconvolution.borders import Frame, extended, frame, restore
from deblurgan_tf.deconvolution.fourier import LAPLACIAN, gradient_power, transfer
from deblurgan_tf.deconvolution.noise import noise_level

MULTIPLIERS = (1e-9, 1e9)  # where the filters' multipliers are searched
ITERATIONS = 200  # of Richardson-Lucy, at most
REACHED = 0.01  # share of a pixel's light that was seen; below, it is unknown
SMALLEST = 1e-10  # a smaller response of a kernel is 0 with rounding errors


def wiener(
    blurred: np.ndarray,
    kernel: np.ndarray,
    noise: float | None = None,
    *,
    circular: bool = False,
) -> np.ndarray:
    """The Wiener filter (Wiener 1949), for pictures whose power falls as 1 / f^2.

    With K the kernel's transfer function and Y the spectrum of the blurred picture, the
    restored spectrum is conj(K) Y / (|K|^2 + noise^2 / S). The sharp picture's power is
    taken as S = c / |D|^2, with |D|^2 the power of the differences to the right and
    below: about that of natural pictures (Field 1987). c is the value under which Y is
    most likely (Whittle 1953). With noise 0 it is the inverse filter.

    Args:
        blurred: float (H, W) or (H, W, C) in [0, 1].
        kernel: (h, w), odd sides, not negative, sum 1, not larger than the picture.
        noise: standard deviation in [0, 1]; None estimates it for each channel.
        circular: the picture wraps around at its borders.

    Returns:
        float64 in [0, 1], of blurred's shape.

    Raises:
        DataError: a kernel or a picture that cannot be used, see `borders.restore`.
        ValueError: `noise` is outside [0, 1], or `blurred` is no array of floats.
    """
    _check(noise)

    def solver(channel: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        deviation = noise_level(channel) if noise is None else noise
        picture, place = _surrounded(channel, kernel, circular)
        spectrum = scipy.fft.rfft2(picture)
        response = transfer(kernel, picture.shape)
        penalty = gradient_power(picture.shape)
        multiplier = 0.0
        if deviation > 0:
            power = np.abs(spectrum) ** 2 / (picture.size * deviation**2)
            multiplier = _likeliest(power, np.abs(response) ** 2, penalty)
        restored = _filtered(spectrum, response, multiplier * penalty)
        return place.cropped(scipy.fft.irfft2(restored, picture.shape))

    return restore(solver, blurred, kernel)


def regularized_filter(
    blurred: np.ndarray,
    kernel: np.ndarray,
    noise: float | None = None,
    *,
    circular: bool = False,
) -> np.ndarray:
    """Constrained least squares (Hunt 1973): the smoothest picture that fits.

    Minimises |L x|^2, L the Laplacian, under |blurred - kernel * x|^2 = N noise^2, both
    sums over the N pixels that were seen (as MATLAB's deconvreg). The restored spectrum
    is conj(K) Y / (|K|^2 + m |L|^2), with the multiplier m that satisfies the equation.
    With noise 0 it is the inverse filter. If no multiplier satisfies it (a picture with
    less contrast than noise, or a kernel that cannot have made it), the nearest end of
    MULTIPLIERS is used.

    Arguments, result and errors are those of `wiener`.
    """
    _check(noise)

    def solver(channel: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        deviation = noise_level(channel) if noise is None else noise
        picture, place = _surrounded(channel, kernel, circular)
        spectrum = scipy.fft.rfft2(picture)
        response = transfer(kernel, picture.shape)
        penalty = np.abs(transfer(LAPLACIAN, picture.shape)) ** 2

        def excess(power: float) -> float:
            """log(mean squared misfit / noise^2) with the multiplier e^power."""
            restored = _filtered(spectrum, response, math.exp(power) * penalty)
            misfit = scipy.fft.irfft2(spectrum - response * restored, picture.shape)
            square = np.mean(place.cropped(misfit) ** 2)
            return math.log(max(square, 1e-300)) - 2.0 * math.log(deviation)

        multiplier = math.exp(_root(excess)) if deviation > 0 else 0.0
        restored = _filtered(spectrum, response, multiplier * penalty)
        return place.cropped(scipy.fft.irfft2(restored, picture.shape))

    return restore(solver, blurred, kernel)


def richardson_lucy(
    blurred: np.ndarray,
    kernel: np.ndarray,
    noise: float | None = None,
    *,
    iterations: int | None = None,
    circular: bool = False,
) -> np.ndarray:
    """Richardson-Lucy (Richardson 1972, Lucy 1974), stopped when the misfit is noise.

    Repeats x <- x (k~ * (seen blurred / (k * x))) / (k~ * seen), with k the kernel, k~
    the kernel rotated by 180 degrees, and `seen` 1 inside the picture and 0 outside.
    This is the method of Bertero and Boccacci 2005: pixels outside the picture are
    restored too, as far as their light was seen. It begins with a flat picture and
    stops as soon as the mean of (blurred - k * x)^2 is at most noise^2 (Morozov's
    discrepancy principle), at the latest after ITERATIONS.

    The result and the other errors are those of `wiener`.

    Args:
        blurred: as for `wiener`.
        kernel: as for `wiener`.
        noise: as for `wiener`; not used with `iterations`.
        iterations: exactly so many, 1 or more; None stops by the noise.
        circular: as for `wiener`.

    Raises:
        ValueError: `iterations` is below 1.
    """
    if iterations is not None and iterations < 1:
        raise ValueError(f"iterations must be 1 or more; got {iterations}")
    _check(noise)

    def solver(channel: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        if iterations is not None:
            return _lucy(channel, kernel, iterations, -1.0, circular)
        deviation = noise_level(channel) if noise is None else noise
        return _lucy(channel, kernel, ITERATIONS, deviation**2, circular)

    return restore(solver, blurred, kernel)


def _lucy(
    channel: np.ndarray, kernel: np.ndarray, limit: int, goal: float, circular: bool
) -> np.ndarray:
    """At most `limit` iterations; stops at a mean squared misfit of `goal` or less."""
    place = frame((channel.shape[0], channel.shape[1]), kernel, circular)
    response = transfer(kernel, place.shape)
    backward = np.conj(response)

    def filtered(picture: np.ndarray, by: np.ndarray) -> np.ndarray:
        # Neither the picture nor the filter is negative: values below 0 are rounding.
        result = scipy.fft.irfft2(by * scipy.fft.rfft2(picture), place.shape)
        return np.maximum(result, 0.0)

    share = filtered(place.seen(), backward)  # of each pixel's light that was seen
    weight = np.where(share > REACHED, 1.0 / np.maximum(share, REACHED), 0.0)
    ratio = np.zeros(place.shape)
    restored = np.full(place.shape, max(channel.mean(), SMALLEST))
    for _ in range(limit):
        expected = place.cropped(filtered(restored, response))
        if np.mean((channel - expected) ** 2) <= goal:
            break
        ratio[place.rows, place.columns] = channel / np.maximum(expected, SMALLEST)
        restored *= weight * filtered(ratio, backward)
    return place.cropped(restored)


def _check(noise: float | None) -> None:
    if noise is not None and not 0.0 <= noise <= 1.0:
        raise ValueError(
            f"noise is a standard deviation in [0, 1] (grey levels / 255); got {noise}"
        )


def _surrounded(
    channel: np.ndarray, kernel: np.ndarray, circular: bool
) -> tuple[np.ndarray, Frame]:
    """A picture that wraps around, and where the channel is in it."""
    if circular:
        return channel, frame((channel.shape[0], channel.shape[1]), kernel, True)
    surrounded = extended(channel, kernel)
    return surrounded.picture, surrounded.frame


def _filtered(
    spectrum: np.ndarray, response: np.ndarray, penalty: np.ndarray
) -> np.ndarray:
    """The x that minimises |spectrum - response x|^2 + penalty |x|^2.

    0 at frequencies where neither term depends on x.
    """
    energy = np.abs(response) ** 2 + penalty
    numerator = np.conj(response) * spectrum
    lost = energy < SMALLEST**2
    return np.where(lost, 0.0, numerator / np.where(lost, 1.0, energy))


def _likeliest(power: np.ndarray, energy: np.ndarray, penalty: np.ndarray) -> float:
    """noise^2 / c, with the likeliest c of a sharp picture of power c / penalty.

    power: of the blurred picture, in units of the noise's power. At each frequency it
    is assumed to be exponentially distributed with mean energy c / penalty / noise^2 +
    1. The columns that rfft2 omits repeat others, and the first entry (the picture's
    mean, penalty 0) is left out.
    """
    power, tilt = power.ravel()[1:], energy.ravel()[1:] / penalty.ravel()[1:]

    def negative_log_likelihood(logarithm: float) -> float:
        expected = tilt * math.exp(-logarithm) + 1.0
        return float(np.sum(np.log(expected) + power / expected))

    ends = [math.log(end) for end in MULTIPLIERS]
    found = scipy.optimize.minimize_scalar(
        negative_log_likelihood, bounds=ends, method="bounded"
    )
    return math.exp(found.x)


def _root(excess: Callable[[float], float]) -> float:
    """The logarithm of the multiplier where `excess` is 0, or the nearer end."""
    low, high = (math.log(end) for end in MULTIPLIERS)
    if excess(low) >= 0:
        return low
    if excess(high) <= 0:
        return high
    return float(scipy.optimize.brentq(excess, low, high, xtol=1e-6))
