"""Blurring on the accelerator: sharp pictures and a bank of kernels -> blurred ones.

Everything is a pure function of its arguments and of one seed per sample, so that a
sample is the same in any batch, on any replica and after a resume.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import scipy.fft
import tensorflow as tf

from deblurgan_tf.config import Blur
from deblurgan_tf.images import to_float, to_uint8
from deblurgan_tf.jpeg import jpeg
from deblurgan_tf.kernels import kernel_bank
from deblurgan_tf.seeds import normal, uniform

# They tell the uses of a sample's seed apart (layers.py uses small numbers).
KERNEL_SALT, STRENGTH_SALT, NOISE_SALT = 1001, 1002, 1003
TONE_SALT, SOFTNESS_SALT, JPEG_SALT, MARGIN_SALT = 1005, 1006, 1007, 1008
VARYING_SALT, MASK_SALT, OTHER_SALT = 1009, 1010, 1011


class Degradation(NamedTuple):
    """How sharp pictures become blurred ones; made once, at the start of a run."""

    kernels: tf.Tensor  # (count, canvas, canvas)
    noise: tuple[float, float]  # standard deviation, grey levels of 255
    gamma: float
    softness: tuple[float, float] = (0.0, 0.0)  # deviation of a Gaussian, pixels
    jpeg: tuple[int, int] | None = None  # qualities
    varying: float = 0.0  # share of the samples
    tone: float = 0.0
    margin: int = 0


class Degraded(NamedTuple):
    """What `training_pairs` makes of a batch of sharp pictures."""

    blurred: tf.Tensor  # (N, H, W, 3) in [-1, 1], on the 256 levels of 8 bits
    sharp: tf.Tensor  # the same shape, as the blurred one would be without blur
    kernels: tf.Tensor  # (N, canvas, canvas)
    invariant: tf.Tensor  # bool (N,): whether that kernel is the whole picture's


def degradation(
    config: Blur, seed: int, tone: float = 0.0, margin: int = 0
) -> Degradation:
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
    return Degradation(
        kernels,
        config.noise,
        config.gamma,
        config.softness,
        config.jpeg,
        config.varying,
        tone,
        margin,
    )


def degrade(sharp: tf.Tensor, how: Degradation, seeds: tf.Tensor) -> tf.Tensor:
    """Blurs each picture with its own random kernel, adds noise, rounds to grey levels.

    sharp: float32 (N, H, W, 3) in [-1, 1]; seeds: integers (N,), one per sample.
    Returns the same shape and range. The result is rounded to the 256 levels of an
    8-bit file: unrounded pictures would let a network undo the blur from digits that no
    real picture has.
    """
    kernels = draw_kernels(how.kernels, seeds)
    return _photographed(blur(sharp, kernels, how.gamma), how, seeds)


def training_pairs(sharp: tf.Tensor, how: Degradation, seeds: tf.Tensor) -> Degraded:
    """`degrade` of pictures in another light and softer, cut out of what was blurred.

    sharp: float32 (N, H, W, 3) in [-1, 1]; seeds: integers (N,), one per sample. The
    results are smaller by `how.margin`.
    """
    sharp = soften(change_tone(sharp, how.tone, seeds), how.softness, seeds)
    kernels = draw_kernels(how.kernels, seeds)
    blurred = blur(sharp, kernels, how.gamma)
    invariant = uniform(seeds, 1, VARYING_SALT)[:, 0] >= how.varying
    if how.varying > 0.0:
        other = draw_kernels(how.kernels, seeds, OTHER_SALT)
        share = half_planes(seeds, sharp.shape[1], sharp.shape[2])
        share = tf.where(invariant[:, None, None, None], 1.0, share)
        blurred = share * blurred + (1.0 - share) * blur(sharp, other, how.gamma)
    blurred, sharp = cut_margin((blurred, sharp), how.margin, seeds)
    return Degraded(_photographed(blurred, how, seeds), sharp, kernels, invariant)


def half_planes(seeds: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Soft masks: 1 on one side of a random line, 0 on the other.

    Returns float32 (N, height, width, 1). The line goes through the middle half of the
    picture; the step is a tenth of the picture to as wide as it. Blur under two
    kernels, one on either side, is the simplest of Nagy and O'Leary's interpolations
    (1998, "Restoring images degraded by spatially variant blur"): a part that moves, or
    a camera that turns.
    """
    draws = uniform(seeds, 4, MASK_SALT)[:, :, None, None]
    angle = 2.0 * math.pi * draws[:, 0]
    x = tf.range(width, dtype=tf.float32) - width * (0.25 + 0.5 * draws[:, 1])
    y = tf.range(height, dtype=tf.float32)[:, None]
    y = y - height * (0.25 + 0.5 * draws[:, 2])
    softness = max(height, width) * (0.1 + 0.9 * draws[:, 3])
    distance = (tf.cos(angle) * x + tf.sin(angle) * y) / softness
    return tf.clip_by_value(distance + 0.5, 0.0, 1.0)[..., None]


