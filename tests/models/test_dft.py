"""The Fourier layers: the numbers of NumPy's transforms and written-out filters."""

import keras
import numpy as np
import pytest
import scipy.signal
from keras import ops

from deblurgan_tf.blur.kernels import downsampled
from deblurgan_tf.models.deconvolution_layers import (
    BOLD,
    SCALE,
    KernelStep,
    PictureStep,
)
from deblurgan_tf.models.dft import Dft, DftMatrices, Spectrum, product
from deblurgan_tf.models.kernel_layers import (
    GaussianKernel,
    KernelUpsample2x,
    NormalisedKernel,
)


def _pictures(count, channels, height, width, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(0, 1, (count, channels, height, width)).astype(np.float32)


def _kernels(count, radius, seed=0):
    side = 2 * radius + 1
    kernels = np.random.default_rng(seed).random((count, 1, side, side)) ** 4
    return (kernels / kernels.sum((2, 3), keepdims=True)).astype(np.float32)


def _dft(height, width, radius):
    return Dft(*DftMatrices(radius)(np.zeros((1, height, width, 1), np.float32)))


def _last(values):
    return np.transpose(np.asarray(values), (0, 2, 3, 1))


def _reflected(pictures, radius):
    """Reflected (101) as often as it takes: NumPy's own rule for large margins."""
    margin = (radius, radius)
    return np.pad(pictures, ((0, 0), (0, 0), margin, margin), mode="reflect")


def _spectrum(framed, radius):
    """NumPy's transform of a whole frame whose origin is its first pixel inside."""
    return np.fft.rfft2(np.roll(framed, (-radius, -radius), (2, 3)))


def _transfer(kernels, shape, radius):
    whole = np.zeros((len(kernels), 1, *shape))
    whole[:, :, : 2 * radius + 1, : 2 * radius + 1] = kernels
    return np.fft.rfft2(np.roll(whole, (-radius, -radius), (2, 3)))


SIZES = [(20, 31, 5), (16, 16, 4), (33, 18, 7), (5, 9, 6), (1, 1, 4)]


@pytest.mark.parametrize(("height", "width", "radius"), SIZES)
def test_transforms_are_numpys_of_the_reflected_and_of_the_zero_padded_frame(
    height, width, radius
):
    pictures = _pictures(2, 3, height, width)
    dft = _dft(height, width, radius)
    zeros = np.pad(pictures, ((0, 0), (0, 0), (radius, radius), (radius, radius)))
    for found, framed in (
        (dft.of_reflected(pictures), _reflected(pictures, radius)),
        (dft.of_zero_padded(pictures), zeros),
    ):
        expected = np.swapaxes(_spectrum(framed, radius), 2, 3)
        np.testing.assert_allclose(found.real, expected.real, atol=1e-3)
        np.testing.assert_allclose(found.imaginary, expected.imag, atol=1e-3)
        np.testing.assert_allclose(dft.picture(found), pictures, atol=1e-5)


@pytest.mark.parametrize(("height", "width", "radius"), SIZES[:3])
def test_products_of_spectra_are_convolutions_with_reflected_borders(
    height, width, radius
):
    pictures, kernels = _pictures(2, 3, height, width), _kernels(2, radius)
    dft = _dft(height, width, radius)
    response = dft.of_kernels(kernels)
    found = dft.picture(product(response, dft.of_reflected(pictures)))
    framed = _reflected(pictures, radius)
    for n in range(2):
        for channel in range(3):
            expected = scipy.signal.convolve(framed[n, channel], kernels[n, 0], "valid")
            np.testing.assert_allclose(found[n, channel], expected, atol=1e-5)
    np.testing.assert_allclose(dft.kernels(response), kernels, atol=1e-6)


def test_gradient_power_is_the_power_of_the_differences():
    height, width, radius = 12, 17, 3
    shape = (height + 2 * radius, width + 2 * radius)
    down, across = np.zeros(shape), np.zeros(shape)
    down[:2, 0] = across[0, :2] = 1, -1
    power = np.abs(np.fft.rfft2(down)) ** 2 + np.abs(np.fft.rfft2(across)) ** 2
    np.testing.assert_allclose(
        _dft(height, width, radius).gradient_power, power.T, atol=1e-5
    )


def test_the_window_rises_from_the_borders_to_half_the_radius():
    window = np.asarray(_dft(20, 30, 8).window)
    np.testing.assert_allclose(window[10, :6], [0.125, 0.375, 0.625, 0.875, 1, 1])
    np.testing.assert_array_equal(window, window[::-1, ::-1])
    np.testing.assert_allclose(window[0, 0], 0.125**2)


def _pair(height, width, radius, channels=1):
    """(sharp, kernel, blurred): blurred is exactly the reflected convolution."""
    sharp, kernels = _pictures(2, channels, height, width), _kernels(2, radius)
    dft = _dft(height, width, radius)
    response = dft.of_kernels(kernels)
    blurred = dft.picture(product(response, dft.of_reflected(sharp)))
    return _last(sharp), _last(kernels), _last(blurred), list(dft)


def test_both_steps_keep_what_explains_the_blurred_picture():
    sharp, kernels, blurred, dft = _pair(24, 30, 4)
    kept = KernelStep()([blurred, sharp, kernels, *dft])
    np.testing.assert_allclose(kept, kernels, atol=1e-6)
    for kept in PictureStep()([blurred, sharp, kernels, *dft]):
        np.testing.assert_allclose(kept, sharp, atol=1e-3)


def test_the_kernel_step_is_the_written_out_least_squares_step():
    height, width, radius = 24, 30, 4
    sharp, _, blurred, dft = _pair(height, width, radius)
    start = _last(_kernels(2, radius, seed=9))
    step = KernelStep()
    found = step([blurred, sharp, start, *dft])
    step.damping.assign(-1.0 / SCALE)
    damped = step([blurred, sharp, start, *dft])

    edges = _reflected(np.transpose(sharp, (0, 3, 1, 2)), radius)
    guess = _spectrum(edges, radius)
    response = _transfer(np.transpose(start, (0, 3, 1, 2)), edges.shape[2:], radius)
    expected = np.fft.irfft2(guess * response, edges.shape[2:])[:, :, :height, :width]
    residual = np.zeros(edges.shape)
    window = np.asarray(Dft(*dft).window)
    residual[:, :, :height, :width] = window * (
        np.transpose(blurred, (0, 3, 1, 2)) - expected
    )
    gradient_power = np.asarray(Dft(*dft).gradient_power).T
    energy = np.abs(guess) ** 2 * gradient_power
    for result, damping in ((found, -2.0), (damped, -1.0)):
        least = np.exp(damping) * energy.mean((1, 2, 3), keepdims=True)
        least += 2e-6 * gradient_power.size
        change = (
            np.conj(guess) * np.fft.rfft2(residual) * gradient_power / (energy + least)
        )
        change = np.fft.irfft2(change, edges.shape[2:])
        change = np.roll(change, (radius, radius), (2, 3))
        change = change[:, :, : 2 * radius + 1, : 2 * radius + 1]
        np.testing.assert_allclose(result, start + _last(change), atol=2e-5)


def test_repeated_kernel_steps_find_the_kernel_of_a_sharp_picture():
    sharp, kernels, blurred, dft = _pair(64, 80, 3)
    step = KernelStep()
    found = GaussianKernel(3)(blurred)
    start = np.abs(found - kernels).sum() / 2
    for _ in range(60):
        found = step([blurred, sharp, found, *dft])
    # What is left comes from the borders, where the window trusts nothing.
    assert np.abs(found - kernels).sum() / 2 < 0.05 * start


def test_the_picture_step_is_the_written_out_wiener_filter_of_the_residual():
    height, width, radius = 20, 26, 4
    _, kernels, blurred, dft = _pair(height, width, radius, channels=3)
    guess = _last(_pictures(2, 3, height, width, seed=5))
    step = PictureStep()
    step.build(None)
    step.weights_of_guess.assign([-3.0 / SCALE, -2.0 / SCALE])
    found = step([blurred, guess, kernels, *dft])

    framed = _reflected(np.transpose(guess, (0, 3, 1, 2)), radius)
    shape = framed.shape[2:]
    response = _transfer(np.transpose(kernels, (0, 3, 1, 2)), shape, radius)
    expected = np.fft.irfft2(_spectrum(framed, radius) * response, shape)
    residual = np.zeros(framed.shape)
    residual[:, :, :height, :width] = (
        np.transpose(blurred, (0, 3, 1, 2)) - expected[:, :, :height, :width]
    )
    gradient_power = np.asarray(Dft(*dft).gradient_power).T
    change = np.conj(response) * np.fft.rfft2(residual)
    for picture, (flat, steep) in zip(found, ((-3, -2), (BOLD, BOLD)), strict=True):
        weight = np.abs(response) ** 2 + np.exp(flat) + np.exp(steep) * gradient_power
        expected = np.fft.irfft2(change / weight, shape)[:, :, :height, :width]
        np.testing.assert_allclose(picture, guess + _last(expected), atol=1e-3)


def test_normalised_kernels_have_no_negative_entries_and_the_sum_one():
    values = np.array([[-1, 2, 0], [0, 6, 0], [0, 0, -5]], np.float32)[None, ..., None]
    found = np.asarray(NormalisedKernel()(values))[0, ..., 0]
    np.testing.assert_allclose(
        found, [[0, 0.25, 0], [0, 0.75, 0], [0, 0, 0]], atol=1e-6
    )
    # Nothing is left: an even kernel, not a division by zero.
    nothing = np.asarray(NormalisedKernel()(np.full((1, 3, 3, 1), -1, np.float32)))
    np.testing.assert_allclose(nothing, 1 / 9, rtol=1e-6)


def test_the_first_kernel_is_a_gaussian_of_one_pixel_for_each_picture():
    found = np.asarray(GaussianKernel(4)(np.zeros((3, 5, 6, 2), np.float32)))
    assert found.shape == (3, 9, 9, 1)
    bell = np.exp(-0.5 * np.arange(-4, 5) ** 2)
    expected = np.outer(bell, bell) / bell.sum() ** 2
    for kernel in found:
        np.testing.assert_allclose(kernel[..., 0], expected, rtol=1e-5)


@pytest.mark.parametrize(("radius", "doubled"), [(4, 7), (3, 7), (4, 9)])
def test_a_doubled_kernel_has_its_sum_twice_its_centroid_and_is_linear_between(
    radius, doubled
):
    side = 2 * radius + 1
    kernel = np.zeros((1, side, side, 1), np.float32)
    kernel[0, radius, radius, 0], kernel[0, radius + 1, radius - 2, 0] = 0.75, 0.25
    found = np.asarray(KernelUpsample2x(doubled)(kernel))[0, ..., 0]
    assert found.shape == (2 * doubled + 1, 2 * doubled + 1)
    assert found.sum() == pytest.approx(1.0)
    offsets = np.arange(-doubled, doubled + 1)
    assert (found.sum(1) * offsets).sum() == pytest.approx(2 * 0.25)
    assert (found.sum(0) * offsets).sum() == pytest.approx(2 * -2 * 0.25)
    tent = np.array([0.25, 0.5, 0.25])
    place = slice(doubled - 1, doubled + 2)
    np.testing.assert_allclose(
        found[place, place], 0.75 * np.outer(tent, tent), atol=1e-7
    )


def test_doubling_undoes_the_reduction_of_a_smooth_kernel():
    offsets = np.arange(-14, 15)
    bell = np.exp(-0.5 * (offsets / 4.0) ** 2)
    kernel = (np.outer(bell, bell) / bell.sum() ** 2).astype(np.float32)
    small = np.asarray(downsampled(ops.convert_to_tensor(kernel[None]), 2, 7))
    assert small.sum() == pytest.approx(1.0, abs=1e-3)
    again = np.asarray(KernelUpsample2x(14)(small[..., None]))[0, ..., 0]
    assert np.abs(again - kernel).sum() < 0.06


def test_the_layers_keep_their_settings_when_a_model_is_saved(tmp_path):
    picture, kernel = keras.Input((None, None, 1)), keras.Input((9, 9, 1))
    dft = DftMatrices(4)(picture)
    better = KernelStep()([picture, picture, kernel, *dft])
    undone, _ = PictureStep()([picture, picture, NormalisedKernel()(better), *dft])
    model = keras.Model([picture, kernel], [undone, KernelUpsample2x(7)(better)])
    for layer in model.layers:
        layer.set_weights([x - 0.5 for x in layer.get_weights()])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    inputs = [_last(_pictures(1, 1, 16, 20)), _last(_kernels(1, 4))]
    for one, other in zip(model(inputs), again(inputs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_spectrum_is_half_of_a_real_picture():
    found = _dft(6, 9, 2).of_zero_padded(_pictures(1, 1, 6, 9))
    assert isinstance(found, Spectrum)
    assert tuple(found.real.shape) == (1, 1, 7, 10)
