"""Variational Bayes: each step lowers its bound, and the kernel comes out."""

import cv2
import numpy as np
import pytest
import scipy.signal
import skimage.data

from deblurgan_tf.deconvolution.blind import variational
from deblurgan_tf.deconvolution.blind.clock import Clock, OutOfTime
from deblurgan_tf.deconvolution.fourier import convolve_circular
from deblurgan_tf.errors import DataError


def line(length: int, degrees: float, size: int) -> np.ndarray:
    """A straight kernel, each of its samples shared between four pixels."""
    kernel, middle = np.zeros((size, size)), size // 2
    for along in np.linspace(-(length - 1) / 2, (length - 1) / 2, 1001):
        x = middle + along * np.cos(np.radians(degrees))
        y = middle + along * np.sin(np.radians(degrees))
        row, column = int(y), int(x)
        below, right = y - row, x - column
        kernel[row : row + 2, column : column + 2] += np.outer(
            [1 - below, below], [1 - right, right]
        )
    return kernel / kernel.sum()


def similarity(found: np.ndarray, true: np.ndarray) -> float:
    products = scipy.signal.fftconvolve(found, true[::-1, ::-1])
    return products.max() / np.linalg.norm(found) / np.linalg.norm(true)


def blurred_by(sharp: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    blurred = cv2.filter2D(
        sharp, -1, kernel[::-1, ::-1], borderType=cv2.BORDER_REFLECT_101
    )
    return np.round(blurred.clip(0, 1) * 255) / 255


def camera() -> np.ndarray:
    return skimage.data.camera()[40:240, 130:340] / 255


def cat() -> np.ndarray:
    colours = skimage.data.chelsea()[40:240, 120:340] / 255
    return colours @ [0.299, 0.587, 0.114]


@pytest.mark.parametrize(
    ("sharp", "degrees"), [(camera, 0), (camera, 37), (camera, 90), (cat, 120)]
)
def test_a_straight_kernel_of_nine_pixels_is_found(sharp, degrees):
    kernel = line(9, degrees, 15)
    found = variational.estimate_kernel(blurred_by(sharp(), kernel), 15, Clock())
    assert similarity(found, kernel) > 0.8
    assert found.shape == (15, 15)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)


def test_a_sharp_picture_has_almost_no_kernel():
    found = variational.estimate_kernel(camera(), 15, Clock())
    rows, columns = np.indices(found.shape) - 7
    assert np.sqrt((found * (rows**2 + columns**2)).sum()) < 1.5


def test_both_steps_lower_the_free_energy():
    seen = variational.observe(blurred_by(camera()[:90, :100], line(9, 20, 11)), 5)
    kernel = np.full((11, 11), 1 / 121)
    latent = variational.first_latent(seen)
    noise = seen.energy
    energies = [variational.free_energy(seen, kernel, latent, noise)]
    for _ in range(4):
        latent = variational.latent_step(seen, kernel, latent, noise)
        energies.append(variational.free_energy(seen, kernel, latent, noise))
        kernel = variational.kernel_step(seen, latent, kernel)
        energies.append(variational.free_energy(seen, kernel, latent, noise))
    assert (np.diff(energies) < 0).all()


def test_known_gradients_give_the_kernel(monkeypatch):
    monkeypatch.setattr(variational, "KERNEL_STEPS", 300)
    rng = np.random.default_rng(3)
    kernel = rng.random((7, 7)) * (rng.random((7, 7)) < 0.4)
    kernel /= kernel.sum()
    sharp = rng.random((40, 50))
    valid = scipy.signal.convolve2d(sharp, kernel, mode="valid")
    seen = variational.observe(valid, 3)
    mean = np.zeros_like(seen.gradients)
    mean[0, :39, :49] = np.diff(sharp, axis=1)[:-1]
    mean[1, :39, :49] = np.diff(sharp, axis=0)[:, :-1]
    latent = variational.Latent(mean, np.full_like(mean, 1e-15), np.ones_like(mean))
    found = variational.kernel_step(seen, latent, np.full((7, 7), 1 / 49))
    np.testing.assert_allclose(found, kernel, atol=1e-4)


def test_the_variance_is_the_inverse_of_the_diagonal():
    # Small enough to write the matrix down, column by column.
    seen = variational.observe(np.random.default_rng(0).random((8, 9)), 1)
    kernel = np.random.default_rng(1).random((3, 3))
    kernel /= kernel.sum()
    latent = variational.first_latent(seen)
    height, width = seen.shape
    matrix = []
    for index in range(height * width):
        unit = np.zeros(height * width)
        unit[index] = 1
        column = convolve_circular(unit.reshape(height, width), kernel)
        matrix.append((seen.mask * column).ravel())
    columns = np.array(matrix)
    exact = columns @ columns.T / 0.01 + np.diag(1 / latent.spread[0].ravel())
    stepped = variational.latent_step(seen, kernel, latent, 0.01)
    np.testing.assert_allclose(stepped.variance[0].ravel(), 1 / np.diag(exact))


def test_the_nearest_point_of_the_simplex():
    np.testing.assert_allclose(
        variational.on_simplex(np.array([[0.9, 0.5], [-1.0, 0.1]])),
        [[0.7, 0.3], [0.0, 0.0]],
    )


def test_the_same_picture_gives_the_same_kernel():
    blurred = blurred_by(cat()[:80, :90], line(5, 0, 7))
    first, second = (variational.estimate_kernel(blurred, 7, Clock()) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_time_limit_is_kept():
    with pytest.raises(OutOfTime):
        variational.estimate_kernel(camera(), 15, Clock(0.0))


def test_a_picture_without_structure_is_refused():
    with pytest.raises(DataError, match="too little structure"):
        variational.estimate_kernel(np.full((60, 60), 0.5), 9, Clock())
