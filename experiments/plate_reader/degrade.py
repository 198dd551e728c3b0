"""Sharp plates as cameras see them: light, motion, few pixels, noise, halo, JPEG.

`views` is batched tensor operations with static shapes alone: it runs on a GPU and
compiles under XLA. All of it is a function of the plates and of what is passed in.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

HEIGHT, WIDTH = 96, 320  # of a picture in the pool
LOW_HEIGHT, LOW_WIDTH = 96, 256  # the most pixels that the camera has for a crop
REACH = 32  # of a kernel, pixels of the pool's pictures
OUT_HEIGHT, OUT_WIDTH = 48, 320  # what the reader sees
STRIP = 0.55
POINTS = 48
LINE = np.stack([np.linspace(-0.5, 0.5, POINTS), np.zeros(POINTS)], -1)


def sunflower() -> np.ndarray:
    """Points (POINTS, 2) spread evenly over a disc of diameter 1."""
    k = np.arange(POINTS) + 0.5
    radius, angle = 0.5 * np.sqrt(k / POINTS), k * math.pi * (1 + 5**0.5)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)


class Draws:
    """Uniform numbers per sample, taken one after another from one tensor."""

    def __init__(self, uniforms: tf.Tensor) -> None:
        self._all = uniforms
        self._next = 0

    def __call__(self, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        self._next += 1
        return low + (high - low) * self._all[self._next - 1]

    def chance(self, probability: float) -> tf.Tensor:
        return self() < probability

    def normal(self) -> tf.Tensor:
        return tf.math.ndtri(tf.clip_by_value(self(), 1e-3, 1 - 1e-3))


def _c(x: tf.Tensor) -> tf.Tensor:
    return x[:, None, None, None]


def _hat(centers: tf.Tensor, count: int, reach: tf.Tensor) -> tf.Tensor:
    """(N, rows, count): weights of `count` pixels at centres (N, rows), in pixels.

    A triangle `reach` (N,) to either side, at least one pixel: linear interpolation, or
    an average where it is wider.
    """
    pixels = tf.range(count, dtype=tf.float32) + 0.5
    distance = tf.abs(centers[:, :, None] - pixels)
    weight = tf.maximum(1.0 - distance / tf.maximum(reach, 1.0)[:, None, None], 0.0)
    return weight / (tf.reduce_sum(weight, axis=2, keepdims=True) + 1e-6)


def _resampled(x: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """X (N, H, W, 3) by matrices rows (N, h, H) and columns (N, w, W)."""
    n, height, width = x.shape[0], x.shape[1], x.shape[2]
    h, w = rows.shape[1], columns.shape[1]
    x = tf.matmul(rows, tf.reshape(x, [n, height, width * 3]))
    x = tf.transpose(tf.reshape(x, [n, h, width, 3]), [0, 2, 1, 3])
    x = tf.matmul(columns, tf.reshape(x, [n, width, h * 3]))
    return tf.transpose(tf.reshape(x, [n, w, h, 3]), [0, 2, 1, 3])


def _kernels(
    paths: tf.Tensor, across: tf.Tensor, along: tf.Tensor, soft: tf.Tensor
) -> tf.Tensor:
    """Kernels (N, K, K) of points (N, POINTS, 2) in plate's widths.

    across, along: pixels of a plate's width, horizontally and vertically (N,); soft:
    deviation of a Gaussian, in plate's widths (N,).
    """
    offsets = tf.range(-REACH, REACH + 1, dtype=tf.float32)

    def weights(places: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
        deviation = tf.sqrt(tf.square(soft * pixels) + 0.3)[:, None, None]
        distance = (places * pixels[:, None])[:, :, None] - offsets
        bell = tf.exp(-0.5 * tf.square(distance / deviation))
        return bell / (tf.reduce_sum(bell, axis=2, keepdims=True) + 1e-6)

    rows, columns = weights(paths[..., 1], along), weights(paths[..., 0], across)
    kernels = tf.matmul(rows, columns, transpose_a=True)
    return kernels / (tf.reduce_sum(kernels, axis=[1, 2], keepdims=True) + 1e-6)


def _convolved(x: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """Each picture by its own kernel, borders reflected."""
    size = [HEIGHT + 2 * REACH, WIDTH + 2 * REACH]  # 160 x 384
    x = tf.pad(x, [[0, 0], [REACH, REACH], [REACH, REACH], [0, 0]], "REFLECT")
    spectrum = tf.signal.rfft2d(tf.transpose(x, [0, 3, 1, 2]), size)
    spectrum *= tf.signal.rfft2d(kernels, size)[:, None]
    x = tf.signal.irfft2d(spectrum, size)[:, :, 2 * REACH :, 2 * REACH :]
    return tf.transpose(x, [0, 2, 3, 1])


_LUMINANCE = np.array(
    [[16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55],
     [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
     [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
     [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99]],
    np.float32,
)  # fmt: skip
_CHROMINANCE = np.full((8, 8), 99, np.float32)
_CHROMINANCE[:4, :4] = [
    [17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]
]  # fmt: skip
_K = np.arange(8)
_DCT = (
    np.sqrt((1 + (_K > 0)) / 8)[:, None]
    * np.cos(np.pi * (2 * _K + 1) * _K[:, None] / 16)
).astype(np.float32)
_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]],
    np.float32,
)
_RGB = np.linalg.inv(_YCC).astype(np.float32)


def _quantised(plane: tf.Tensor, table: np.ndarray, scale: tf.Tensor) -> tf.Tensor:
    """Plane (N, H, W) of levels around 0, through the transform of blocks of 8 x 8."""
    n, height, width = plane.shape
    blocks = tf.reshape(plane, [n, height // 8, 8, width // 8, 8])
    coefficients = tf.einsum("ui,nairj,vj->naruv", _DCT, blocks, _DCT)
    steps = tf.clip_by_value(tf.floor(table * scale[:, None, None] + 0.5), 1.0, 255.0)
    steps = steps[:, None, None]
    coefficients = tf.round(coefficients / steps) * steps
    blocks = tf.einsum("ui,naruv,vj->nairj", _DCT, coefficients, _DCT)
    return tf.reshape(blocks, [n, height, width])


def jpeg(x: tf.Tensor, quality: tf.Tensor) -> tf.Tensor:
    """X (N, H, W, 3) in levels 0-255 as after a JPEG of `quality` (N,), colours halved.

    H and W are multiples of 16.
    """
    scale = tf.where(quality < 50.0, 50.0 / quality, 2.0 - quality / 50.0)
    ycc = tf.tensordot(x, _YCC.T, 1) - [128.0, 0.0, 0.0]
    y = _quantised(ycc[..., 0], _LUMINANCE, scale)
    colors = tf.nn.avg_pool2d(ycc[..., 1:], 2, 2, "VALID")
    planes = [_quantised(colors[..., k], _CHROMINANCE, scale) for k in (0, 1)]
    colors = tf.stack(planes, axis=-1)
    colors = tf.repeat(tf.repeat(colors, 2, axis=1), 2, axis=2)
    ycc = tf.concat([y[..., None] + 128.0, colors], axis=-1)
    return tf.clip_by_value(tf.round(tf.tensordot(ycc, _RGB.T, 1)), 0.0, 255.0)


def _softened(x: tf.Tensor) -> tf.Tensor:
    """A Gaussian of about one pixel, by shifted sums; borders repeated."""
    taps = (0.06, 0.24, 0.4, 0.24, 0.06)
    p = tf.concat([x[:, :1], x[:, :1], x, x[:, -1:], x[:, -1:]], axis=1)
    h = x.shape[1]
    x = tf.add_n([t * p[:, k : k + h] for k, t in enumerate(taps)])
    p = tf.concat([x[:, :, :1], x[:, :, :1], x, x[:, :, -1:], x[:, :, -1:]], axis=2)
    w = x.shape[2]
    return tf.add_n([t * p[:, :, k : k + w] for k, t in enumerate(taps)])


def _lit(x: tf.Tensor, box: tf.Tensor, clean: tf.Tensor, draw: Draws) -> tf.Tensor:
    """Light on the sharp scene, values 0 to 1 and beyond."""
    n = x.shape[0]
    across = tf.linspace(0.0, 1.0, WIDTH)[None, None, :, None]
    down = tf.linspace(0.0, 1.0, HEIGHT)[None, :, None, None]
    spread = tf.where(clean, 0.5, 1.0)
    slope_x, slope_y = draw.normal() * 0.2 * spread, draw.normal() * 0.2 * spread
    light = 1.0 + _c(slope_x) * (across - 0.5) + _c(slope_y) * (down - 0.5)
    # The edge of a shadow.
    angle, px, py = draw(0.0, 2 * math.pi), draw(0.1, 0.9), draw(0.1, 0.9)
    side = _c(tf.cos(angle)) * (across - _c(px)) * 3.3 + _c(tf.sin(angle)) * (
        down - _c(py)
    )
    edge = tf.sigmoid(side / _c(draw(0.01, 0.3)))
    depth = tf.where(draw.chance(0.25), draw(0.15, 0.65) * spread, 0.0)
    light *= 1.0 - _c(depth) * edge
    x *= light
    # Contrast, brightness, cast.
    mean = tf.reduce_mean(x, axis=[1, 2, 3])
    contrast = tf.where(draw.chance(0.55), draw(0.8, 1.15), draw(0.22, 1.0))
    contrast = tf.where(clean, draw(0.75, 1.15), contrast)
    place = tf.clip_by_value(
        mean + 0.55 * draw(-1.0, 1.0) * (1.15 - contrast), 0.12, 0.92
    )
    cast = tf.stack([draw.normal(), draw.normal(), draw.normal()], -1)
    # Cameras that see infrared give pictures a strong cast.
    cast *= tf.where(draw.chance(0.3), 0.25, 0.07)[:, None]
    cast = tf.exp(cast - tf.reduce_mean(cast, axis=1, keepdims=True))
    gray = draw.chance(0.18)
    luma = tf.tensordot(x, tf.constant([0.299, 0.587, 0.114]), 1)[..., None]
    amount = tf.where(gray, 1.0, draw(0.0, 0.25))
    x += _c(amount) * (luma - x)
    x = ((x - _c(mean)) * _c(contrast) + _c(place)) * cast[:, None, None, :]
    # Too long an exposure: the paper clips, and eats into the signs once softened.
    x *= _c(tf.where(draw.chance(0.18) & ~clean, draw(1.1, 2.2), 1.0))
    # Lamps: brighter than what can be stored, so that they clip and spread.
    for share in (0.22, 0.1):
        lamp = tf.where(draw.chance(share), draw(0.3, 1.9), 0.0) * tf.where(
            clean, 0.25, 1.0
        )
        size = draw(0.02, 0.35)
        cx, cy = draw(-0.1, 1.1), draw(-0.3, 1.3)
        far = tf.square((across - _c(cx)) / _c(size)) + tf.square(
            (down - _c(cy)) / _c(size * 2.2)
        )
        color = tf.stack([tf.ones([n]), draw(0.8, 1.0), draw(0.6, 1.0)], -1)
        x += _c(lamp) * tf.exp(-far) * color[:, None, None, :]
    return x


def views(
    plates: tf.Tensor,
    boxes: tf.Tensor,
    aspects: tf.Tensor,
    strips: tf.Tensor,
    paths: tf.Tensor,
    uniforms: tf.Tensor,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Pictures for the reader, one of each plate.

    plates: uint8 (N, 96, 320, 3); boxes: (N, 4) of the plate, parts of the picture;
    aspects: (N,) of the plate; strips: bool (N,), whether its two lines are shown side
    by side; paths: (P, POINTS, 2), camera paths of length 1, centred; uniforms: (96, N)
    in [0, 1), all that is random but the noise; seed: two integers, for the noise.
    Returns float32 (N, 48, 320, 3) in [-1, 1].
    """
    n = plates.shape[0]
    draw = Draws(uniforms)
    x = tf.cast(plates, tf.float32) / 255.0
    clean = draw.chance(0.14)
    left, top, right, bottom = tf.unstack(
        boxes * [WIDTH, HEIGHT, WIDTH, HEIGHT], axis=1
    )
    plate_w, plate_h = right - left, bottom - top
    x = _lit(x, boxes, clean, draw)

    # Motion and softness, in light for some.
    gamma = tf.where(draw.chance(0.4), 2.2, 1.0)
    x = tf.pow(tf.clip_by_value(x, 1e-4, 3.0), _c(gamma))
    which = draw()
    index = tf.cast(draw() * paths.shape[0], tf.int32)
    points = tf.gather(paths, index)
    line = tf.constant(LINE, tf.float32)[None]
    disc = tf.constant(sunflower(), tf.float32)[None]
    w = which[:, None, None]
    points = tf.where(w < 0.52, points, tf.where(w < 0.72, line, disc))
    length = tf.where(which < 0.52, draw(0.02, 0.19), draw(0.01, 0.12))
    length = tf.where(which < 0.72, length, draw(0.0, 0.035))
    length = tf.where((which > 0.8) | clean, 0.0, length)
    angle = draw(0.0, 2 * math.pi)
    # Vehicles and cameras move along the plate more often than across it.
    angle = tf.where(draw.chance(0.35), draw.normal() * 0.2, angle)
    cos, sin = tf.cos(angle)[:, None], tf.sin(angle)[:, None]
    px, py = points[..., 0], points[..., 1]
    points = (
        tf.stack([cos * px - sin * py, sin * px + cos * py], -1) * length[:, None, None]
    )
    soft = tf.where(clean, 0.003, 0.018) * tf.pow(draw(), 1.6)
    x = _convolved(x, _kernels(points, plate_w, plate_h * aspects, soft))
    x = tf.pow(tf.clip_by_value(x, 1e-4, 1.0), _c(1.0 / gamma))

    # The crop, and the camera's pixels.
    tight = draw.chance(0.45)
    base_x, base_y = draw(0.0, 0.2), draw(0.0, 0.36)

    def margin(base: tf.Tensor) -> tf.Tensor:
        return tf.where(tight, draw(-0.02, 0.045), base + draw(-0.04, 0.04))

    x0 = tf.maximum(left - margin(base_x) * plate_w, 0.0)
    x1 = tf.minimum(right + margin(base_x) * plate_w, float(WIDTH))
    y0 = tf.maximum(top - margin(base_y) * plate_h, 0.0)
    y1 = tf.minimum(bottom + margin(base_y) * plate_h, float(HEIGHT))
    wide = tf.where(
        clean, draw(100.0, 250.0), tf.exp(draw(math.log(34.0), math.log(220.0)))
    )
    low_w = tf.clip_by_value(
        tf.round(wide * (x1 - x0) / plate_w), 24.0, float(LOW_WIDTH)
    )
    tall = wide / aspects * (y1 - y0) / plate_h
    low_h = tf.clip_by_value(tf.round(tall), 8.0, float(LOW_HEIGHT))
    step_x, step_y = (x1 - x0) / low_w, (y1 - y0) / low_h
    sharpest = tf.where(draw.chance(0.3), 0.5, 1.0)

    def places(
        start: tf.Tensor, step: tf.Tensor, used: tf.Tensor, count: int
    ) -> tf.Tensor:
        k = tf.minimum(tf.range(count, dtype=tf.float32)[None], used[:, None] - 1.0)
        return start[:, None] + (k + 0.5) * step[:, None]

    rows = _hat(places(y0, step_y, low_h, LOW_HEIGHT), HEIGHT, step_y * sharpest)
    columns = _hat(places(x0, step_x, low_w, LOW_WIDTH), WIDTH, step_x * sharpest)
    x = _resampled(x, rows, columns) * 255.0

    # The camera: noise, sharpening, compression once or twice.
    shape = [n, LOW_HEIGHT, LOW_WIDTH]
    noise = tf.where(clean, 2.0, 7.0) * tf.pow(draw(), 1.5)
    grain = tf.random.stateless_normal([*shape, 1], tf.add(seed, [1, 0]), alg="philox")
    color_grain = tf.random.stateless_normal(
        [*shape, 3], tf.add(seed, [2, 0]), alg="philox"
    )
    x += _c(noise) * (grain + _c(draw(0.0, 0.7)) * color_grain)
    amount = tf.where(draw.chance(0.5), draw(0.2, 2.0), 0.0)
    amount *= tf.where(clean, 0.4, 1.0)
    x = tf.clip_by_value(x + _c(amount) * (x - _softened(x)), 0.0, 255.0)
    x = tf.round(x)
    video = draw.chance(0.3) & ~clean
    coarse = jpeg(tf.roll(x, [3, 5], [1, 2]), draw(18.0, 75.0))
    x = tf.where(_c(video), tf.roll(coarse, [-3, -5], [1, 2]), x)
    packed = draw.chance(0.7)
    quality = tf.where(clean, draw(75.0, 97.0), draw(25.0, 95.0))
    x = tf.where(_c(packed), jpeg(x, quality), x)

    # What the reader sees: one picture, or two strips side by side.
    cut = STRIP * low_h
    first = (tf.zeros_like(low_h), tf.where(strips, cut, low_h))
    second = (tf.where(strips, low_h - cut, 0.0), low_h)
    half = OUT_WIDTH // 2
    out = []
    for number, (start, stop) in enumerate((first, second)):
        step = (stop - start) / OUT_HEIGHT
        k = tf.range(OUT_HEIGHT, dtype=tf.float32)[None] + 0.5
        y = tf.clip_by_value(
            start[:, None] + k * step[:, None],
            start[:, None] + 0.5,
            stop[:, None] - 0.5,
        )
        rows = _hat(y, LOW_HEIGHT, step)
        k = tf.range(half, dtype=tf.float32)[None] + 0.5
        step = low_w / tf.where(strips, float(half), float(OUT_WIDTH))
        offset = tf.where(strips, 0.0, float(number * half))[:, None]
        at = tf.clip_by_value((k + offset) * step[:, None], 0.5, low_w[:, None] - 0.5)
        out.append(_resampled(x, rows, _hat(at, LOW_WIDTH, step)))
    x = tf.concat(out, axis=2)
    return tf.clip_by_value(x / 127.5 - 1.0, -1.0, 1.0)
