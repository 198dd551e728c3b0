"""Fourier transforms of pictures and kernels as products with matrices.

Written with `keras.ops` alone. The matrices hold cosines and sines: for the sizes that
occur (tiles of some hundred pixels) that costs less than the convolutions around them,
a picture's borders can be folded into the matrices, and every backend and export format
has a matrix product, while few have a complex transform.

A picture (N, H, W, C) is thought to go on beyond its borders, reflected (101), by
`reach` pixels on each side; on that larger frame, of period H + 2 reach, convolutions
wrap around. Only what was seen has to fit: the residual is 0 outside (Reeves 2005,
"Fast image restoration without boundary artifacts"). Kernels are (N, K, K, 1) with K =
2 reach + 1, their origin in the middle.

A network takes these steps many times, and a single small picture costs what its
operations cost to start: the matrices are laid out so that a transform takes few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import keras
from keras import ops

from deblurgan_tf.models.kernel_layers import side_of


class Spectrum(NamedTuple):
    """Half of a real picture's transform: (N, C, (W + 2 reach) // 2 + 1, H + 2 reach).

    Frequencies along the width come first: one transposition fewer for each transform.
    """

    real: keras.KerasTensor
    imaginary: keras.KerasTensor


@dataclass(frozen=True)
class Waves:
    """The matrices of the transforms of pictures of one size: `DftMatrices` makes them.

    With rows = H + 2 reach and half = (W + 2 reach) // 2 + 1 frequencies. Across, the
    cosine and the sine of a frequency are neighbours. Down, the upper half takes the
    cosines of the transform across and the lower one its sines; the left half gives the
    real part and the right one the imaginary part. The inverse is the transpose.
    """

    down_seen: keras.KerasTensor  # (2 H, 2 rows)
    across_seen: keras.KerasTensor  # (W, 2 half)
    down_reflected: keras.KerasTensor  # the same, mirrored margins added
    across_reflected: keras.KerasTensor
    down_kernel: keras.KerasTensor  # (2 (2 reach + 1), 2 rows)
    across_kernel: keras.KerasTensor  # (2 reach + 1, 2 half)
    share: keras.KerasTensor  # (2 half, 1): what a frequency counts in the inverse
    gradient_power: (
        keras.KerasTensor
    )  # (half, rows): power of differences at each frequency
    window: keras.KerasTensor  # (H, W): 0 at the borders, 1 from half the reach on

    def __iter__(self):
        return iter(vars(self)[name] for name in self.__dataclass_fields__)

    def of_seen(self, pictures) -> Spectrum:
        """The spectrum of (N, C, H, W) with zeros around it."""
        return self._forward(pictures, self.down_seen, self.across_seen, self._size)

    def of_reflected(self, pictures) -> Spectrum:
        """The spectrum of (N, C, H, W) that goes on reflected."""
        matrices = self.down_reflected, self.across_reflected
        return self._forward(pictures, *matrices, self._size)

    def of_kernels(self, kernels) -> Spectrum:
        """The transfer functions of kernels (N, 1, K, K)."""
        matrices = self.down_kernel, self.across_kernel
        return self._forward(kernels, *matrices, kernels.shape[2:])

    def seen(self, spectrum: Spectrum):
        """The picture (N, C, H, W) of a spectrum, without its margins."""
        return self._backward(spectrum, self.down_seen, self.across_seen, self._size)

    def kernels(self, spectrum: Spectrum):
        """What a spectrum holds around its origin: (N, 1, K, K)."""
        side = self.across_kernel.shape[0]
        matrices = self.down_kernel, self.across_kernel
        return self._backward(spectrum, *matrices, (side, side))

    # Sizes that are not known while a graph is built cost operations: once is enough.
    @cached_property
    def _size(self):
        return ops.shape(self.window)

    @cached_property
    def _frequencies(self):
        return ops.shape(self.gradient_power)

    def _forward(self, pictures, down, across, size) -> Spectrum:
        """pictures: (N, C, h, w); down: (2 h, 2 rows); across: (w, 2 half)."""
        (height, width), (half, rows) = size, self._frequencies
        # One product of two matrices is faster than many small ones.
        values = ops.matmul(ops.reshape(pictures, (-1, width)), across)
        values = _swapped(ops.reshape(values, (-1, height, 2 * half)))
        values = ops.matmul(ops.reshape(values, (-1, 2 * height)), down)
        shape = (-1, pictures.shape[1], half, 2, rows)
        return Spectrum(*ops.unstack(ops.reshape(values, shape), 2, 3))

    def _backward(self, spectrum: Spectrum, down, across, size):
        """The places that the matrices name: (N, C, h, w)."""
        (height, width), (half, rows) = size, self._frequencies
        values = ops.reshape(ops.stack(spectrum, 3), (-1, 2 * rows))
        values = ops.matmul(values, ops.transpose(down, (1, 0)))
        values = _swapped(ops.reshape(values, (-1, 2 * half, height)))
        across = ops.transpose(across, (1, 0)) * self.share
        values = ops.matmul(ops.reshape(values, (-1, 2 * half)), across)
        return ops.reshape(values, (-1, spectrum.real.shape[1], height, width))


@keras.saving.register_keras_serializable("deblurgan_tf")
class DftMatrices(keras.layers.Layer):
    """pictures (N, H, W, C) -> the fields of `Waves` for this size."""

    def __init__(self, reach: int, **kwargs):
        super().__init__(**kwargs)
        self.reach = reach

    def call(self, pictures):
        height, width = ops.shape(pictures)[1:3]
        rows, columns = height + 2 * self.reach, width + 2 * self.reach
        half = columns // 2 + 1
        kernel = ops.arange(-self.reach, self.reach + 1, dtype="int32")
        fields = []
        for size, period, count, laid_out in (
            (height, rows, rows, _down),
            (width, columns, half, _across),
        ):
            around = ops.arange(-self.reach, size + self.reach, dtype="int32")
            frequencies = ops.arange(count, dtype="int32")
            waves = _waves(around, frequencies, period)
            fields.append(
                [
                    laid_out(waves[self.reach : self.reach + size]),
                    laid_out(ops.matmul(_folding(around, size), waves)),
                    laid_out(_waves(kernel, frequencies, period)),
                ]
            )
        # The half that is not stored repeats all but the first and, if the width is
        # even, the last. Cosine and sine of a frequency count alike.
        twice = ops.arange(2 * half, dtype="int32") // 2 * 2
        once = ops.logical_or(ops.equal(twice, 0), ops.equal(twice, columns))
        share = ops.where(once, 1.0, 2.0) / ops.cast(rows * columns, "float32")
        rough = ops.expand_dims(_gradient_power(half, columns), 1) + _gradient_power(
            rows, rows
        )
        window = ops.expand_dims(self._ramp(height), 1) * self._ramp(width)
        pairs = zip(*fields, strict=True)
        return [*chain.from_iterable(pairs), ops.expand_dims(share, 1), rough, window]

    def _ramp(self, size):
        places = ops.arange(size, dtype="int32")
        far = ops.minimum(places, size - 1 - places)
        return ops.minimum((ops.cast(far, "float32") + 0.5) / (self.reach / 2), 1.0)

    def compute_output_shape(self, input_shape):
        _, height, width, _ = input_shape
        rows = None if height is None else height + 2 * self.reach
        half = None if width is None else (width + 2 * self.reach) // 2 + 1
        side = side_of(self.reach)
        tall, twice_rows, twice_half = (
            None if size is None else 2 * size for size in (height, rows, half)
        )
        pairs = [(tall, twice_rows), (width, twice_half)] * 2
        return [
            *pairs,
            (2 * side, twice_rows),
            (side, twice_half),
            (twice_half, 1),
            (half, rows),
            (height, width),
        ]

    def get_config(self):
        return super().get_config() | {"reach": self.reach}


def _waves(places, frequencies, period):
    """Cosines beside sines: (places, 2 frequencies)."""
    # In whole numbers: the product of two large ones has no digits left behind the
    # point in float32.
    turns = ops.mod(ops.expand_dims(places, 1) * frequencies, period)
    angle = ops.cast(turns, "float32") * (2.0 * math.pi / ops.cast(period, "float32"))
    return ops.concatenate([ops.cos(angle), ops.sin(angle)], 1)


def _folding(around, size):
    """Which places around show a pixel: 0 and 1, (size, size + 2 reach)."""
    turn = ops.maximum(2 * (size - 1), 1)
    folded = ops.mod(ops.abs(around), turn)
    folded = ops.minimum(folded, turn - folded)
    inside = ops.expand_dims(ops.arange(size, dtype="int32"), 1)
    return ops.cast(ops.equal(inside, folded), "float32")


def _down(waves):
    """(places, 2 rows) as `Waves` has it for the height: (2 places, 2 rows)."""
    cosine, sine = ops.split(waves, 2, 1)
    real = ops.concatenate([cosine, -sine], 0)
    return ops.concatenate([real, ops.concatenate([-sine, -cosine], 0)], 1)


def _across(waves):
    """(places, 2 half) as `Waves` has it for the width: cosine, sine, cosine ..."""
    pairs = ops.stack(ops.split(waves, 2, 1), 2)
    return ops.reshape(pairs, ops.shape(waves))


def _gradient_power(count, period):
    """The power of differences between neighbours at the first frequencies."""
    step = 2.0 * math.pi / ops.cast(period, "float32")
    return 2.0 - 2.0 * ops.cos(ops.arange(count, dtype="float32") * step)


def _swapped(values):
    return ops.transpose(values, (0, 2, 1))


def product(one: Spectrum, other: Spectrum) -> Spectrum:
    """The spectrum of the convolution of the two."""
    return Spectrum(
        one.real * other.real - one.imaginary * other.imaginary,
        one.real * other.imaginary + one.imaginary * other.real,
    )


def correlation(one: Spectrum, other: Spectrum) -> Spectrum:
    """The product of the conjugate of `one` with `other`."""
    return Spectrum(
        one.real * other.real + one.imaginary * other.imaginary,
        one.real * other.imaginary - one.imaginary * other.real,
    )


def power(spectrum: Spectrum):
    return ops.square(spectrum.real) + ops.square(spectrum.imaginary)
