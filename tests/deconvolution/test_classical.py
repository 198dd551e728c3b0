"""Wiener, the regularised filter and Richardson-Lucy: inverses, oracles, gains."""

import numpy as np
import pytest
import skimage.restoration
from helpers.blurs import NOISE, arc, error, pair
from skimage.data import astronaut, camera

from deblurgan_tf.deconvolution.classical import (
    regularized_filter,
    richardson_lucy,
    wiener,
)
from deblurgan_tf.deconvolution.fourier import LAPLACIAN, convolve_circular
from deblurgan_tf.errors import DataError

METHODS = [wiener, regularized_filter, richardson_lucy]
ROUND = [[0.02, 0.07, 0.05], [0.1, 0.6, 0.02], [0.03, 0.1, 0.01]]  # no zeros, lopsided
every_method = pytest.mark.parametrize("method", METHODS)


def _circular():
    """A noisy blur that wraps, of values far from 0 and 1: nothing is clipped."""
    blurred = convolve_circular(0.25 + camera()[100:200, 200:300] / 765.0, arc())
    return blurred + np.random.default_rng(0).normal(0.0, NOISE, blurred.shape)


@every_method
@pytest.mark.parametrize("noise", [None, 0.0, 0.01])
def test_a_kernel_of_one_pixel_is_the_identity(method, noise):
    picture = astronaut()[:40, :51] / 255.0
    delta = np.zeros((7, 5))
    delta[3, 2] = 1.0
    np.testing.assert_array_equal(method(picture, delta, noise), picture)


@pytest.mark.parametrize("method", [wiener, regularized_filter])
def test_the_filters_invert_a_circular_blur_without_noise(method):
    sharp = astronaut()[100:164, 180:245] / 255.0
    blurred = convolve_circular(sharp, np.array(ROUND))
    restored = method(blurred, np.array(ROUND), 0.0, circular=True)
    np.testing.assert_allclose(restored, sharp, atol=1e-9)


@pytest.mark.parametrize("method", [wiener, regularized_filter])
def test_with_vanishing_noise_the_filters_tend_to_the_inverse(method):
    sharp = camera()[100:164, 180:245] / 255.0
    blurred = convolve_circular(sharp, np.array(ROUND))
    errors = [
        error(method(blurred, np.array(ROUND), noise, circular=True), sharp)
        for noise in (1e-2, 1e-3, 1e-4)
    ]
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


@pytest.mark.parametrize("method", [wiener, regularized_filter])
def test_what_a_kernel_removes_altogether_is_left_out(method):
    # This mean over columns removes alternating ones: the inverse would divide by 0.
    wave = np.tile([0.2, 0.8], (16, 8))
    kernel = np.array([[0.25, 0.5, 0.25]])
    restored = method(convolve_circular(wave, kernel), kernel, 0.0, circular=True)
    np.testing.assert_allclose(restored, 0.5, atol=1e-9)


