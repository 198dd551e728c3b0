"""Blur kernels: random camera trajectories (Boracchi and Foi 2012), lines and discs.

A kernel is float32 (canvas, canvas): odd side, non-negative, sum 1, its centroid on
the middle pixel. Banks of thousands are made in one call, batched, by stateless
TensorFlow operations, so that a seed gives the same bank on every run of a machine.

The trajectory's constants are those of the original MATLAB code and of DeblurGAN's
`generate_trajectory.py`. Two things differ from DeblurGAN on purpose. Here a kernel is
centred on its centroid for every exposure; theirs is not, which shifts blurred against
sharp by up to 25 pixels. And here it sums to one; theirs is scaled so that its smallest
value becomes 0 and its largest 1.
"""

from __future__ import annotations

import math

import tensorflow as tf

ITERATIONS = 2000  # samples of a trajectory
CHUNK = 256  # kernels that are drawn at a time: limits the memory


def kernel_bank(
    kind: str,
    count: int,
    canvas: int,
    length: float,
    intensities: tuple[float, ...],
    exposures: tuple[float, ...],
    seed: int,
) -> tf.Tensor:
    """A bank of random kernels, float32 (count, canvas, canvas).

    kind: "trajectory": each kernel has one of `intensities` and one of `exposures`, at
    random; the whole path is `length` pixels long. "linear": a straight line of 1 to
    `length` pixels in a random direction. "defocus": a disc of 1 to `length` pixels in
    diameter. "mixed": 70 % trajectories, 20 % lines and 10 % discs of at most a quarter
    of `length`, since defocus is usually smaller than camera shake.
    Raises ValueError for another kind, and where `length` does not fit into `canvas`.
    """
    check_fits(length, canvas)
    if kind == "mixed":
        lines, disks = round(0.2 * count), round(0.1 * count)
        parts = {"trajectory": count - lines - disks, "linear": lines, "defocus": disks}
        return tf.concat(
            [
                kernel_bank(
                    part,
                    number,
                    canvas,
                    max(length / 4, 1.0) if part == "defocus" else length,
                    intensities,
                    exposures,
                    seed,
                )
                for part, number in parts.items()
                if number
            ],
            axis=0,
        )
    seeds = tf.random.split([seed, -1], 4)
    if kind == "defocus":
        diameters = tf.random.stateless_uniform([count], seeds[0], 1.0, length)
        return discs(diameters, canvas)
    if kind == "linear":
        lengths = tf.random.stateless_uniform([count], seeds[0], 1.0, length)
        angles = tf.random.stateless_uniform([count], seeds[1], 0.0, math.pi)
        # A line has no intensity and is exposed as a whole: no trajectory is drawn.
        along = (tf.range(ITERATIONS, dtype=tf.float32) / (ITERATIONS - 1)) - 0.5
        direction = tf.stack([tf.cos(angles), tf.sin(angles)], axis=-1)
        paths = (lengths[:, None] * along)[..., None] * direction[:, None, :]
        fractions = tf.ones([count])
    elif kind == "trajectory":
        anxiety = _choose(intensities, count, seeds[0])
        fractions = _choose(exposures, count, seeds[1])
        paths = trajectories(anxiety, length, seeds[2])
    else:
        raise ValueError(
            f"kind must be trajectory, linear, defocus or mixed; got {kind!r}"
        )
    return tf.concat(
        [
            splat(
                paths[start : start + CHUNK], fractions[start : start + CHUNK], canvas
            )
            for start in range(0, count, CHUNK)
        ],
        axis=0,
    )


def check_fits(length: float, canvas: int) -> None:
    """Raises ValueError unless every path of this length fits into the canvas.

    The distance of a point from the centroid is at most its mean distance along the
    path from all other points, and that is at most length / 2. The bilinear splat needs
    one pixel more.
    """
    if canvas % 2 == 0 or length > canvas - 3:
        raise ValueError(
            f"canvas must be odd and at least length + 3; got canvas {canvas}, "
            f"length {length:g}"
        )


def trajectories(intensity: tf.Tensor, length: float, seed: tf.Tensor) -> tf.Tensor:
    """Random camera paths, float32 (count, ITERATIONS, 2) in pixels, as (x, y).

    intensity: float32 (count,), the anxiety of the photographer: 0 is a straight line.
    Each path starts at (0, 0) and is `length` pixels long. Source: Boracchi and Foi,
    "Modeling the performance of image restoration from motion blur" (2012);
    `createTrajectory.m`.
    """
    count = tf.shape(intensity)[0]
    seeds = tf.random.split(seed, 6)
    uniform = tf.random.stateless_uniform
    return _walk(
        step=tf.constant(length / (ITERATIONS - 1), tf.float32),
        intensity=intensity,
        centripetal=0.7 * uniform([count], seeds[0]),
        big_shake=0.2 * uniform([count], seeds[1]) * intensity,
        gaussian=10.0 * uniform([count], seeds[2]),
        angle=2.0 * math.pi * uniform([count], seeds[3]),
        chance=uniform([ITERATIONS, count], seeds[4]),
        normal=tf.random.stateless_normal([ITERATIONS, 2, count], seeds[5]),
    )


