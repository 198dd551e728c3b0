"""Metrics: closed forms, hand cases, and scikit-image as the oracle."""

import math

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from deblurgan_tf.metrics.pixels import (
    SHIFT,
    kernel_similarity,
    psnr,
    shifted_psnr,
    ssim,
)


def _pictures(height=40, width=53, seed=0):
    """A smooth picture and a noisy one."""
    random = np.random.default_rng(seed)
    wave = np.sin(np.arange(height)[:, None] / 3) * np.cos(np.arange(width) / 5)
    sharp = 128 + 90 * wave[..., None] * np.array([1.0, 0.5, -1.0])
    noisy = sharp + random.normal(0, 20, sharp.shape)
    return tuple(x.clip(0, 255).round().astype(np.uint8) for x in (noisy, sharp))


@pytest.mark.parametrize("offset", [1, 25, 255])
def test_a_constant_offset_has_the_closed_form_whichever_side_is_brighter(offset):
    dark = np.zeros((6, 7, 3), np.uint8)
    bright = dark + np.uint8(offset)
    expected = 20 * math.log10(255 / offset)
    assert psnr(bright, dark) == pytest.approx(expected, abs=1e-9)
    # uint8 differences would wrap around here.
    assert psnr(dark, bright) == pytest.approx(expected, abs=1e-9)


def test_one_wrong_value_among_many_has_the_closed_form():
    sharp = np.full((10, 10, 3), 100, np.uint8)
    restored = sharp.copy()
    restored[3, 4, 1] = 130
    assert psnr(restored, sharp) == pytest.approx(
        10 * math.log10(255**2 / (30**2 / 300)), abs=1e-9
    )


def test_equal_pictures_have_infinite_psnr_and_ssim_one():
    _, sharp = _pictures()
    assert psnr(sharp, sharp.copy()) == math.inf
    assert ssim(sharp, sharp.copy()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(40, 53), (11, 11), (64, 12)])
def test_both_equal_scikit_image(height, width):
    restored, sharp = _pictures(height, width)
    expected = peak_signal_noise_ratio(sharp, restored, data_range=255)
    assert psnr(restored, sharp) == pytest.approx(expected, abs=1e-5)
    expected = structural_similarity(
        sharp,
        restored,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2,
        data_range=255,
    )
    assert ssim(restored, sharp) == pytest.approx(expected, abs=1e-5)
    assert expected < 0.95


def test_ssim_of_two_constant_pictures_is_the_term_of_the_means():
    one, other = (np.full((16, 16, 3), x, np.uint8) for x in (100, 150))
    a, b, c1 = 100 / 255, 150 / 255, 0.01**2
    expected = (2 * a * b + c1) / (a**2 + b**2 + c1)
    assert ssim(one, other) == pytest.approx(expected, abs=1e-9)


def test_ssim_is_tensorflows():
    restored, sharp = _pictures()
    expected = tf.image.ssim(restored / 255.0, sharp / 255.0, max_val=1.0)
    assert ssim(restored, sharp) == pytest.approx(float(expected), abs=1e-5)


def test_both_take_the_two_pictures_in_either_order():
    restored, sharp = _pictures()
    assert psnr(restored, sharp) == psnr(sharp, restored)
    assert ssim(restored, sharp) == pytest.approx(ssim(sharp, restored), abs=1e-6)


def test_more_noise_is_worse():
    restored, sharp = _pictures()
    noise = np.random.default_rng(2).integers(-60, 60, sharp.shape)
    worse = (sharp + noise).clip(0, 255).astype(np.uint8)
    assert psnr(worse, sharp) < psnr(restored, sharp) - 3
    assert ssim(worse, sharp) < ssim(restored, sharp) - 0.05


@pytest.mark.parametrize("metric", [psnr, ssim, shifted_psnr])
@pytest.mark.parametrize("dtype", ["float32", "uint16", "int64"])
def test_other_types_than_bytes_are_refused(metric, dtype):
    picture = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(ValueError, match=f"need uint8; got uint8 and {dtype}"):
        metric(picture, picture.astype(dtype))
    with pytest.raises(ValueError, match=f"need uint8; got {dtype} and uint8"):
        metric(picture.astype(dtype), picture)


