"""The sparse deconvolution: its shrinkage by brute force, its gain on pictures."""

import numpy as np
import pytest
import scipy.ndimage
from helpers.blurs import arc, error, pair
from skimage.data import astronaut

from deblurgan_tf.deconvolution.borders import trimmed
from deblurgan_tf.deconvolution.hyper_laplacian import deconvolve, shrink
from deblurgan_tf.errors import DataError


@pytest.mark.parametrize("penalty", [2.0, 45.0, 1000.0])
def test_shrinking_finds_the_least_cost(penalty):
    gradients = np.linspace(-1.2, 1.2, 41)
    candidates = np.linspace(-1.3, 1.3, 26001)

    def cost(candidate):
        difference = candidate - gradients[:, None]
        return np.abs(candidate) ** (2 / 3) + penalty / 2 * difference**2

    found = cost(shrink(gradients, penalty)[:, None])[:, 0]
    assert (found <= cost(candidates).min(axis=1) + 1e-12).all()


def test_shrinking_is_odd_and_keeps_large_gradients():
    gradients = np.array([0.01, 0.3, 50.0])
    np.testing.assert_array_equal(shrink(-gradients, 45.0), -shrink(gradients, 45.0))
    assert shrink(gradients, 45.0)[0] == 0.0
    assert shrink(gradients, 45.0)[2] == pytest.approx(50.0, abs=0.01)


def test_a_kernel_of_one_pixel_is_the_identity():
    picture = astronaut()[:40, :50] / 255.0
    delta = np.zeros((5, 5))
    delta[2, 2] = 1.0
    np.testing.assert_array_equal(deconvolve(picture, delta), picture)


def test_it_restores_the_middle_and_the_border():
    blurred, sharp, strip = pair(astronaut()[20:190, 130:320], arc())
    restored = deconvolve(blurred, arc())
    assert error(restored, sharp) < 0.25 * error(blurred, sharp)
    assert error(restored, sharp, strip) < 0.5 * error(blurred, sharp, strip)


def test_a_kernel_that_is_not_quite_right_still_helps():
    blurred, sharp, _ = pair(astronaut()[20:190, 130:320], arc())
    wrong = scipy.ndimage.gaussian_filter(np.pad(arc(), 3), 0.8)
    restored = deconvolve(blurred, wrong / wrong.sum())
    assert error(restored, sharp) < 0.4 * error(blurred, sharp)


def test_a_smaller_weight_is_smoother():
    blurred, _, _ = pair(astronaut()[20:120, 130:230, 0], arc())
    variation = [
        np.abs(np.diff(deconvolve(blurred, arc(), weight), axis=1)).mean()
        for weight in (100.0, 1000.0, 10000.0)
    ]
    assert variation[0] < variation[1] < variation[2]


def test_without_a_weight_the_noise_decides():
    blurred, sharp, _ = pair(astronaut()[20:150, 130:270, 0], arc())
    noise = np.random.default_rng(1).normal(0.0, 8 / 255, blurred.shape)
    noisy = (blurred + noise).clip(0.0, 1.0)
    restored = deconvolve(noisy, arc())
    assert error(restored, sharp) < 0.6 * error(noisy, sharp)
    # The weight that suits 1.5 grey levels makes this noise worse.
    assert error(restored, sharp) < 0.5 * error(deconvolve(noisy, arc(), 2500.0), sharp)


def test_a_weight_is_above_0():
    with pytest.raises(ValueError, match="weight must be above 0; got 0"):
        deconvolve(np.zeros((9, 9)), np.full((3, 3), 1 / 9), 0)


def test_colour_is_the_channels_and_the_result_is_the_same_every_time():
    blurred, _, _ = pair(astronaut()[20:90, 130:203], arc())
    restored = deconvolve(blurred, arc())
    assert restored.dtype == np.float64
    for channel in range(3):
        alone = deconvolve(blurred[..., channel], arc())
        np.testing.assert_array_equal(restored[..., channel], alone)
    # Zeros around the kernel change nothing.
    np.testing.assert_allclose(
        deconvolve(blurred, np.pad(arc(), 8)), restored, atol=1e-12
    )
    assert trimmed(np.pad(arc(), 8)).shape == trimmed(arc()).shape


def test_pictures_smaller_than_the_kernel_are_refused():
    with pytest.raises(DataError, match="smaller than the kernel"):
        deconvolve(np.zeros((5, 40)), np.full((7, 7), 1 / 49))
