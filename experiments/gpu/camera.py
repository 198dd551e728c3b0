"""A camera as a batch of tensor operations with static shapes: sharp scene -> picture.

The order is that of a real one: colour of the light and haze, lamps and their glare
(above white), motion and lens in linear light or in values, a sensor with fewer pixels
that clips, noise, sharpening with halo, JPEG, enlargement. Every draw is a function of
the sample's seed, so a sample is the same in any batch.
"""

from __future__ import annotations

import math

import tensorflow as tf

from deblurgan_tf.blur.degradation import Degraded, convolve, cut_margin, draw_kernels
from deblurgan_tf.blur.jpeg import jpeg
from deblurgan_tf.blur.seeds import normal, uniform
from deblurgan_tf.images import to_float, to_uint8

KEPT = 0.3  # of the softness beyond a pixel
LAMPS = 6  # at most, small reflections among them
SALT = 2000
# Gains of red, green and blue: none, pink (infrared), violet, red (tail lamps), sodium
# light, dull day.
CASTS = (
    (1.0, 1.0, 1.0),
    (1.05, 0.72, 0.95),
    (0.85, 0.78, 1.1),
    (1.1, 0.5, 0.55),
    (1.1, 0.95, 0.7),
    (0.92, 0.98, 1.04),
)


def camera_pairs(
    sharp: tf.Tensor,
    bank: tf.Tensor,
    seeds: tf.Tensor,
    margin: int,
    untouched: float,
    largest: float = 3.4,
) -> Degraded:
    """What a camera makes of sharp scenes, and what it would make without blur.

    sharp: float32 (N, H, W, 3) in [-1, 1]; bank: kernels (count, K, K); untouched: the
    share that neither moves nor is soft; largest: pixels of the scene a side in one of
    the sensor's. The target keeps colour, haze, lamps and a pixel's worth of softness.
    Where there is no more blur than that, the target is the picture itself, noise and
    JPEG included: a restorer has to leave it alone.
    """
    count, height, width = sharp.shape[0], sharp.shape[1], sharp.shape[2]

    def draw(number: int, size: int = 1) -> tf.Tensor:
        return uniform(seeds, size, SALT + number)

    spared = draw(0)[:, 0] < untouched
    whole = spared[:, None, None, None]

    # Light: colour, contrast and haze that lifts the blacks.
    value = tf.clip_by_value((sharp + 1.0) / 2.0, 0.0, 1.0)
    draws = draw(1, 8)
    cast = tf.gather(tf.constant(CASTS), tf.cast(draws[:, 0] * len(CASTS), tf.int32))
    cast = 1.0 + draws[:, 1:2] * (cast - 1.0)
    cast *= 0.92 + 0.16 * draws[:, 2:5]
    contrast = 0.25 + 0.75 * tf.sqrt(draws[:, 5])
    room = 1.0 - contrast
    lifted = room * draws[:, 6] ** 2 * 0.8
    contrast = tf.where(draws[:, 7] < 0.3, 1.0, contrast)
    lifted = tf.where(draws[:, 7] < 0.3, 0.0, lifted)
    scene = value * contrast[:, None, None, None] + lifted[:, None, None, None]
    scene *= cast[:, None, None, :]

    # Half of the pictures in linear light; lamps may be far above white.
    gamma = tf.where(draw(2)[:, 0] < 0.5, 1.0, 2.2)[:, None, None, None]
    scene = tf.maximum(scene, 1e-3)
    light = scene**gamma + _lamps(draw, cast, height, width)
    light = tf.where(whole, scene**gamma, light)

    # Lens: a Gaussian. What a sensor's pixel and the enlargement add to it is nearly
    # one too. Of their deviation the target keeps a pixel, and KEPT of what is beyond.
    draws = draw(3, 4)
    factor = 1.0 + (largest - 1.0) * draws[:, 0] ** 1.2
    factor = tf.where(spared, tf.minimum(factor, 1.6), factor)
    whole_size = draws[:, 1] < tf.where(spared, 0.6, 0.25)
    factor = tf.where(whole_size, 1.0, factor)
    lens = (0.15 + 1.0 * draws[:, 2] ** 1.5) * factor
    lens = tf.where(spared, tf.minimum(lens, 0.6 * draws[:, 3]), lens)
    softness = tf.sqrt(lens**2 + 0.2 * tf.maximum(factor**2 - 1.0, 0.0))
    kept = tf.minimum(softness, 1.0 + KEPT * (softness - 1.0))
    target = convolve(light, _bells(kept, 9))
    kernels = draw_kernels(bank, seeds)
    point = tf.zeros_like(kernels[:1])
    middle = bank.shape[1] // 2
    point = tf.tensor_scatter_nd_update(point, [[0, middle, middle]], [1.0])
    still = (draw(4)[:, 0] < 0.2) | spared
    kernels = tf.where(still[:, None, None], point, kernels)
    blurred = convolve(light, _smeared(kernels, lens))

    # Sensor: fewer pixels, which clip.
    smaller = _reduced(blurred, factor)
    seen = tf.clip_by_value(smaller, 0.0, 1.0) ** (1.0 / gamma)

    # Noise, stronger in the dark; smoothed as cameras do, in some.
    draws = draw(5, 6)
    strength = (draws[:, 0] ** 2 * 7.0 / 255.0)[:, None, None, None]
    noise = tf.reshape(
        normal(seeds, height * width * 3, SALT + 6), (count, height, width, 3)
    )
    grey = tf.reduce_mean(noise, axis=3, keepdims=True) * math.sqrt(3.0)
    noise = tf.where(draws[:, 1, None, None, None] < 0.5, noise, grey)
    smooth = convolve(noise, _bells(tf.fill([count], 0.8), 3)) * 2.2
    noise = tf.where(draws[:, 2, None, None, None] < 0.4, smooth, noise)
    seen = seen + strength * (1.3 - 0.6 * seen) * noise

    # Sharpening with a halo.
    amount = tf.where(draws[:, 3] < 0.6, 2.0 * draws[:, 4], 0.0)
    amount = tf.where(spared, 0.3 * amount, amount)
    soft = convolve(seen, _bells(0.7 + 1.2 * draws[:, 5], 7))
    seen = seen + amount[:, None, None, None] * (seen - soft)
    seen = to_float(to_uint8(tf.clip_by_value(seen, 0.0, 1.0) * 2.0 - 1.0))

    # JPEG of the small picture, then the enlargement of inference.
    draws = draw(7, 3)
    quality = tf.floor(35.0 + 60.0 * tf.sqrt(draws[:, 0]))
    stored = (draws[:, 1] < 0.75)[:, None, None, None]
    seen = tf.where(stored, jpeg(seen, quality), seen)
    seen = _enlarged(seen, factor, draws[:, 2] < 0.6)
    seen = to_float(to_uint8(seen))

    wanted = tf.clip_by_value(target, 0.0, 1.0) ** (1.0 / gamma) * 2.0 - 1.0
    alone = (still & (softness <= 1.0))[:, None, None, None]
    wanted = tf.where(alone, seen, wanted)
    # A compiler may round the two squares apart.
    true = _smeared(kernels, tf.sqrt(tf.maximum(softness**2 - kept**2, 0.0)))
    seen, wanted = cut_margin((seen, wanted), margin, seeds)
    return Degraded(seen, wanted, true, tf.ones([count], tf.bool))


