"""MAP with few edges: its two halves against oracles, and kernels that are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scipy.optimize
from skimage import data

from deblurgan_tf.deconvolution.blind import kernel_fit
from deblurgan_tf.deconvolution.blind.clock import Clock
from deblurgan_tf.deconvolution.blind.l0_gradients import (
    estimate_kernel,
    gradients,
    gradients_adjoint,
    sharp_edges,
)
from deblurgan_tf.deconvolution.borders import Frame
from deblurgan_tf.deconvolution.fourier import convolve_circular
from deblurgan_tf.metrics.pixels import kernel_similarity


def line(degrees: float, length: float = 9.0, side: int = 13) -> np.ndarray:
    """A straight path, each of its points shared by its four pixels."""
    along = np.linspace(-(length - 1) / 2, (length - 1) / 2, 400)
    columns = side // 2 + along * np.cos(np.radians(degrees))
    rows = side // 2 - along * np.sin(np.radians(degrees))
    places = np.arange(side)
    across = np.maximum(0.0, 1.0 - np.abs(columns[:, None] - places))
    down = np.maximum(0.0, 1.0 - np.abs(rows[:, None] - places))
    return down.T @ across / len(along)


def blurred_by(kernel: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """With noise of one grey level, rounded to 8 bits."""
    sharp = pixels / 255.0
    border = cv2.BORDER_REFLECT_101
    blurred = cv2.filter2D(sharp, -1, kernel[::-1, ::-1], borderType=border)
    noise = np.random.default_rng(1).normal(0.0, 1 / 255.0, blurred.shape)
    return np.round((blurred + noise).clip(0.0, 1.0) * 255.0) / 255.0


@pytest.mark.parametrize("degrees", [0, 30, 135])
def test_a_straight_kernel_is_found(degrees):
    grey = data.astronaut()[100:300, 150:390] @ [0.299, 0.587, 0.114]
    kernel = line(degrees)
    found = estimate_kernel(blurred_by(kernel, grey), 13, Clock())
    assert kernel_similarity(found, kernel) > 0.8
    assert found.sum() == pytest.approx(1.0) and found.min() >= 0.0


def test_of_a_sharp_picture_the_kernel_is_little_more_than_a_point():
    grey = data.chelsea()[50:250, 50:290] @ [0.299, 0.587, 0.114]
    found = estimate_kernel(blurred_by(line(0, 1.0), grey), 13, Clock())
    rows, columns = np.indices(found.shape) - 6
    assert np.sqrt(np.sum(found * (rows**2 + columns**2))) < 1.0
    assert found.max() > 0.35


def test_the_fit_equals_constrained_least_squares_of_scipy(monkeypatch):
    monkeypatch.setattr(kernel_fit, "STEPS", 3000)
    rng = np.random.default_rng(0)
    sharp = rng.normal(size=(2, 20, 24)) * 0.3
    kernel = line(30, 3.0, 5)
    blurred = np.stack([convolve_circular(gradient, kernel) for gradient in sharp])
    blurred += rng.normal(size=blurred.shape) * 0.2
    found = kernel_fit.fitted(sharp, blurred, np.full((5, 5), 0.04))

    shifts = [(row, column) for row in range(-2, 3) for column in range(-2, 3)]
    columns = [np.roll(sharp, shift, axis=(1, 2)).ravel() for shift in shifts]
    smooth = np.sqrt(kernel_fit.SMOOTHNESS) * np.eye(25)
    heavy = 1e4  # the sum of 1 as a row of the system
    system = np.vstack([np.stack(columns, axis=1), smooth, np.full((1, 25), heavy)])
    wanted = np.concatenate([blurred.ravel(), np.zeros(25), [heavy]])
    expected, _ = scipy.optimize.nnls(system, wanted)
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-5)


def test_the_fit_keeps_the_kernel_where_no_gradient_is_left():
    kernel = line(0, 3.0, 5)
    nothing = np.zeros((2, 20, 24))
    assert kernel_fit.fitted(nothing, nothing, kernel) is kernel


def test_on_simplex_is_the_nearest_point():
    entries = np.array([[0.9, 0.5], [-0.3, 0.1]])
    # Both large entries lose the same, the others are 0.
    expected = np.array([[0.7, 0.3], [0.0, 0.0]])
    np.testing.assert_allclose(kernel_fit.on_simplex(entries), expected)
    np.testing.assert_allclose(kernel_fit.on_simplex(expected), expected)


def test_gradients_adjoint_is_the_adjoint_of_gradients():
    rng = np.random.default_rng(0)
    picture, edges = rng.normal(size=(7, 9)), rng.normal(size=(2, 7, 9))
    assert np.sum(gradients(picture) * edges) == pytest.approx(
        np.sum(picture * gradients_adjoint(edges))
    )


def test_edges_stay_and_faint_texture_goes():
    faint = 0.02 * np.random.default_rng(0).standard_normal((48, 60))
    sharp = np.zeros((48, 60))
    sharp[12:36, 15:45] = 0.8
    whole = Frame((48, 60), slice(0, 48), slice(0, 60))
    edges, blurred = sharp_edges(sharp + faint, whole, np.ones((1, 1)), 0.01)
    np.testing.assert_array_equal(blurred, sharp + faint)
    found = np.any(edges != 0.0, axis=0)
    np.testing.assert_array_equal(found, np.any(gradients(sharp) != 0.0, axis=0))
