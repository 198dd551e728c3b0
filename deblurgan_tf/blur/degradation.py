"""Blurring on the accelerator: sharp pictures and a bank of kernels -> blurred ones.

Everything is a pure function of its arguments and of one seed per sample, so that a
sample is the same on any replica and after a resume. A training calls `training_pairs`;
validation calls `degrade`: blur, noise and JPEG alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple, overload

import scipy.fft
import tensorflow as tf

from deblurgan_tf.blur.jpeg import jpeg
from deblurgan_tf.blur.kernels import kernel_bank
from deblurgan_tf.blur.seeds import normal, uniform
from deblurgan_tf.config import Blur
from deblurgan_tf.images import to_float, to_uint8

# One for each use of a sample's seed, so that its draws are independent of each other
# (`models.layers` uses small numbers, `training.step` 1004).
KERNEL_SALT, STRENGTH_SALT, NOISE_SALT = 1001, 1002, 1003
COLOR_JITTER_SALT, PRESMOOTHING_SALT, JPEG_SALT, MARGIN_SALT = 1005, 1006, 1007, 1008
VARYING_SALT, MASK_SALT, OTHER_SALT = 1009, 1010, 1011


class Degradation(NamedTuple):
    """How sharp pictures become blurred ones; made once, at the start of a run."""

    kernels: tf.Tensor  # (count, canvas, canvas)
    noise: tuple[float, float]  # standard deviation, grey levels of 255
    gamma: float
    presmoothing: tuple[float, float] = (0.0, 0.0)  # deviation of a Gaussian, pixels
    jpeg: tuple[int, int] | None = None  # qualities
    varying: float = 0.0  # share of the samples
    color_jitter: float = 0.0
    margin: int = 0


class Degraded(NamedTuple):
    """What `training_pairs` makes of a batch of sharp pictures."""

    blurred: tf.Tensor  # (N, H, W, 3) in [-1, 1], on the 256 levels of 8 bits
    sharp: tf.Tensor  # the same shape and range
    kernels: tf.Tensor  # (N, canvas, canvas)
    invariant: tf.Tensor  # bool (N,): whether that kernel blurred the whole picture


@overload
def degradation(
    config: Blur, seed: int, color_jitter: float = 0.0, margin: int = 0
) -> Degradation: ...
@overload
def degradation(
    config: None, seed: int, color_jitter: float = 0.0, margin: int = 0
) -> None: ...
@overload
def degradation(
    config: Blur | None, seed: int, color_jitter: float = 0.0, margin: int = 0
) -> Degradation | None: ...
def degradation(
    config: Blur | None, seed: int, color_jitter: float = 0.0, margin: int = 0
) -> Degradation | None:
    """Makes the bank of kernels that the config describes.

    color_jitter, margin: those of the config's `data`. Returns None where the config
    has no blur, since all of its data are pairs: see `given_pairs`.
    """
    if config is None:
        return None
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
        config.presmoothing,
        config.jpeg,
        config.varying,
        color_jitter,
        margin,
    )


def degrade(sharp: tf.Tensor, how: Degradation, seeds: tf.Tensor) -> tf.Tensor:
    """Blurs each picture with its own random kernel, then records it as a camera does.

    sharp: float32 (N, H, W, 3) in [-1, 1]; seeds: integers (N,), one per sample.
    Returns the same shape and range. The result is rounded to the 256 levels of an
    8-bit file: from unrounded pictures a network could undo the blur by digits that no
    real picture has.
    """
    kernels = draw_kernels(how.kernels, seeds)
    return _record(blur(sharp, kernels, how.gamma), how, seeds)


def training_pairs(sharp: tf.Tensor, how: Degradation, seeds: tf.Tensor) -> Degraded:
    """`degrade`, with colour jitter, presmoothing, varying blur and a margin.

    sharp: float32 (N, H, W, 3) in [-1, 1]; seeds: integers (N,), one per sample. Height
    and width of the results are smaller by `how.margin`.
    """
    sharp = presmooth(
        jitter_color(sharp, how.color_jitter, seeds), how.presmoothing, seeds
    )
    kernels = draw_kernels(how.kernels, seeds)
    blurred = blur(sharp, kernels, how.gamma)
    invariant = uniform(seeds, 1, VARYING_SALT)[:, 0] >= how.varying
    if how.varying > 0.0:
        other = draw_kernels(how.kernels, seeds, OTHER_SALT)
        share = half_planes(seeds, sharp.shape[1], sharp.shape[2])
        share = tf.where(invariant[:, None, None, None], 1.0, share)
        blurred = share * blurred + (1.0 - share) * blur(sharp, other, how.gamma)
    blurred, sharp = cut_margin((blurred, sharp), how.margin, seeds)
    return Degraded(_record(blurred, how, seeds), sharp, kernels, invariant)


def given_pairs(blurred: tf.Tensor, sharp: tf.Tensor) -> Degraded:
    """Pairs as they are, in the form of `training_pairs`; their kernels are unknown.

    blurred, sharp: float32 (N, H, W, 3) in [-1, 1]. The kernels are zeros (N, 1, 1),
    and `invariant` is False for all, so that no loss compares them.
    """
    count = tf.shape(sharp)[0]
    return Degraded(blurred, sharp, tf.zeros([count, 1, 1]), tf.zeros([count], tf.bool))


def half_planes(seeds: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Soft masks: 1 on one side of a random line, 0 on the other.

    seeds: integers (N,). Returns float32 (N, height, width, 1). The line passes through
    the middle half of the picture; the values change over a tenth to the whole of the
    picture's larger side. Two kernels, one on each side, are the simplest case of Nagy
    and O'Leary's interpolation ("Restoring images degraded by spatially variant blur",
    1998): a part of the scene moves, or the camera rotates.
    """
    draws = uniform(seeds, 4, MASK_SALT)[:, :, None, None]
    angle = 2.0 * math.pi * draws[:, 0]
    x = tf.range(width, dtype=tf.float32) - width * (0.25 + 0.5 * draws[:, 1])
    y = tf.range(height, dtype=tf.float32)[:, None]
    y = y - height * (0.25 + 0.5 * draws[:, 2])
    softness = max(height, width) * (0.1 + 0.9 * draws[:, 3])
    distance = (tf.cos(angle) * x + tf.sin(angle) * y) / softness
    return tf.clip_by_value(distance + 0.5, 0.0, 1.0)[..., None]


