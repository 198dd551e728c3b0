"""The edge-prediction family of blind deconvolution, as a whole and step by step."""

import math

import cv2
import numpy as np
import pytest
import skimage.data

from deblurgan_tf.deconvolution.blind.clock import Clock, OutOfTime
from deblurgan_tf.deconvolution.blind.edge_prediction import (
    estimate_kernel,
    fitted_kernel,
    periodic,
)
from deblurgan_tf.deconvolution.blind.strong_edges import (
    gradients,
    shock_filtered,
    threshold,
    usefulness,
)
from deblurgan_tf.deconvolution.fourier import convolve_circular
from deblurgan_tf.errors import DataError
from deblurgan_tf.metrics.pixels import kernel_similarity

SIZE = 15


def line(degrees, length=9):
    """A straight kernel, its samples shared bilinearly between pixels."""
    kernel = np.zeros((SIZE, SIZE))
    angle = math.radians(degrees)
    for along in np.linspace(-(length - 1) / 2, (length - 1) / 2, 200):
        x, y = along * math.cos(angle) + SIZE // 2, along * math.sin(angle) + SIZE // 2
        column, row = math.floor(x), math.floor(y)
        right, below = x - column, y - row
        kernel[row : row + 2, column : column + 2] += np.outer(
            [1 - below, below], [1 - right, right]
        )
    return kernel / kernel.sum()


def camera():
    return skimage.data.camera()[:256, -256:] / 255.0


def blurred_by(kernel, sharp):
    """As 8 bits hold it; what is outside of the picture is mirrored."""
    blurred = cv2.filter2D(
        sharp, -1, kernel[::-1, ::-1], borderType=cv2.BORDER_REFLECT_101
    )
    return np.round(blurred * 255) / 255


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_a_straight_kernel_is_found(degrees):
    kernel = line(degrees)
    found = estimate_kernel(blurred_by(kernel, camera()), SIZE, Clock())
    assert found.shape == (SIZE, SIZE)
    assert found.min() >= 0 and found.sum() == pytest.approx(1)
    assert kernel_similarity(found, kernel) > 0.8


def test_the_kernel_of_a_sharp_picture_is_narrow():
    found = estimate_kernel(camera(), SIZE, Clock())
    middle = found[SIZE // 2 - 1 : SIZE // 2 + 2, SIZE // 2 - 1 : SIZE // 2 + 2]
    assert np.unravel_index(found.argmax(), found.shape) == (SIZE // 2, SIZE // 2)
    assert middle.sum() > 0.8


def test_brightness_and_contrast_change_nothing_and_runs_are_equal():
    blurred = blurred_by(line(30), camera())[:128, :160]
    found = estimate_kernel(blurred, SIZE, Clock())
    assert np.array_equal(found, estimate_kernel(blurred, SIZE, Clock()))
    paler = estimate_kernel(0.25 + 0.5 * blurred, SIZE, Clock())
    assert kernel_similarity(found, paler) > 0.99


def test_progress_rises_to_one_and_time_runs_out():
    picture = camera()[:64, :64]
    shares = []
    estimate_kernel(picture, 9, Clock(progress=shares.append))
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > 10
    with pytest.raises(OutOfTime):
        estimate_kernel(picture, 9, Clock(seconds=0.0))


def test_pictures_without_a_kernel_are_refused():
    with pytest.raises(DataError, match="too little structure"):
        estimate_kernel(np.full((40, 40), 0.5), SIZE, Clock())
    with pytest.raises(DataError, match="10x40 is smaller than the kernel of 15x15"):
        estimate_kernel(np.zeros((10, 40)), SIZE, Clock())


def test_the_kernel_step_finds_what_blurred_the_edges():
    kernel = line(60)
    edges = np.random.default_rng(0).normal(size=(2, 96, 80))
    edges *= np.pad(np.ones((66, 50)), 15)  # the blur stays within the picture
    blurred = [convolve_circular(edge, kernel) for edge in edges]
    flat = np.full((SIZE, SIZE), 1 / SIZE**2)
    found = fitted_kernel(tuple(edges), tuple(blurred), flat)
    # The ridge of 1 % and the correlations by chance are all that is in the way.
    np.testing.assert_allclose(found, kernel, atol=0.01 * kernel.max())


def test_the_shock_filter_steepens_an_edge_and_keeps_its_range_and_place():
    edge = np.tile(1 / (1 + np.exp(-np.arange(-20, 20) / 2.0 - 0.25)), (9, 1))
    steeper = shock_filtered(edge)
    assert steeper.min() >= edge.min() and steeper.max() <= edge.max()
    assert np.abs(np.diff(steeper[4])).max() > 1.5 * np.abs(np.diff(edge[4])).max()
    assert np.array_equal(steeper[4] > 0.5, edge[4] > 0.5)
    ramp = np.tile(np.arange(12.0), (7, 1))
    assert np.array_equal(shock_filtered(ramp), ramp)


def test_the_r_map_tells_wide_edges_from_narrow_lines():
    step = np.zeros((41, 81))
    step[:, 40:] = 1.0
    narrow = np.zeros((41, 81))
    narrow[:, 39:42] = 1.0
    # 11 gradients of 1 in the window: 11 / (11 + 0.5); a line's two flanks cancel.
    assert usefulness(*gradients(step), 11)[20, 39] == pytest.approx(11 / 11.5)
    assert usefulness(*gradients(narrow), 11)[20, 40] == pytest.approx(0)


def test_a_threshold_keeps_enough_in_every_direction():
    rng = np.random.default_rng(1)
    values, groups = rng.random((30, 40)), rng.integers(0, 4, (30, 40))
    least = threshold(values, groups, 50)
    kept = [np.sum(values[groups == group] >= least) for group in range(4)]
    assert min(kept) == 50
    assert threshold(values, groups, 1000) == 0.0


def test_a_picture_is_continued_without_a_jump():
    picture = camera()[:50, :70]
    whole = periodic(picture, 10)
    assert whole.shape[0] >= 60 and whole.shape[1] >= 80
    assert np.array_equal(whole[:50, :70], picture)
    for axis in (0, 1):
        inside = np.abs(np.diff(picture, axis=axis)).max()
        seam = np.abs(whole.take(0, axis) - whole.take(-1, axis))
        assert seam.max() <= inside
