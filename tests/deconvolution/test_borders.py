"""The surroundings that are guessed, against blurs of pictures that are known."""

import numpy as np
import pytest
import scipy.signal
from skimage.data import camera

from deblurgan_tf.deconvolution.borders import extended, frame, restore, trimmed
from deblurgan_tf.deconvolution.fourier import convolve_circular, transfer
from deblurgan_tf.errors import DataError


def _line(length=9):
    kernel = np.zeros((length, length))
    kernel[length // 2] = 1.0 / length
    kernel[: length // 2, length // 2] = 0.02
    return kernel / kernel.sum()


def test_trimming_keeps_the_middle_and_the_values():
    kernel = np.zeros((9, 11))
    kernel[4, 5:7] = 0.25  # reaches 1 to the right
    kernel[2, 5] = 0.5  # and 2 up
    part = trimmed(kernel)
    np.testing.assert_array_equal(part, kernel[2:7, 4:7])


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (np.full((4, 3), 1 / 12), "odd sides"),
        (np.full((3, 2), 1 / 6), "odd sides"),
        (np.full(3, 1 / 3), "odd sides"),
        (np.array([[0.6, -0.2, 0.6]]), "none below 0"),
        (np.array([[0.5, np.nan, 0.5]]), "finite"),
        (np.ones((3, 3)), "sum 1; got 9"),
        (np.zeros((3, 3)), "sum 1; got 0"),
    ],
)
def test_what_is_no_kernel_is_refused(kernel, message):
    with pytest.raises(DataError, match=message):
        trimmed(kernel)


def test_the_frame_leaves_room_so_that_nothing_seen_depends_on_the_wrap():
    kernel = _line()
    place = frame((40, 53), kernel, circular=False)
    sharp = np.random.default_rng(0).random(place.shape)
    found = place.cropped(convolve_circular(sharp, kernel))
    # Without a wrap: zeros outside.
    expected = place.cropped(scipy.signal.convolve2d(sharp, kernel, mode="same"))
    np.testing.assert_allclose(found, expected, atol=1e-13)
    assert place.seen().sum() == 40 * 53


def test_a_circular_frame_is_the_picture():
    place = frame((7, 11), _line(5), circular=True)
    assert place.shape == (7, 11)
    assert place.seen().all()


def test_what_was_seen_is_kept():
    blurred = np.random.default_rng(0).random((30, 41))
    found = extended(blurred, _line())
    np.testing.assert_array_equal(found.frame.cropped(found.picture), blurred)


@pytest.mark.parametrize("corner", [(100, 200), (300, 100), (250, 300)])
def test_an_inverse_filter_rings_less_with_the_surroundings_than_mirrored(corner):
    kernel, reach = _line(21), 10
    sharp = camera()[corner[0] :, corner[1] :][:128, :128] / 255.0
    inside = (slice(reach, -reach), slice(reach, -reach))
    blurred = convolve_circular(sharp, kernel)[inside]

    def error(picture, crop):
        response = transfer(kernel, picture.shape)
        inverse = np.conj(response) / (np.abs(response) ** 2 + 1e-3)
        restored = np.fft.irfft2(inverse * np.fft.rfft2(picture), picture.shape)
        return np.mean((restored[crop] - sharp[inside]) ** 2)

    found = extended(blurred, kernel)
    guessed = error(found.picture, (found.frame.rows, found.frame.columns))
    mirrored = error(np.pad(blurred, reach, "symmetric"), inside)
    assert guessed < 0.5 * mirrored
    assert guessed < 0.5 * np.mean((blurred - sharp[inside]) ** 2)


def test_the_smooth_picture_fits_what_was_seen_and_makes_the_surroundings():
    blurred = convolve_circular(camera()[100:196, 200:296] / 255.0, _line())[9:-9, 9:-9]
    found = extended(blurred, _line())
    shape = found.frame.shape
    expected = np.fft.irfft2(transfer(_line(), shape) * found.smooth, shape)
    np.testing.assert_allclose(found.frame.cropped(expected), blurred, atol=0.05)
    outside = found.frame.seen() == 0
    np.testing.assert_allclose(found.picture[outside], expected[outside], atol=1e-12)


def test_a_flat_picture_stays_flat():
    found = extended(np.full((30, 31), 0.3), _line())
    np.testing.assert_allclose(found.picture, 0.3, atol=1e-9)


def test_a_picture_may_be_as_small_as_the_kernel():
    found = extended(np.full((9, 9), 0.5), trimmed(np.full((9, 9), 1 / 81)))
    np.testing.assert_allclose(found.picture, 0.5, atol=1e-9)


def test_each_channel_is_restored_and_clipped():
    picture = np.stack([np.full((6, 6), value) for value in (0.1, 0.5, 0.9)], axis=-1)
    found = restore(
        lambda channel, _: 2 * channel - 0.5, picture, np.full((3, 3), 1 / 9)
    )
    np.testing.assert_allclose(found[0, 0], [0.0, 0.5, 1.0])
    assert found.shape == picture.shape


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (8, 30, 3)])
def test_pictures_smaller_than_the_kernel_are_refused(shape):
    with pytest.raises(DataError, match="is smaller than the kernel of 9x9"):
        restore(lambda channel, _: channel, np.zeros(shape), np.full((9, 9), 1 / 81))


@pytest.mark.parametrize(
    "picture", [np.zeros((9, 9, 3), np.uint8), np.zeros(9), np.zeros((1, 9, 9, 3))]
)
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(ValueError, match="need a picture of floats"):
        restore(lambda channel, _: channel, picture, np.full((3, 3), 1 / 9))
