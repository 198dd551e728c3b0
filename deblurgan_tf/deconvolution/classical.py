"""Deblurring with a kernel that is known: Wiener, the regularised filter, Lucy.

All three take the noise's standard deviation in the picture's units ([0, 1]; a grey
level is 1 / 255), or estimate it from the picture, and choose from it how far they undo
the blur. Each channel is restored on its own. What lies outside the picture is taken as
unknown (borders.py), or as the picture's other side where `circular` says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy.fft
import scipy.optimize

from deblurgan_tf.deconvolution.borders import Frame, extended, frame, restore
from deblurgan_tf.deconvolution.fourier import HORIZONTAL, LAPLACIAN, VERTICAL, transfer
from deblurgan_tf.deconvolution.noise import noise_level

MULTIPLIERS = (1e-9, 1e9)  # where the filters' multipliers are sought
ITERATIONS = 200  # of Richardson-Lucy, at most
REACHED = 0.01  # of a pixel's light: below, nothing is known of the pixel
SMALLEST = 1e-10  # a smaller response of a kernel is a zero with rounding errors


def wiener(
    blurred: np.ndarray,
    kernel: np.ndarray,
    noise: float | None = None,
    *,
    circular: bool = False,
) -> np.ndarray:
    """The Wiener filter for a picture whose power falls with frequency squared.

    blurred: float (H, W) or (H, W, C) in [0, 1]; kernel: (h, w), odd sides, sum 1;
    noise: in [0, 1], None to estimate it. Returns blurred's shape, in [0, 1].
    The sharp picture's power at a frequency is taken as c / (the power of differences
    there), about that of natural pictures (Field 1987), with the c under which the
    spectrum of the blurred one is likeliest (Whittle 1953). With noise 0 it is the
    inverse filter.
    Raises ValueError as `borders.restore` does.
    """
    _check(noise)

    def solver(channel: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        deviation = noise_level(channel) if noise is None else noise
        picture, place = _surrounded(channel, kernel, circular)
        spectrum = scipy.fft.rfft2(picture)
        response = transfer(kernel, picture.shape)
        rough = np.abs(transfer(HORIZONTAL, picture.shape)) ** 2
        rough += np.abs(transfer(VERTICAL, picture.shape)) ** 2
        multiplier = 0.0
        if deviation > 0:
            power = np.abs(spectrum) ** 2 / (picture.size * deviation**2)
            multiplier = _likeliest(power, np.abs(response) ** 2, rough)
        restored = _filtered(spectrum, response, multiplier * rough)
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

    Arguments, result and errors as of `wiener`. Minimises |Laplacian of x|^2 under
    |blurred - kernel * x|^2 = number of pixels times noise^2, the sum over the pixels
    that were seen (MATLAB's deconvreg). With noise 0 it is the inverse filter. Where no
    multiplier meets the equation (a picture with less contrast than noise, or a kernel
    that cannot have made it), the one that comes nearest is taken.
    """
    _check(noise)

    def solver(channel: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        deviation = noise_level(channel) if noise is None else noise
        picture, place = _surrounded(channel, kernel, circular)
        spectrum = scipy.fft.rfft2(picture)
        response = transfer(kernel, picture.shape)
        rough = np.abs(transfer(LAPLACIAN, picture.shape)) ** 2

        def excess(power: float) -> float:
            """log(mean squared misfit / noise^2) at the multiplier e^power."""
            restored = _filtered(spectrum, response, math.exp(power) * rough)
            misfit = scipy.fft.irfft2(spectrum - response * restored, picture.shape)
            square = np.mean(place.cropped(misfit) ** 2)
            return math.log(max(square, 1e-300)) - 2.0 * math.log(deviation)

        multiplier = 0.0
        if deviation > 0:
            multiplier = math.exp(_root(excess))
        restored = _filtered(spectrum, response, multiplier * rough)
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
    """Richardson 1972 and Lucy 1974, stopped where the misfit is no more than noise.

    Arguments, result and errors as of `wiener`. Starts from a flat picture and stops as
    soon as the mean squared misfit is at most noise^2 (Morozov's discrepancy
    principle), after ITERATIONS at the latest; where `iterations` is given, after
    exactly those. Around the picture it is that of Bertero and Boccacci 2005: light
    from outside is restored too, each pixel in proportion to what of it was seen.
    """
    if iterations is not None and iterations < 1:
        raise ValueError(f"iterations must be 1 or more; got {iterations}")
    _check(noise)

    def solver(channel: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        if iterations is not None:
            limit, goal = iterations, -1.0  # no misfit is as small
        else:
            limit = ITERATIONS
            goal = (noise_level(channel) if noise is None else noise) ** 2
        place = frame((channel.shape[0], channel.shape[1]), kernel, circular)
        response = transfer(kernel, place.shape)
        backward = np.conj(response)

        def filtered(picture: np.ndarray, by: np.ndarray) -> np.ndarray:
            # Of what is not negative, so below 0 are rounding errors only.
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

    return restore(solver, blurred, kernel)


def _check(noise: float | None) -> None:
    if noise is not None and not 0.0 <= noise <= 1.0:
        raise ValueError(
            f"noise is a standard deviation in [0, 1] (grey levels / 255); got {noise}"
        )


def _surrounded(
    channel: np.ndarray, kernel: np.ndarray, circular: bool
) -> tuple[np.ndarray, Frame]:
    """The picture as a filter that wraps around needs it, and where it is in that."""
    if circular:
        return channel, frame((channel.shape[0], channel.shape[1]), kernel, True)
    surrounded = extended(channel, kernel)
    return surrounded.picture, surrounded.frame


def _filtered(
    spectrum: np.ndarray, response: np.ndarray, penalty: np.ndarray
) -> np.ndarray:
    """The least |spectrum - response x|^2 + penalty |x|^2; x is 0 where it is free."""
    energy = np.abs(response) ** 2 + penalty
    numerator = np.conj(response) * spectrum
    lost = energy < SMALLEST**2
    return np.where(lost, 0.0, numerator / np.where(lost, 1.0, energy))


def _likeliest(power: np.ndarray, energy: np.ndarray, rough: np.ndarray) -> float:
    """noise^2 / c for the likeliest power c / rough of the sharp picture.

    power: the blurred picture's, in units of the noise's. At each frequency it is taken
    to be exponentially distributed with the mean energy c / rough / noise^2 + 1. The
    columns that rfft2 leaves out repeat others, and the mean (rough 0) says nothing.
    """
    power, tilt = power.ravel()[1:], energy.ravel()[1:] / rough.ravel()[1:]

    def unlikeliness(logarithm: float) -> float:
        expected = tilt * math.exp(-logarithm) + 1.0
        return float(np.sum(np.log(expected) + power / expected))

    ends = [math.log(end) for end in MULTIPLIERS]
    found = scipy.optimize.minimize_scalar(unlikeliness, bounds=ends, method="bounded")
    return math.exp(found.x)


def _root(excess: Callable[[float], float]) -> float:
    """The logarithm of a multiplier where `excess` is 0, else of the nearer end."""
    low, high = (math.log(end) for end in MULTIPLIERS)
    if excess(low) >= 0:
        return low
    if excess(high) <= 0:
        return high
    return float(scipy.optimize.brentq(excess, low, high, xtol=1e-6))