@pytest.mark.parametrize("metric", [psnr, ssim, shifted_psnr])
def test_pictures_of_different_sizes_are_refused(metric):
    one, other = np.zeros((16, 17, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)
    with pytest.raises(ValueError, match=r"sizes differ: \(16, 17, 3\) and \(1, 1, 3"):
        metric(one, other)


@pytest.mark.parametrize(("height", "width"), [(10, 30), (30, 10)])
def test_ssim_refuses_pictures_smaller_than_its_window(height, width):
    picture = np.zeros((height, width, 3), np.uint8)
    with pytest.raises(ValueError, match=f"11 pixels a side; got {height}x{width}"):
        ssim(picture, picture)
    assert psnr(picture, picture) == math.inf


# Shift-tolerant PSNR.


@pytest.mark.parametrize("move", [(0, 0), (SHIFT, -SHIFT), (-3, 1), (0, -SHIFT)])
def test_a_move_within_the_limit_costs_nothing(move):
    noisy, _ = _pictures()
    assert shifted_psnr(np.roll(noisy, move, (0, 1)), noisy) == math.inf


def test_a_move_beyond_the_limit_costs():
    noisy, _ = _pictures()
    assert shifted_psnr(np.roll(noisy, (SHIFT + 1, 0), (0, 1)), noisy) < 20


def test_it_is_the_best_psnr_of_all_moves_on_the_same_pixels():
    restored, sharp = _pictures(30, 37)
    restored = np.roll(restored, (2, -1), (0, 1))
    shift = 3
    inner = sharp[shift:-shift, shift:-shift]
    height, width = inner.shape[:2]
    each = [
        psnr(restored[y : y + height, x : x + width].copy(), inner)
        for y in range(2 * shift + 1)
        for x in range(2 * shift + 1)
    ]
    assert shifted_psnr(restored, sharp, shift) == pytest.approx(max(each), abs=1e-9)
    assert max(each) > sorted(each)[-2] + 0.5


def test_without_a_move_it_is_psnr():
    restored, sharp = _pictures()
    expected = psnr(restored, sharp)
    assert shifted_psnr(restored, sharp, 0) == pytest.approx(expected, abs=1e-9)


def test_pictures_that_are_all_border_are_refused():
    picture = np.zeros((2 * SHIFT, 40, 3), np.uint8)
    with pytest.raises(ValueError, match=f"more than {2 * SHIFT} pixels a side"):
        shifted_psnr(picture, picture)


# Kernels.


def _kernel(shape, seed):
    kernel = np.random.default_rng(seed).random(shape) ** 4
    return kernel / kernel.sum()


def test_a_kernel_is_like_its_moved_copies():
    kernel = np.zeros((15, 15))
    kernel[4:9, 5:10] = _kernel((5, 5), 0)
    for move in ((0, 0), (4, 5), (-4, -3)):
        moved = np.roll(kernel, move, (0, 1))
        assert kernel_similarity(moved, kernel) == pytest.approx(1, abs=1e-12)
    assert kernel_similarity(kernel[4:9, 5:10], kernel) == pytest.approx(1, abs=1e-12)


def test_the_similarity_of_kernels_has_no_order_and_no_scale():
    one, two = _kernel((5, 9), 1), _kernel((7, 3), 2)
    value = kernel_similarity(one, two)
    assert 0 < value < 1
    assert kernel_similarity(two, one) == pytest.approx(value, abs=1e-12)
    assert kernel_similarity(3 * one, two) == pytest.approx(value, abs=1e-12)


def test_straight_kernels_by_hand():
    across, down = np.full((1, 9), 1 / 9), np.full((9, 1), 1 / 9)
    # They meet in one pixel: (1/9)^2 over (1/3)^2.
    assert kernel_similarity(across, down) == pytest.approx(1 / 9, abs=1e-12)
    short = np.full((1, 3), 1 / 3)
    assert kernel_similarity(across, short) == pytest.approx(3**-0.5, abs=1e-12)
