"""Scenes as cameras see them: a part of it, light, motion, few pixels, noise, JPEG.

`views` is batched tensor operations with static shapes alone: it runs on a GPU and
compiles under XLA. All of it is a function of the scenes and of what is passed in.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

sys.path.append(str(Path(__file__).resolve().parent.parent / "plate_reader"))

from degrade import POINTS, Draws, _c, _hat, _resampled, _softened, jpeg, sunflower

SCENE = 480  # pixels a side of a scene
SIDE = 352  # of a view
REACH = 40  # of a kernel, pixels of the view
NARROW, WIDE, LOW = 14.0, 270.0, 3.5  # plates outside do not count, pixels
LINE = np.stack([np.linspace(-0.5, 0.5, POINTS), np.zeros(POINTS)], -1)


def _kernels(points: tf.Tensor, soft: tf.Tensor) -> tf.Tensor:
    """Kernels (N, K, K) of points (N, POINTS, 2) in pixels, softened by Gaussians."""
    offsets = tf.range(-REACH, REACH + 1, dtype=tf.float32)
    deviation = tf.sqrt(tf.square(soft) + 0.3)[:, None, None]

    def weights(places: tf.Tensor) -> tf.Tensor:
        bell = tf.exp(-0.5 * tf.square((places[:, :, None] - offsets) / deviation))
        return bell / (tf.reduce_sum(bell, axis=2, keepdims=True) + 1e-6)

    kernels = tf.matmul(
        weights(points[..., 1]), weights(points[..., 0]), transpose_a=True
    )
    return kernels / (tf.reduce_sum(kernels, axis=[1, 2], keepdims=True) + 1e-6)


def _convolved(x: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """Each picture by its own kernel, borders reflected."""
    size = [SIDE + 2 * REACH, SIDE + 2 * REACH]
    x = tf.pad(x, [[0, 0], [REACH, REACH], [REACH, REACH], [0, 0]], "REFLECT")
    spectrum = tf.signal.rfft2d(tf.transpose(x, [0, 3, 1, 2]), size)
    spectrum *= tf.signal.rfft2d(kernels, size)[:, None]
    x = tf.signal.irfft2d(spectrum, size)[:, :, 2 * REACH :, 2 * REACH :]
    return tf.transpose(x, [0, 2, 3, 1])


def _lit(x: tf.Tensor, clean: tf.Tensor, draw: Draws) -> tf.Tensor:
    """Light on the scene, values 0 to 1 and beyond."""
    n = x.shape[0]
    across = tf.linspace(0.0, 1.0, SIDE)[None, None, :, None]
    down = tf.linspace(0.0, 1.0, SIDE)[None, :, None, None]
    spread = tf.where(clean, 0.5, 1.0)
    slope_x, slope_y = draw.normal() * 0.3 * spread, draw.normal() * 0.3 * spread
    x *= 1.0 + _c(slope_x) * (across - 0.5) + _c(slope_y) * (down - 0.5)
    angle, px, py = draw(0.0, 2 * math.pi), draw(0.1, 0.9), draw(0.1, 0.9)
    side = _c(tf.cos(angle)) * (across - _c(px)) + _c(tf.sin(angle)) * (down - _c(py))
    depth = tf.where(draw.chance(0.3), draw(0.2, 0.75), 0.0)  # the edge of a shadow
    x *= 1.0 - _c(depth) * tf.sigmoid(side / _c(draw(0.004, 0.2)))
    mean = tf.reduce_mean(x, axis=[1, 2, 3])
    contrast = tf.where(draw.chance(0.7), draw(0.85, 1.25), draw(0.35, 1.0))
    contrast = tf.where(clean, draw(0.75, 1.2), contrast)
    place = tf.clip_by_value(
        mean + 0.4 * draw(-1.0, 1.0) * (1.2 - contrast), 0.08, 0.85
    )
    cast = tf.stack([draw.normal(), draw.normal(), draw.normal()], -1)
    cast *= tf.where(draw.chance(0.2), 0.22, 0.05)[:, None]
    cast = tf.exp(cast - tf.reduce_mean(cast, axis=1, keepdims=True))
    luma = tf.tensordot(x, tf.constant([0.299, 0.587, 0.114]), 1)[..., None]
    amount = tf.where(draw.chance(0.15), 1.0, draw(0.0, 0.4))
    x += _c(amount) * (luma - x)
    x = ((x - _c(mean)) * _c(contrast) + _c(place)) * cast[:, None, None, :]
    # Too long or too short an exposure.
    over = tf.where(draw.chance(0.1) & ~clean, draw(1.1, 1.8), 1.0)
    dark = tf.where(draw.chance(0.1) & ~clean, draw(0.3, 0.8), 1.0)
    x *= _c(over * dark)
    for share in (
        0.12,
        0.06,
    ):  # lamps and reflections, brighter than what can be stored
        lamp = tf.where(draw.chance(share) & ~clean, draw(0.3, 2.5), 0.0)
        size = 0.01 + 0.2 * tf.pow(draw(), 3.0)
        cx, cy = draw(-0.1, 1.1), draw(-0.1, 1.1)
        far = tf.square((across - _c(cx)) / _c(size)) + tf.square(
            (down - _c(cy)) / _c(size)
        )
        color = tf.stack([tf.ones([n]), draw(0.8, 1.0), draw(0.6, 1.0)], -1)
        x += _c(lamp) * tf.exp(-far) * color[:, None, None, :]
    return x


def _window(table: tf.Tensor, draw: Draws) -> tuple[tf.Tensor, ...]:
    """Where the view lies in the scene: left, top and pixels of the scene in one.

    Each (N,), in pixels. Half of the views have a plate near their middle.
    """
    zoom = tf.exp(draw(math.log(0.55), math.log(SCENE / SIDE)))
    zoom = tf.where(draw.chance(0.25), SCENE / SIDE, zoom)
    stretch = tf.exp(draw(-0.09, 0.09))
    step_x = tf.minimum(zoom * stretch, SCENE / SIDE)
    step_y = tf.minimum(zoom / stretch, SCENE / SIDE)
    # A plate by chance among those that count.
    there = tf.cast(table[:, :, 8] == 1.0, tf.float32)
    keys = there + 0.999 * tf.math.floormod(
        draw()[:, None] * 97.0 + tf.range(there.shape[1], dtype=tf.float32) * 0.61803,
        1.0,
    )
    chosen = tf.one_hot(tf.argmax(keys, axis=1), there.shape[1])
    corners = tf.reshape(table[:, :, :8], [table.shape[0], -1, 4, 2])
    middle = tf.reduce_sum(tf.reduce_mean(corners, axis=2) * chosen[:, :, None], axis=1)
    near = draw.chance(0.6) & (tf.reduce_sum(there, axis=1) > 0.0)

    def start(
        middle: tf.Tensor, step: tf.Tensor, at: tf.Tensor, free: tf.Tensor
    ) -> tf.Tensor:
        room = SCENE - SIDE * step
        around = tf.clip_by_value(middle - at * SIDE * step, 0.0, room)
        return tf.where(near, around, free * room)

    left = start(middle[:, 0], step_x, draw(0.15, 0.85), draw())
    top = start(middle[:, 1], step_y, draw(0.15, 0.85), draw())
    return left, top, step_x, step_y


def _seen(table: tf.Tensor, window: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """The facts of the plates (N, MOST, FIELDS) in the view's pixels."""
    left, top, step_x, step_y = window
    n = table.shape[0]
    origin = tf.stack([left, top], -1)[:, None, None]
    corners = tf.reshape(table[:, :, :8], [n, -1, 4, 2])
    corners = (corners - origin) / tf.stack([step_x, step_y], -1)[:, None, None]
    wide, high = sides(corners)
    low, far = tf.reduce_min(corners, axis=2), tf.reduce_max(corners, axis=2)
    shown = tf.minimum(far, float(SIDE)) - tf.maximum(low, 0.0)
    shown = tf.maximum(shown, 0.0) / tf.maximum(far - low, 1e-3)
    shown = shown[..., 0] * shown[..., 1]
    fits = (wide >= NARROW) & (wide <= WIDE) & (high >= LOW) & (shown > 0.85)
    state = table[:, :, 8]
    state = tf.where((state == 1.0) & ~fits, 2.0, state)
    state = tf.where(shown > 0.0, state, 0.0)
    flat = tf.reshape(corners, [n, -1, 8])
    return tf.concat([flat, state[..., None], table[:, :, 9:]], axis=-1)