@tf.function(jit_compile=True)
def _walk(
    step: tf.Tensor,
    intensity: tf.Tensor,
    centripetal: tf.Tensor,
    big_shake: tf.Tensor,
    gaussian: tf.Tensor,
    angle: tf.Tensor,
    chance: tf.Tensor,
    normal: tf.Tensor,
) -> tf.Tensor:
    """The paths that follow from random numbers; XLA compiles the whole loop."""
    # MATLAB and Python scale the first speed by the intensity, if there is any.
    speed = step * tf.where(intensity > 0, intensity, 1.0)
    x, y = tf.zeros_like(angle), tf.zeros_like(angle)
    vx, vy = speed * tf.cos(angle), speed * tf.sin(angle)
    path = tf.TensorArray(tf.float32, ITERATIONS, element_shape=[2, None])
    path = path.write(0, tf.stack([x, y]))
    for t in tf.range(1, ITERATIONS):
        # A big shake reverses the direction, within half a radian: by pi + U - 0.5.
        # Given that it happens, chance / big_shake is uniform and serves as U.
        rotation = math.pi + tf.math.divide_no_nan(chance[t], big_shake) - 0.5
        shake = tf.where(chance[t] < big_shake, 2.0, 0.0)
        cosine, sine = shake * tf.cos(rotation), shake * tf.sin(rotation)
        vx, vy = (
            vx
            + (cosine * vx - sine * vy)
            + intensity * (gaussian * normal[t, 0] - centripetal * x) * step,
            vy
            + (sine * vx + cosine * vy)
            + intensity * (gaussian * normal[t, 1] - centripetal * y) * step,
        )
        # The speed is constant; the intensity only changes the direction.
        scale = step * tf.math.rsqrt(vx**2 + vy**2)
        vx, vy = vx * scale, vy * scale
        x, y = x + vx, y + vy
        path = path.write(t, tf.stack([x, y]))
    return tf.transpose(path.stack(), [2, 0, 1])


@tf.function
def splat(paths: tf.Tensor, exposures: tf.Tensor, canvas: int) -> tf.Tensor:
    """Kernels of the first part of each path, float32 (count, canvas, canvas).

    paths: (count, samples, 2) as (x, y), pixels; exposures: (count,) in (0, 1], the
    part of the path during which the shutter is open. The centroid of that part is
    moved to the middle pixel. Each sample is distributed bilinearly over its four
    nearest pixels, which keeps the centroid exact.
    """
    samples = tf.cast(tf.shape(paths)[1], tf.float32)
    # 1 for a sample within the exposure, a fraction for the last one, then 0.
    weight = tf.clip_by_value(
        exposures[:, None] * samples - tf.range(samples), 0.0, 1.0
    )
    weight /= tf.reduce_sum(weight, axis=1, keepdims=True)
    centroid = tf.reduce_sum(paths * weight[..., None], axis=1, keepdims=True)
    # Samples after the exposure have no weight and may lie outside the canvas.
    place = tf.where(weight[..., None] > 0, paths - centroid, 0.0) + canvas // 2
    corner = tf.floor(place)
    right, below = tf.unstack(place - corner, axis=-1)
    column, row = tf.unstack(tf.cast(corner, tf.int32), axis=-1)
    count = tf.shape(paths)[0]
    pixel = (tf.range(count)[:, None] * canvas + row) * canvas + column

    def summed(weights: tf.Tensor, offset: int) -> tf.Tensor:
        return tf.math.unsorted_segment_sum(
            tf.reshape(weights, [-1]),
            tf.reshape(pixel + offset, [-1]),
            count * canvas * canvas,
        )

    kernels = tf.reshape(
        summed(weight * (1 - right) * (1 - below), 0)
        + summed(weight * right * (1 - below), 1)
        + summed(weight * (1 - right) * below, canvas)
        + summed(weight * right * below, canvas + 1),
        [count, canvas, canvas],
    )
    return kernels / tf.reduce_sum(kernels, axis=[1, 2], keepdims=True)


def discs(diameters: tf.Tensor, canvas: int) -> tf.Tensor:
    """Defocus kernels: discs of one value, float32 (count, canvas, canvas).

    diameters: (count,), pixels. A pixel on the edge has about the weight of its part
    inside the circle. A disc of one pixel is the identity.
    """
    axis = tf.range(canvas, dtype=tf.float32) - canvas // 2
    distance = tf.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2)
    edge = diameters[:, None, None] / 2.0
    kernels = tf.clip_by_value(edge + 0.5 - distance, 0.0, 1.0)
    return kernels / tf.reduce_sum(kernels, axis=[1, 2], keepdims=True)


def downsampled(kernels: tf.Tensor, factor: int, radius: int) -> tf.Tensor:
    """The kernels for pictures that are downsampled by `factor`.

    kernels: (N, K, K), K odd. Returns (N, 2 radius + 1, 2 radius + 1). Each entry is
    distributed bilinearly over its four neighbours on the coarser grid, so the sum and
    the centroid stay; entries beyond `radius` are lost.
    """
    half = kernels.shape[1] // 2
    places = tf.range(-half, half + 1, dtype=tf.float32) / factor
    offsets = tf.range(-radius, radius + 1, dtype=tf.float32)
    share = tf.maximum(1.0 - tf.abs(offsets[:, None] - places), 0.0)
    return tf.einsum("ji,nik,lk->njl", share, kernels, share)


def _choose(values: tuple[float, ...], count: int, seed: tf.Tensor) -> tf.Tensor:
    index = tf.random.stateless_uniform([count], seed, 0, len(values), tf.int32)
    return tf.gather(tf.constant(values, tf.float32), index)
