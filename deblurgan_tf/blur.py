"""Blurring on the accelerator: sharp pictures and a bank of kernels -> blurred ones.

Everything is a pure function of its arguments and of one seed per sample, so that a
sample is the same in any batch, on any replica and after a resume.
"""

from __future__ import annotations

from typing import NamedTuple

import scipy.fft
import tensorflow as tf

from deblurgan_tf.config import Blur
from deblurgan_tf.images import to_float, to_uint8
from deblurgan_tf.kernels import kernel_bank
from deblurgan_tf.seeds import normal, uniform

# They tell the uses of a sample's seed apart (layers.py uses small numbers).
KERNEL_SALT, STRENGTH_SALT, NOISE_SALT = 1001, 1002, 1003


class Degradation(NamedTuple):
    """How sharp pictures become blurred ones; made once, at the start of a run."""

    kernels: tf.Tensor  # (count, canvas, canvas)
    noise: tuple[float, float]  # standard deviation, grey levels of 255
    gamma: float


def degradation(config: Blur, seed: int) -> Degradation:
    """Makes the bank of kernels that the config describes."""
    kernels = kernel_bank(
        config.kind,
        config.kernels,
        config.canvas,
        config.length,
        config.intensity,
        config.exposures,
        seed,
    )
    return Degradation(kernels, config.noise, config.gamma)


def degrade(sharp: tf.Tensor, how: Degradation, seeds: tf.Tensor) -> tf.Tensor:
    """Blurs each picture with its own random kernel, adds noise, rounds to grey levels.

    sharp: float32 (N, H, W, 3) in [-1, 1]; seeds: integers (N,), one per sample.
    Returns the same shape and range. The result is rounded to the 256 levels of an
    8-bit file: unrounded pictures would let a network undo the blur from digits that no
    real picture has.
    """
    kernels = draw_kernels(how.kernels, seeds)
    noisy = add_noise(blur(sharp, kernels, how.gamma), how.noise, seeds)
    return to_float(to_uint8(noisy))


def draw_kernels(bank: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    """One kernel of the bank per seed, turned or mirrored in one of eight ways.

    bank: (count, K, K), seeds: (N,) -> (N, K, K).
    """
    count = tf.cast(tf.shape(bank)[0], tf.float32)
    draws = uniform(seeds, 2, KERNEL_SALT)
    kernels = tf.gather(bank, tf.cast(draws[:, 0] * count, tf.int32))
    way = tf.cast(draws[:, 1] * 8.0, tf.int32)

    def where(bit: int, changed: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        return tf.where((way // bit % 2 == 1)[:, None, None], changed, kept)

    kernels = where(1, tf.reverse(kernels, [1]), kernels)
    kernels = where(2, tf.reverse(kernels, [2]), kernels)
    return where(4, tf.transpose(kernels, [0, 2, 1]), kernels)


def blur(sharp: tf.Tensor, kernels: tf.Tensor, gamma: float = 1.0) -> tf.Tensor:
    """Convolves each picture with its own kernel; borders are reflected (101).

    sharp: (N, H, W, C) in [-1, 1], H and W above K // 2; kernels: (N, K, K), K odd.
    gamma: what is convolved is light, value ** gamma with the value in [0, 1]; the
    result is turned back into values. 1 convolves the values themselves.
    Equals `cv2.filter2D` with the kernel flipped, since filter2D correlates.
    """
    # (x + 1) / 2 is exact enough and keeps gamma 1 free of powers.
    value = tf.clip_by_value((sharp + 1.0) / 2.0, 0.0, 1.0)
    light = value if gamma == 1.0 else value**gamma
    light = convolve(light, kernels)
    light = tf.clip_by_value(light, 0.0, 1.0)  # rounding errors of the transform
    value = light if gamma == 1.0 else light ** (1.0 / gamma)
    return value * 2.0 - 1.0


def convolve(light: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """`blur` without range and gamma, as a product of real Fourier transforms.

    A sum of shifted pictures was slower for every kernel from 5x5 up (by 1.1 to 9
    times at 256x256 on two cores), so there is no second way.
    """
    reach = kernels.shape[1] // 2
    height, width = light.shape[1], light.shape[2]
    padded = _reflected(light, reach)
    # Circular wrap-around of this length only touches the padding that is cut away.
    size = [
        scipy.fft.next_fast_len(height + 2 * reach, real=True),
        scipy.fft.next_fast_len(width + 2 * reach, real=True),
    ]
    # The transform works on the last two axes: (N, C, H, W).
    spectrum = tf.signal.rfft2d(tf.transpose(padded, [0, 3, 1, 2]), size)
    spectrum *= tf.signal.rfft2d(kernels, size)[:, None]
    result = tf.signal.irfft2d(spectrum, size)
    # The middle of the kernel is at (reach, reach), so the result comes that much late.
    result = result[:, :, 2 * reach : 2 * reach + height, 2 * reach : 2 * reach + width]
    return tf.transpose(result, [0, 2, 3, 1])


def _reflected(light: tf.Tensor, reach: int) -> tf.Tensor:
    height, width = light.shape[1], light.shape[2]
    if min(height, width) <= reach:
        raise ValueError(
            f"pictures of {height}x{width} are too small for reflected borders of "
            f"kernels {2 * reach + 1} wide: they need more than {reach} pixels a side"
        )
    margin = [reach, reach]
    return tf.pad(light, [[0, 0], margin, margin, [0, 0]], mode="REFLECT")


def add_noise(
    blurred: tf.Tensor, noise: tuple[float, float], seeds: tf.Tensor
) -> tf.Tensor:
    """Adds Gaussian noise; each picture draws its standard deviation from `noise`.

    noise is in grey levels of 255, blurred in [-1, 1]; the result may leave the range.
    """
    if noise[1] == 0.0:
        return blurred
    strength = noise[0] + (noise[1] - noise[0]) * uniform(seeds, 1, STRENGTH_SALT)
    size = tf.reduce_prod(tf.shape(blurred)[1:])
    values = tf.reshape(normal(seeds, size, NOISE_SALT), tf.shape(blurred))
    return blurred + strength[:, :, None, None] / 127.5 * values