def _photographed(blurred: tf.Tensor, how: Degradation, seeds: tf.Tensor) -> tf.Tensor:
    noisy = to_float(to_uint8(add_noise(blurred, how.noise, seeds)))
    return compress(noisy, how.jpeg, seeds)


def change_tone(sharp: tf.Tensor, strength: float, seeds: tf.Tensor) -> tf.Tensor:
    """Random contrast, brightness and colour, in this order; (N, H, W, 3) in [-1, 1].

    With strength 1 contrast falls to 0.3 or rises to 1.2, brightness moves by up to 0.7
    as far as the range allows on average, and each colour's gain by up to 0.15.
    """
    if strength == 0.0:
        return sharp
    draws = 2.0 * uniform(seeds, 5, TONE_SALT) - 1.0
    contrast = 1.0 + strength * tf.where(
        draws[:, 0] < 0.5, 0.7 * (draws[:, 0] - 0.5) / 1.5, 0.4 * (draws[:, 0] - 0.5)
    )
    mean = tf.reduce_mean(sharp, axis=[1, 2, 3])
    room = 0.7 * (1.0 - tf.minimum(contrast, 1.0)) + 0.1
    place = tf.clip_by_value(mean, -0.6, 0.6) + strength * room * draws[:, 1]
    gain = contrast[:, None] * (1.0 + 0.15 * strength * draws[:, 2:])
    changed = (sharp - mean[:, None, None, None]) * gain[:, None, None, :]
    return tf.clip_by_value(changed + place[:, None, None, None], -1.0, 1.0)


def soften(
    sharp: tf.Tensor, softness: tuple[float, float], seeds: tf.Tensor
) -> tf.Tensor:
    """Blurs each picture by a small Gaussian: real ones are never as sharp as drawn
    ones. softness: its deviation is drawn between these, pixels."""
    if softness[1] == 0.0:
        return sharp
    low, high = softness
    deviation = low + (high - low) * uniform(seeds, 1, SOFTNESS_SALT)
    reach = math.ceil(3 * high)
    offsets = tf.range(-reach, reach + 1, dtype=tf.float32)
    bell = tf.exp(-0.5 * tf.square(offsets / tf.maximum(deviation, 0.05)))
    bell /= tf.reduce_sum(bell, axis=1, keepdims=True)
    return tf.clip_by_value(convolve(sharp, bell[:, :, None] * bell[:, None]), -1, 1)


def cut_margin(pictures: tuple, margin: int, seeds: tf.Tensor) -> tuple:
    """Cuts `margin` pixels off the height and width, at sides drawn for each sample."""
    if margin == 0:
        return pictures
    height, width = pictures[0].shape[1] - margin, pictures[0].shape[2] - margin
    start = tf.cast(uniform(seeds, 2, MARGIN_SALT) * (margin + 1.0), tf.int32)
    rows = start[:, :1] + tf.range(height)
    columns = start[:, 1:] + tf.range(width)
    return tuple(
        tf.gather(
            tf.gather(x, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1
        )
        for x in pictures
    )


def compress(
    blurred: tf.Tensor, quality: tuple[int, int] | None, seeds: tf.Tensor
) -> tf.Tensor:
    """Passes half of the pictures through a JPEG of a quality drawn between these."""
    if quality is None:
        return blurred
    draws = uniform(seeds, 2, JPEG_SALT)
    low, high = quality
    level = tf.floor(low + draws[:, 1] * (high - low + 1.0))
    chosen = draws[:, :1, None, None] < 0.5
    return tf.where(chosen, jpeg(blurred, level), blurred)


def draw_kernels(
    bank: tf.Tensor, seeds: tf.Tensor, salt: int = KERNEL_SALT
) -> tf.Tensor:
    """One kernel of the bank per seed, turned or mirrored in one of eight ways.

    bank: (count, K, K), seeds: (N,) -> (N, K, K).
    """
    count = tf.cast(tf.shape(bank)[0], tf.float32)
    draws = uniform(seeds, 2, salt)
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