def _record(blurred: tf.Tensor, how: Degradation, seeds: tf.Tensor) -> tf.Tensor:
    """What a camera stores of the light: noise, 8 bits, JPEG; in [-1, 1]."""
    noisy = to_float(to_uint8(add_noise(blurred, how.noise, seeds)))
    return compress(noisy, how.jpeg, seeds)


def jitter_color(sharp: tf.Tensor, strength: float, seeds: tf.Tensor) -> tf.Tensor:
    """Random contrast, brightness and colour, in this order; (N, H, W, 3) in [-1, 1].

    strength: 0 to 1. With 1, contrast is multiplied by 0.3 to 1.2, and each colour by
    0.85 to 1.15. The mean brightness is limited to [-0.6, 0.6], and then changes by up
    to 0.1; where the contrast fell, the range has more room for it: up to 0.59.
    """
    if strength == 0.0:
        return sharp
    draws = 2.0 * uniform(seeds, 5, COLOR_JITTER_SALT) - 1.0
    contrast = 1.0 + strength * tf.where(
        draws[:, 0] < 0.5, 0.7 * (draws[:, 0] - 0.5) / 1.5, 0.4 * (draws[:, 0] - 0.5)
    )
    mean = tf.reduce_mean(sharp, axis=[1, 2, 3])
    room = 0.7 * (1.0 - tf.minimum(contrast, 1.0)) + 0.1
    place = tf.clip_by_value(mean, -0.6, 0.6) + strength * room * draws[:, 1]
    gain = contrast[:, None] * (1.0 + 0.15 * strength * draws[:, 2:])
    changed = (sharp - mean[:, None, None, None]) * gain[:, None, None, :]
    return tf.clip_by_value(changed + place[:, None, None, None], -1.0, 1.0)


def presmooth(
    sharp: tf.Tensor, deviations: tuple[float, float], seeds: tf.Tensor
) -> tf.Tensor:
    """Blurs each picture by a small Gaussian: drawn ones are too sharp to be real.

    sharp: (N, H, W, C) in [-1, 1]; deviations: lowest and highest standard deviation,
    pixels; seeds: integers (N,).
    """
    if deviations[1] == 0.0:
        return sharp
    low, high = deviations
    deviation = low + (high - low) * uniform(seeds, 1, PRESMOOTHING_SALT)
    radius = math.ceil(3 * high)
    offsets = tf.range(-radius, radius + 1, dtype=tf.float32)
    gaussian = tf.exp(-0.5 * tf.square(offsets / tf.maximum(deviation, 0.05)))
    gaussian /= tf.reduce_sum(gaussian, axis=1, keepdims=True)
    kernels = gaussian[:, :, None] * gaussian[:, None]
    return tf.clip_by_value(convolve(sharp, kernels), -1, 1)


