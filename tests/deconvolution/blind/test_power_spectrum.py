"""The power spectrum's parts against closed forms; the kernel from whole pictures."""

import cv2
import numpy as np
import pytest
import scipy.fft
import scipy.signal
import skimage.data

from deblurgan_tf.deconvolution.blind import power_spectrum
from deblurgan_tf.deconvolution.blind.clock import Clock, OutOfTime
from deblurgan_tf.deconvolution.blind.phase_retrieval import retrieve
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


def hook(size: int) -> np.ndarray:
    """A kernel that its reflection does not equal."""
    kernel = np.zeros((size, size))
    top = size // 2 - 3
    kernel[top, top : top + 7] = 1.0
    kernel[top : top + 6, top + 6] = 2.0
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
    return skimage.data.camera() / 255


def cat() -> np.ndarray:
    return skimage.data.chelsea() / 255 @ np.array([0.299, 0.587, 0.114])


def test_phases_come_back_up_to_place_and_reflection():
    kernel = hook(11)
    magnitude = np.abs(scipy.fft.rfft2(kernel, (24, 24)))
    found, residuals = retrieve(magnitude, 11, 8, 0)
    best = max(similarity(found[0], way) for way in (kernel, kernel[::-1, ::-1]))
    assert best > 0.99
    assert (np.diff(residuals) >= 0).all()
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1)


def test_the_same_seed_gives_the_same_phases():
    magnitude = np.abs(scipy.fft.rfft2(hook(11), (24, 24)))
    one, other, third = (retrieve(magnitude, 11, 3, seed)[0] for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, other)
    assert np.abs(one - third).max() > 0


def test_a_residual_of_nothing_is_the_magnitude_itself():
    found, residuals = retrieve(np.zeros((24, 13)), 11, 2, 0)
    assert not found.any()
    np.testing.assert_array_equal(residuals, 0)


@pytest.mark.parametrize("flipped", [False, True])
def test_the_reflection_that_restores_sparser_edges_is_taken(flipped):
    kernel = hook(13)
    blurred = blurred_by(camera()[40:200, 130:290], kernel)
    start = kernel[::-1, ::-1] if flipped else kernel
    _, found = power_spectrum.oriented(blurred, start)
    np.testing.assert_array_equal(found, kernel)


def test_the_autocorrelation_of_a_row_is_numpys():
    values = np.random.default_rng(0).normal(size=30)
    expected = np.correlate(values, values, "full")[29 : 29 + 8]
    found = power_spectrum._correlated(values, 7)
    np.testing.assert_allclose(found, expected)


def test_a_picture_with_the_natural_power_law_is_whitened(monkeypatch):
    monkeypatch.setattr(power_spectrum, "noise_variance", lambda grey: 0.0)
    # White noise shaped to fall as natural pictures do: nothing but lag 0 is left.
    rng = np.random.default_rng(5)
    radius = np.hypot(scipy.fft.fftfreq(256)[:, None], scipy.fft.rfftfreq(256)[None])
    radius[0, 0] = np.inf
    spectrum = scipy.fft.rfft2(rng.normal(size=(256, 256)))
    picture = scipy.fft.irfft2(spectrum * radius ** (-2.4 / 2))
    angles = np.arange(90) * np.pi / 90
    lines = power_spectrum.autocorrelations(picture, angles, 12, 2.4).mean(axis=0)
    assert np.abs(lines[1:] / lines[0]).max() < 0.15


def test_noise_is_measured_and_edges_are_not():
    rng = np.random.default_rng(1)
    ramp = np.add.outer(np.arange(200.0), np.arange(200.0)) / 400
    noisy = ramp + rng.normal(0, 0.02, ramp.shape)
    assert power_spectrum.noise_variance(noisy) == pytest.approx(4e-4, rel=0.05)
    assert power_spectrum.noise_variance(ramp) < 1e-12


def test_slices_of_exact_autocorrelations_are_the_kernels_power():
    # Along the axes a projection needs no interpolation.
    kernel = hook(11)
    rows = [kernel.sum(axis=0), kernel.sum(axis=1)]
    lines = np.array([np.correlate(row, row, "full")[10:] for row in rows])
    slices = power_spectrum.power_slices(3.0 * lines + 0.5, np.array([10, 10]), 24)
    for found, row in zip(slices, rows, strict=True):
        # 7 pixels of each row are used, so the last lag has the offset alone.
        expected = np.abs(scipy.fft.rfft(row, 48)) ** 2
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_slices_that_do_not_depend_on_the_angle_give_rings():
    radius = np.linspace(0, 0.5, 33)
    slices = np.tile(np.exp(-radius), (40, 1))
    grid = power_spectrum.on_grid(slices, 32)
    distance = np.hypot(scipy.fft.fftfreq(32)[:, None], scipy.fft.rfftfreq(32)[None])
    inside = distance <= 0.5
    np.testing.assert_allclose(grid[inside], np.exp(-distance[inside]), atol=1e-3)
    assert not grid[~inside].any()


@pytest.mark.parametrize(
    ("sharp", "degrees"), [(camera, 0), (camera, 37), (cat, 90), (cat, 120)]
)
def test_a_straight_kernel_of_nine_pixels_is_found(sharp, degrees):
    kernel = line(9, degrees, 15)
    found = power_spectrum.estimate_kernel(blurred_by(sharp(), kernel), 15, Clock())
    # Phase retrieval magnifies rounding: on one processor cat-90 has .76, not .8.
    assert similarity(found, kernel) > 0.7
    assert found.shape == (15, 15)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)


def test_a_sharp_picture_has_almost_no_kernel():
    found = power_spectrum.estimate_kernel(camera(), 15, Clock())
    rows, columns = np.indices(found.shape) - 7
    assert np.sqrt((found * (rows**2 + columns**2)).sum()) < 2.0


def test_the_same_picture_gives_the_same_kernel():
    blurred = blurred_by(cat()[:120, :120], line(5, 0, 9))
    first, second = (
        power_spectrum.estimate_kernel(blurred, 9, Clock()) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_the_time_limit_is_kept():
    with pytest.raises(OutOfTime):
        power_spectrum.estimate_kernel(camera(), 15, Clock(0.0))


def test_a_small_picture_is_refused():
    with pytest.raises(DataError, match="too small"):
        power_spectrum.estimate_kernel(np.zeros((20, 40)), 15, Clock())


def test_a_picture_without_structure_is_refused():
    with pytest.raises(DataError, match="too little structure"):
        power_spectrum.estimate_kernel(np.full((60, 60), 0.5), 9, Clock())
