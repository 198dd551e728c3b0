"""restore(): what holds for every blind method, whatever finds the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.blurs import arc, pair
from skimage import data

from deblurgan_tf.deconvolution import blind
from deblurgan_tf.deconvolution.blind import (
    LUMINANCE,
    METHODS,
    Clock,
    OutOfTime,
    restore,
)
from deblurgan_tf.deconvolution.blind.scales import centred
from deblurgan_tf.deconvolution.hyper_laplacian import deconvolve
from deblurgan_tf.errors import DataError

PIXELS = data.astronaut()[20:140, 160:320]


@pytest.fixture(scope="module")
def blurred():
    return pair(PIXELS, arc())[0]


def test_there_is_one_method_of_each_family():
    assert list(METHODS) == [
        "blind_map",
        "blind_variational",
        "blind_edge_prediction",
        "blind_power_spectrum",
    ]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_gives_picture_and_kernel_and_the_same_again(method, blurred):
    shares = []
    restored = restore(blurred, method, 13, progress=shares.append)
    assert restored.picture.shape == blurred.shape
    assert restored.picture.min() >= 0.0 and restored.picture.max() <= 1.0
    kernel = restored.kernel
    assert kernel.shape == (13, 13) and kernel.min() >= 0.0
    assert kernel.sum() == pytest.approx(1.0)
    np.testing.assert_array_equal(centred(kernel), kernel)
    assert shares == sorted(shares) and shares[-1] == 1.0 and shares[0] < 0.5

    again = restore(blurred, method, 13)
    np.testing.assert_array_equal(again.kernel, kernel)
    np.testing.assert_array_equal(again.picture, restored.picture)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("picture", ["astronaut", "rocket", "coins"])
def test_a_kernel_of_one_pixel_is_the_identity(method, picture):
    sharp = getattr(data, picture)()[50:250, 100:300] / 255.0
    restored = restore(sharp, method, 13)
    np.testing.assert_array_equal(restored.picture, sharp)
    assert restored.kernel[6, 6] == restored.kernel.sum() == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_a_limit_that_has_passed_stops_it(method, blurred):
    with pytest.raises(OutOfTime, match="limit of 0 seconds"):
        restore(blurred, method, 9, seconds=0.0)


def test_the_kernel_is_that_of_the_luminance(blurred):
    size, method = 9, "blind_map"
    restored = restore(blurred, method, size)
    grey = restore(blurred @ LUMINANCE, method, size)
    np.testing.assert_array_equal(grey.kernel, restored.kernel)
    assert grey.picture.ndim == 2
    np.testing.assert_array_equal(
        restored.picture, deconvolve(blurred, restored.kernel)
    )


def test_a_large_picture_shows_its_kernel_in_a_window(monkeypatch, blurred):
    monkeypatch.setattr(blind.window, "SIDE", 72)
    restored = restore(blurred, "blind_map", 9)
    part = blind.window.most_textured(blurred @ LUMINANCE, 9)
    assert part.shape == (72, 72)
    found = blind.l0_gradients.estimate_kernel(part, 9, Clock())
    np.testing.assert_array_equal(restored.kernel, found)
    assert restored.picture.shape == blurred.shape


@pytest.mark.parametrize(
    ("picture", "size", "message"),
    [
        (np.zeros((20, 30)), 8, "must be odd, 3 or more; got 8"),
        (np.zeros((20, 30)), 1, "must be odd, 3 or more; got 1"),
        (np.zeros((20, 30), np.uint8), 9, "got uint8"),
        (np.zeros((20, 30, 4)), 9, r"got float64 \(20, 30, 4\)"),
        (np.zeros((20, 30)) - 0.1, 9, r"must lie in \[0, 1\]"),
        (np.full((20, 30), np.nan), 9, r"must lie in \[0, 1\]"),
    ],
)
def test_wrong_arguments_are_refused(picture, size, message):
    with pytest.raises(ValueError, match=message):
        restore(picture, "blind_map", size)


@pytest.mark.parametrize(
    ("picture", "size", "message"),
    [
        (np.zeros((20, 30)), 31, "20x30 is smaller than the kernel of 31x31"),
        (np.full((20, 30, 3), 0.3), 9, "is flat"),
    ],
)
def test_pictures_that_cannot_be_restored_are_refused(picture, size, message):
    with pytest.raises(DataError, match=message):
        restore(picture, "blind_map", size)


def test_an_unknown_method_is_refused_with_the_known_ones(blurred):
    with pytest.raises(ValueError, match="blind_mapp.*blind_map, blind_variational"):
        restore(blurred, "blind_mapp", 9)