def cut_margin(
    pictures: tuple[tf.Tensor, ...], margin: int, seeds: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """Cuts all of the pictures to a smaller window, at a random place for each sample.

    pictures: each (N, H, W, C); margin: pixels, from 0; seeds: integers (N,). Returns
    each as (N, H - margin, W - margin, C).
    """
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
    """Compresses half of the pictures as JPEG; the other half stays as it is.

    blurred: (N, H, W, 3) in [-1, 1]; quality: lowest and highest, 1 to 100, None for no
    JPEG at all; seeds: integers (N,). Returns the same shape and range.
    """
    if quality is None:
        return blurred
    draws = uniform(seeds, 2, JPEG_SALT)
    low, high = quality
    level = tf.floor(low + draws[:, 1] * (high - low + 1.0))
    # A draw just below 1 is rounded up to high + 1 by the sum.
    level = tf.minimum(level, float(high))
    chosen = draws[:, :1, None, None] < 0.5
    return tf.where(chosen, jpeg(blurred, level), blurred)


def draw_kernels(
    bank: tf.Tensor, seeds: tf.Tensor, salt: int = KERNEL_SALT
) -> tf.Tensor:
    """One kernel of the bank per seed, in one of eight orientations.

    bank: (count, K, K); seeds: integers (N,). Returns (N, K, K): rotated by a multiple
    of 90 degrees, and mirrored or not.
    """
    count = tf.cast(tf.shape(bank)[0], tf.float32)
    draws = uniform(seeds, 2, salt)
    kernels = tf.gather(bank, tf.cast(draws[:, 0] * count, tf.int32))
    orientation = tf.cast(draws[:, 1] * 8.0, tf.int32)

    def where(bit: int, changed: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        return tf.where((orientation // bit % 2 == 1)[:, None, None], changed, kept)

    kernels = where(1, tf.reverse(kernels, [1]), kernels)
    kernels = where(2, tf.reverse(kernels, [2]), kernels)
    return where(4, tf.transpose(kernels, [0, 2, 1]), kernels)


def blur(sharp: tf.Tensor, kernels: tf.Tensor, gamma: float = 1.0) -> tf.Tensor:
    """Convolves each picture with its own kernel; borders are reflected (101).

    sharp: (N, H, W, C) in [-1, 1], H and W above K // 2; kernels: (N, K, K), K odd.
    gamma: what is convolved is light, value ** gamma with the value in [0, 1]; the
    result is converted back to values. 1 convolves the values themselves.
    Equals `cv2.filter2D` with the kernel flipped, since filter2D correlates.
    Raises ValueError for pictures that are too small for the reflected borders.
    """
    # (x + 1) / 2 is exact enough and keeps gamma 1 free of powers.
    value = tf.clip_by_value((sharp + 1.0) / 2.0, 0.0, 1.0)
    light = value if gamma == 1.0 else value**gamma
    light = convolve(light, kernels)
    light = tf.clip_by_value(light, 0.0, 1.0)  # rounding errors of the transform
    value = light if gamma == 1.0 else light ** (1.0 / gamma)
    return value * 2.0 - 1.0


def convolve(light: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """Convolves each picture with its own kernel by real Fourier transforms.

    light: (N, H, W, C) of any range; kernels: (N, K, K), K odd; borders are reflected.
    Direct convolution was slower for every kernel from 5x5 up (1.1 to 9 times at
    256x256 on two cores), so there is no second method.
    """
    radius = kernels.shape[1] // 2
    height, width = light.shape[1], light.shape[2]
    padded = _reflected(light, radius)
    # Circular wrap-around of this length only touches the padding that is cut away.
    size = [
        scipy.fft.next_fast_len(height + 2 * radius, real=True),
        scipy.fft.next_fast_len(width + 2 * radius, real=True),
    ]
    # The transform works on the last two axes: (N, C, H, W).
    spectrum = tf.signal.rfft2d(tf.transpose(padded, [0, 3, 1, 2]), size)
    spectrum *= tf.signal.rfft2d(kernels, size)[:, None]
    result = tf.signal.irfft2d(spectrum, size)
    # The middle of the kernel is at (radius, radius), so the result is shifted by that.
    result = result[
        :, :, 2 * radius : 2 * radius + height, 2 * radius : 2 * radius + width
    ]
    return tf.transpose(result, [0, 2, 3, 1])


def _reflected(light: tf.Tensor, radius: int) -> tf.Tensor:
    height, width = light.shape[1], light.shape[2]
    if min(height, width) <= radius:
        raise ValueError(
            f"pictures of {height}x{width} are too small for reflected borders of "
            f"kernels {2 * radius + 1} wide: they need more than {radius} pixels a side"
        )
    margin = [radius, radius]
    return tf.pad(light, [[0, 0], margin, margin, [0, 0]], mode="REFLECT")


def add_noise(
    blurred: tf.Tensor, noise: tuple[float, float], seeds: tf.Tensor
) -> tf.Tensor:
    """Adds Gaussian noise; each picture has its own random standard deviation.

    blurred: (N, H, W, C) in [-1, 1]; noise: lowest and highest standard deviation, grey
    levels of 255; seeds: integers (N,). The result may leave the range.
    """
    if noise[1] == 0.0:
        return blurred
    strength = noise[0] + (noise[1] - noise[0]) * uniform(seeds, 1, STRENGTH_SALT)
    size = tf.reduce_prod(tf.shape(blurred)[1:])
    values = tf.reshape(normal(seeds, size, NOISE_SALT), tf.shape(blurred))
    return blurred + strength[:, :, None, None] / 127.5 * values
