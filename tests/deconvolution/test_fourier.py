"""Transfer functions against SciPy's direct convolution."""

import numpy as np
import pytest
import scipy.ndimage

from deblurgan_tf.deconvolution.fourier import (
    HORIZONTAL,
    LAPLACIAN,
    VERTICAL,
    convolve_circular,
    transfer,
)


@pytest.mark.parametrize("shape", [(8, 9), (9, 8), (7, 13), (5, 3)])
def test_convolution_that_wraps_equals_scipys(shape):
    random = np.random.default_rng(0)
    picture, kernel = random.random(shape), random.random((5, 3))
    expected = scipy.ndimage.convolve(picture, kernel, mode="wrap")
    np.testing.assert_allclose(convolve_circular(picture, kernel), expected, atol=1e-13)


def test_channels_are_convolved_one_by_one():
    random = np.random.default_rng(1)
    picture, kernel = random.random((10, 12, 3)), random.random((3, 5))
    both = convolve_circular(picture, kernel)
    for channel in range(3):
        np.testing.assert_allclose(
            both[..., channel],
            convolve_circular(picture[..., channel], kernel),
            atol=1e-14,
        )


def test_the_middle_pixel_is_the_origin():
    delta = np.zeros((5, 7))
    delta[2, 3] = 1.0
    np.testing.assert_allclose(transfer(delta, (16, 20)), np.ones((16, 11)), atol=1e-14)


def test_the_differences_are_to_the_right_and_to_below():
    picture = np.random.default_rng(2).random((6, 7))
    right = np.roll(picture, -1, axis=1) - picture
    below = np.roll(picture, -1, axis=0) - picture
    np.testing.assert_allclose(
        convolve_circular(picture, HORIZONTAL), right, atol=1e-14
    )
    np.testing.assert_allclose(convolve_circular(picture, VERTICAL), below, atol=1e-14)


def test_the_laplacian_is_minus_the_second_differences():
    # On x^2 + 3 y^2 they are 2 + 6 wherever nothing wraps around.
    y, x = np.mgrid[:9, :8]
    found = convolve_circular(x**2 + 3.0 * y**2, LAPLACIAN)[1:-1, 1:-1]
    np.testing.assert_allclose(found, -8.0, atol=1e-11)


@pytest.mark.parametrize("sides", [(4, 3), (3, 4)])
def test_even_kernels_are_refused(sides):
    with pytest.raises(ValueError, match="odd sides"):
        transfer(np.ones(sides), (9, 9))


@pytest.mark.parametrize("shape", [(4, 9), (9, 4)])
def test_kernels_larger_than_the_picture_are_refused(shape):
    with pytest.raises(ValueError, match="larger than the picture"):
        transfer(np.ones((5, 5)), shape)