def joined(*parts: Degraded) -> Degraded:
    """Batches behind one another."""
    return Degraded(*(tf.concat(values, 0) for values in zip(*parts, strict=True)))


def _lamps(draw, cast: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Light of lamps, their reflections and their glare: (N, H, W, 3), above 0.

    Four of ten pictures have none.
    """
    places = draw(10, 2 * LAMPS)
    sizes, shapes, kinds = draw(11, LAMPS), draw(12, LAMPS), draw(13, LAMPS)
    powers, turns, chosen = draw(14, LAMPS), draw(15, LAMPS), draw(16, 4)
    lit = kinds < chosen[:, 1:2] ** 1.5
    lit = lit & (chosen[:, :1] < 0.6)
    small = turns < 0.65
    radius = tf.where(small, 0.8 + 2.5 * sizes, 4.0 + 12.0 * sizes**2)
    power = tf.where(small, 0.3 + 2.5 * powers, 1.0 + 5.0 * powers)
    power = tf.where(lit, power, 0.0)
    flat = tf.exp((shapes - 0.5) * 1.6)
    x = tf.range(width, dtype=tf.float32)[None, None, None, :]
    y = tf.range(height, dtype=tf.float32)[None, None, :, None]

    def along(values: tf.Tensor) -> tf.Tensor:
        return values[:, :, None, None]

    across = (x - along(places[:, :LAMPS]) * width) / along(radius * flat)
    down = (y - along(places[:, LAMPS:]) * height) / along(radius / flat)
    distance = across**2 + down**2
    core = tf.exp(-0.5 * distance**2)  # an even disc with a soft edge
    # Light that the lens scatters far around the large ones.
    reach = 8.0 + 40.0 * chosen[:, 2:3]
    glare = 1.0 / (1.0 + distance * along(radius**2 / reach**2)) ** 1.5
    share = along(tf.where(small, 0.0, 0.3 * chosen[:, 3:4] ** 2))
    total = tf.reduce_sum(along(power) * (core + share * glare), axis=1)
    return total[..., None] * tf.sqrt(cast)[:, None, None, :]


def _bells(deviation: tf.Tensor, reach: int) -> tf.Tensor:
    """Gaussians of these deviations in pixels: (N, 2 reach + 1, 2 reach + 1)."""
    offsets = tf.range(-reach, reach + 1, dtype=tf.float32)
    bell = tf.exp(-0.5 * tf.square(offsets / tf.maximum(deviation, 0.15)[:, None]))
    bell /= tf.reduce_sum(bell, axis=1, keepdims=True)
    return bell[:, :, None] * bell[:, None]


def _smeared(kernels: tf.Tensor, deviation: tf.Tensor) -> tf.Tensor:
    """Kernels (N, K, K) convolved with Gaussians, sums kept."""
    places = tf.range(kernels.shape[1], dtype=tf.float32)
    distance = places[:, None] - places
    deviation = tf.maximum(deviation, 0.15)[:, None, None]
    share = tf.exp(-0.5 * tf.square(distance / deviation))
    share /= tf.reduce_sum(share, axis=1, keepdims=True)
    return share @ kernels @ tf.transpose(share, (0, 2, 1))


def _reduced(pictures: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Means of areas of factor x factor pixels, in the top left corner of (N, H, W, C).

    What is left of the canvas repeats the last row and column.
    """
    rows = _areas(pictures.shape[1], factor)
    columns = _areas(pictures.shape[2], factor)
    return tf.einsum("nih,nhwc,njw->nijc", rows, pictures, columns)


def _areas(size: int, factor: tf.Tensor) -> tf.Tensor:
    """(N, size, size): the share of each pixel in each of the fewer ones."""
    factor = factor[:, None, None]
    last = tf.floor(size / factor) - 1.0
    place = tf.range(size, dtype=tf.float32)
    begin = tf.minimum(place[None, :, None], last) * factor
    overlap = tf.minimum(begin + factor, place + 1.0) - tf.maximum(begin, place)
    return tf.maximum(overlap, 0.0) / factor


def _enlarged(pictures: tf.Tensor, factor: tf.Tensor, cubic: tf.Tensor) -> tf.Tensor:
    """The inverse of `_reduced`, linear or cubic between the pixels."""
    rows = _between(pictures.shape[1], factor, cubic)
    columns = _between(pictures.shape[2], factor, cubic)
    return tf.einsum("nih,nhwc,njw->nijc", rows, pictures, columns)


def _between(size: int, factor: tf.Tensor, cubic: tf.Tensor) -> tf.Tensor:
    """(N, size, size): the shares of the fewer pixels in each; OpenCV's a of -0.75."""
    place = tf.range(size, dtype=tf.float32)
    middle = (place[None, :] + 0.5) / factor[:, None] - 0.5
    distance = tf.abs(middle[:, :, None] - place)
    a = -0.75
    near = ((a + 2.0) * distance - (a + 3.0)) * distance**2 + 1.0
    far = a * (((distance - 5.0) * distance + 8.0) * distance - 4.0)
    curved = tf.where(distance < 1.0, near, tf.where(distance < 2.0, far, 0.0))
    straight = tf.maximum(1.0 - distance, 0.0)
    share = tf.where(cubic[:, None, None], curved, straight)
    # At the first row some share lies outside: the row itself takes it.
    return share / tf.reduce_sum(share, axis=2, keepdims=True)