def sides(corners: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The longer of the upper and the lower side, and the mean of the other two."""
    upper = tf.norm(corners[..., 1, :] - corners[..., 0, :], axis=-1)
    lower = tf.norm(corners[..., 2, :] - corners[..., 3, :], axis=-1)
    left = tf.norm(corners[..., 3, :] - corners[..., 0, :], axis=-1)
    right = tf.norm(corners[..., 2, :] - corners[..., 1, :], axis=-1)
    return tf.maximum(upper, lower), (left + right) / 2


def views(
    scenes: tf.Tensor,
    table: tf.Tensor,
    paths: tf.Tensor,
    uniforms: tf.Tensor,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """One photo of each scene, and the plates in it.

    scenes: uint8 (N, SCENE, SCENE, 3); table: (N, MOST, FIELDS) as `scenes` has it;
    paths: (P, POINTS, 2), camera paths of length 1, centred; uniforms: (96, N) in
    [0, 1), all that is random but the noise; seed: two integers, for the noise.
    Returns float32 (N, SIDE, SIDE, 3) in [-1, 1] and the table in the view's pixels.
    """
    n = scenes.shape[0]
    draw = Draws(uniforms)
    clean = draw.chance(0.3)
    window = _window(table, draw)
    left, top, step_x, step_y = window
    table = _seen(table, window)
    k = tf.range(SIDE, dtype=tf.float32)[None] + 0.5
    rows = _hat(top[:, None] + k * step_y[:, None], SCENE, step_y)
    columns = _hat(left[:, None] + k * step_x[:, None], SCENE, step_x)
    x = _resampled(tf.cast(scenes, tf.float32) / 255.0, rows, columns)
    x = _lit(x, clean, draw)

    # Motion and softness, as parts of a plate's width; in light for some.
    corners = tf.reshape(table[:, :, :8], [n, -1, 4, 2])
    counted = tf.cast(table[:, :, 8] == 1.0, tf.float32)
    wide = tf.reduce_sum(sides(corners)[0] * counted, axis=1)
    count = tf.reduce_sum(counted, axis=1)
    usual = tf.where(count > 0.0, wide / tf.maximum(count, 1.0), draw(20.0, 200.0))
    gamma = tf.where(draw.chance(0.4), 2.2, 1.0)
    x = tf.pow(tf.clip_by_value(x, 1e-4, 3.0), _c(gamma))
    which = draw()
    points = tf.gather(paths, tf.cast(draw() * paths.shape[0], tf.int32))
    w = which[:, None, None]
    line, disc = (tf.constant(p[None], tf.float32) for p in (LINE, sunflower()))
    points = tf.where(w < 0.42, points, tf.where(w < 0.65, line, disc))
    length = tf.where(which < 0.65, draw(0.01, 0.27), draw(0.0, 0.08))
    length = tf.where((which > 0.75) | clean, 0.0, length)
    length = tf.minimum(length * usual, 1.9 * REACH)
    angle = draw(0.0, 2 * math.pi)
    angle = tf.where(draw.chance(0.35), draw.normal() * 0.2, angle)
    cos, sin = tf.cos(angle)[:, None], tf.sin(angle)[:, None]
    px, py = points[..., 0], points[..., 1]
    points = (
        tf.stack([cos * px - sin * py, sin * px + cos * py], -1) * length[:, None, None]
    )
    soft = tf.where(clean, 0.3, 0.03 * usual) * tf.pow(draw(), 2.0)
    x = _convolved(x, _kernels(points, tf.minimum(soft, 6.0)))
    x = tf.pow(tf.clip_by_value(x, 1e-4, 1.0), _c(1.0 / gamma))

    # The sensor has fewer pixels in some; what is left of the canvas repeats the edge.
    fewer = tf.where(draw.chance(0.4) & ~clean, draw(1.0, 2.4), 1.0)
    fewer = tf.clip_by_value(fewer, 1.0, tf.maximum(usual / 16.0, 1.0))
    small = tf.round(SIDE / fewer)
    step = SIDE / small
    at = tf.minimum(k, small[:, None] - 0.5) * step[:, None]
    down = _hat(at, SIDE, step * tf.where(draw.chance(0.3), 0.5, 1.0))
    x = _resampled(x, down, down) * 255.0
    noise = tf.where(clean, 2.0, 8.0) * tf.pow(draw(), 2.0)
    shape = [n, SIDE, SIDE]
    grain = tf.random.stateless_normal([*shape, 1], tf.add(seed, [1, 0]), alg="philox")
    colour = tf.random.stateless_normal([*shape, 3], tf.add(seed, [2, 0]), alg="philox")
    x += _c(noise) * (grain + _c(draw(0.0, 0.7)) * colour)
    amount = tf.where(draw.chance(0.5), draw(0.2, 1.8), 0.0) * tf.where(clean, 0.4, 1.0)
    x = tf.round(tf.clip_by_value(x + _c(amount) * (x - _softened(x)), 0.0, 255.0))
    quality = tf.where(clean, draw(75.0, 97.0), draw(20.0, 95.0))
    x = tf.where(_c(draw.chance(0.75)), jpeg(x, quality), x)
    at = tf.clip_by_value(k / step[:, None], 0.5, small[:, None] - 0.5)
    up = _hat(at, SIDE, tf.ones_like(step))
    x = _resampled(x, up, up)
    return tf.clip_by_value(x / 127.5 - 1.0, -1.0, 1.0), table
