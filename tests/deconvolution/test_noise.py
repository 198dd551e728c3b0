"""The estimate of the noise against noise that was added."""

import numpy as np
import pytest
from skimage.data import camera

from deblurgan_tf.deconvolution.fourier import convolve_circular
from deblurgan_tf.deconvolution.noise import ROUNDING, noise_level
from deblurgan_tf.errors import DataError


@pytest.mark.parametrize("level", [0.8, 1.5, 5.0, 15.0])
def test_the_noise_of_a_blurred_picture_is_found(level):
    kernel = np.full((5, 5), 1 / 25)
    clean = convolve_circular(40 + camera()[:300, :300] * 0.6, kernel)
    noisy = clean + np.random.default_rng(0).normal(0.0, level, clean.shape)
    found = 255 * noise_level(np.round(noisy.clip(0, 255)) / 255.0)
    assert found == pytest.approx(np.hypot(level, 255 * ROUNDING), rel=0.15)


def test_a_flat_picture_has_the_noise_of_rounding_and_tiny_ones_cannot_tell():
    assert noise_level(np.full((20, 20), 0.3)) == ROUNDING
    with pytest.raises(DataError, match="no noise can be estimated.*2x9"):
        noise_level(np.zeros((2, 9)))