def test_richardson_lucy_equals_scikit_image_in_the_interior():
    kernel, steps = np.array(ROUND), 10
    blurred = convolve_circular(camera()[100:180, 200:290] / 255.0, kernel)
    expected = skimage.restoration.richardson_lucy(blurred, kernel, steps, clip=False)
    restored = richardson_lucy(blurred, kernel, iterations=steps)
    depth = 2 * steps * (kernel.shape[0] // 2)  # two convolutions an iteration
    inside = (slice(depth, -depth), slice(depth, -depth))
    assert restored[inside].size > 1500
    np.testing.assert_allclose(restored[inside], expected[inside], atol=1e-9)


def test_richardson_lucy_keeps_the_light_and_approaches_the_sharp_picture():
    sharp = camera()[100:164, 180:245] / 255.0
    blurred = convolve_circular(sharp, np.array(ROUND))
    errors = []
    for iterations in (1, 5, 25):
        restored = richardson_lucy(
            blurred, np.array(ROUND), iterations=iterations, circular=True
        )
        errors.append(error(restored, sharp))
    assert errors[0] > errors[1] > errors[2]
    # Light is kept but for the clipping of what rang above 1.
    assert restored.mean() == pytest.approx(blurred.mean(), rel=1e-3)


def test_richardson_lucy_stops_when_the_misfit_is_the_noise():
    blurred = _circular()
    noise = 0.012
    stopped = richardson_lucy(blurred, arc(), noise, circular=True)

    def misfit(restored):
        return np.sqrt(error(convolve_circular(restored, arc()), blurred))

    runs = [
        richardson_lucy(blurred, arc(), iterations=count, circular=True)
        for count in range(1, 15)
    ]
    first = next(run for run in runs if misfit(run) <= noise)
    np.testing.assert_array_equal(stopped, first)
    assert misfit(runs[0]) > noise


def test_the_regularised_filter_meets_the_discrepancy():
    blurred = _circular()
    restored = regularized_filter(blurred, arc(), NOISE, circular=True)
    misfit = convolve_circular(restored, arc()) - blurred
    assert np.sqrt(np.mean(misfit**2)) == pytest.approx(NOISE, rel=1e-4)


def test_the_regularised_filter_is_the_smoothest_picture_that_fits():
    blurred = _circular()
    restored = regularized_filter(blurred, arc(), NOISE, circular=True)
    misfit = convolve_circular(restored, arc()) - blurred
    curvature = convolve_circular(restored, LAPLACIAN)

    def slopes(direction):
        """How the squared misfit and the squared Laplacian change along a direction."""
        return (
            np.mean(misfit * convolve_circular(direction, arc())),
            np.mean(curvature * convolve_circular(direction, LAPLACIAN)),
        )

    # Lagrange: the two are in one proportion, below 0, along all directions.
    fit, smooth = slopes(restored)
    assert fit / smooth < 0
    random = np.random.default_rng(0)
    for _ in range(3):
        other_fit, other_smooth = slopes(random.normal(size=restored.shape))
        assert other_fit / other_smooth == pytest.approx(fit / smooth, rel=1e-6)


@every_method
def test_each_restores_the_middle_and_the_border(method):
    blurred, sharp, strip = pair(astronaut()[20:150, 130:270], arc())
    restored = method(blurred, arc())
    assert error(restored, sharp) < 0.4 * error(blurred, sharp)
    assert error(restored, sharp, strip) < 0.65 * error(blurred, sharp, strip)


@every_method
def test_colour_is_the_channels_and_the_result_is_the_same_every_time(method):
    blurred, _, _ = pair(astronaut()[20:80, 130:203], arc())
    restored = method(blurred, arc())
    assert restored.shape == blurred.shape and restored.dtype == np.float64
    assert restored.min() >= 0.0 and restored.max() <= 1.0
    for channel in range(3):
        alone = method(blurred[..., channel], arc())
        np.testing.assert_array_equal(restored[..., channel], alone)


@every_method
@pytest.mark.parametrize("noise", [None, 0.0, 0.02])
@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_flat_pictures_stay_flat(method, noise, value):
    restored = method(np.full((24, 25), value), arc(), noise)
    np.testing.assert_allclose(restored, value, atol=1e-6)


@every_method
def test_what_cannot_be_done_is_said(method):
    picture = np.full((19, 30), 0.5)
    with pytest.raises(DataError, match="odd sides"):
        method(picture, np.full((4, 4), 1 / 16))
    with pytest.raises(DataError, match="19x30 is smaller than the kernel of 21x1"):
        method(picture, np.full((21, 1), 1 / 21))
    with pytest.raises(ValueError, match="standard deviation"):
        method(picture, arc(), 1.5)
    with pytest.raises(ValueError, match="standard deviation"):
        method(picture, arc(), -0.1)
    with pytest.raises(ValueError, match="need a picture of floats"):
        method(np.zeros((30, 30), np.uint8), arc())


def test_richardson_lucy_needs_an_iteration():
    with pytest.raises(ValueError, match="iterations must be 1 or more; got 0"):
        richardson_lucy(np.full((30, 30), 0.5), arc(), iterations=0)
