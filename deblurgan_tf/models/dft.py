"""Discrete Fourier transforms of pictures and kernels as products with matrices.

Written with `keras.ops` alone. The matrices hold cosines and sines. For pictures of
some hundred pixels such a product costs less than the convolutions around it, a
picture's borders can be folded into the matrices, and every backend and export format
has a matrix product, while few have a complex transform.

A picture (N, H, W, C) is thought to go on beyond its borders by `radius` pixels on each
side, reflected (101); on this larger frame, of H + 2 radius rows, convolutions wrap
around. Only the picture itself has to be explained: outside it the residual is 0
(Reeves 2005, "Fast image restoration without boundary artifacts"). Kernels are
(N, K, K, 1) with K = 2 radius + 1, their origin in the middle.

A network takes these transforms many times, and for a single small picture most of the
time goes into starting operations: the matrices are laid out so that a transform takes
few of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import keras
from keras import ops

from deblurgan_tf.models.kernel_layers import side_of


class Spectrum(NamedTuple):
    """Half of the transform of a real picture, float32 (N, C, half, rows) each.

    half = (W + 2 radius) // 2 + 1 frequencies along the width, rows = H + 2 radius
    along the height. The width comes first: that saves a transposition in each
    transform.
    """

    real: Any
    imaginary: Any


@dataclass(frozen=True)
class Dft:
    """The transforms of pictures of one size; `DftMatrices` makes the fields.

    rows and half are those of `Spectrum`. The name of a matrix says along which axis it
    transforms, and what. The matrices for the width hold the cosine and the sine of a
    frequency side by side. In those for the height the upper half is multiplied with
    the cosines of the width and the lower half with its sines; the left half gives the
    real part and the right half the imaginary part. The inverse is the transpose.
    """

    height_zero_padded: Any  # (2 H, 2 rows): of a picture with zeros around it
    width_zero_padded: Any  # (W, 2 half)
    height_reflected: Any  # (2 H, 2 rows): of a picture that goes on reflected
    width_reflected: Any  # (W, 2 half)
    height_kernel: Any  # (2 K, 2 rows)
    width_kernel: Any  # (K, 2 half)
    share: Any  # (2 half, 1): how much a frequency counts in the inverse
    gradient_power: Any  # (half, rows): power of the differences of neighbours
    window: Any  # (H, W): rises from 0 at the borders to 1 at half the radius

    def __iter__(self) -> Iterator[Any]:
        return iter(vars(self)[name] for name in self.__dataclass_fields__)

    def of_zero_padded(self, pictures: Any) -> Spectrum:
        """The spectrum of (N, C, H, W) with zeros around it."""
        matrices = self.height_zero_padded, self.width_zero_padded
        return self._forward(pictures, *matrices, self._size)

    def of_reflected(self, pictures: Any) -> Spectrum:
        """The spectrum of (N, C, H, W) that goes on reflected."""
        matrices = self.height_reflected, self.width_reflected
        return self._forward(pictures, *matrices, self._size)

    def of_kernels(self, kernels: Any) -> Spectrum:
        """The transfer functions of kernels (N, 1, K, K)."""
        matrices = self.height_kernel, self.width_kernel
        return self._forward(kernels, *matrices, kernels.shape[2:])

    def picture(self, spectrum: Spectrum) -> Any:
        """The inverse: the picture (N, C, H, W) of a spectrum, without its margins."""
        matrices = self.height_zero_padded, self.width_zero_padded
        return self._inverse(spectrum, *matrices, self._size)

    def kernels(self, spectrum: Spectrum) -> Any:
        """The inverse around the origin: (N, 1, K, K)."""
        side = self.width_kernel.shape[0]
        matrices = self.height_kernel, self.width_kernel
        return self._inverse(spectrum, *matrices, (side, side))

    # Sizes that are not known while a graph is built cost operations: once is enough.
    @cached_property
    def _size(self) -> Any:
        return ops.shape(self.window)

    @cached_property
    def _frequencies(self) -> Any:
        return ops.shape(self.gradient_power)

    def _forward(
        self, pictures: Any, of_height: Any, of_width: Any, size: Any
    ) -> Spectrum:
        """pictures: (N, C, h, w); of_height: (2 h, 2 rows); of_width: (w, 2 half)."""
        (height, width), (half, rows) = size, self._frequencies
        # One product of two matrices is faster than many small ones.
        values = ops.matmul(ops.reshape(pictures, (-1, width)), of_width)
        values = _swapped(ops.reshape(values, (-1, height, 2 * half)))
        values = ops.matmul(ops.reshape(values, (-1, 2 * height)), of_height)
        shape = (-1, pictures.shape[1], half, 2, rows)
        return Spectrum(*ops.unstack(ops.reshape(values, shape), 2, 3))

    def _inverse(
        self, spectrum: Spectrum, of_height: Any, of_width: Any, size: Any
    ) -> Any:
        """The pixels that the matrices stand for: (N, C, h, w)."""
        (height, width), (half, rows) = size, self._frequencies
        values = ops.reshape(ops.stack(spectrum, 3), (-1, 2 * rows))
        values = ops.matmul(values, ops.transpose(of_height, (1, 0)))
        values = _swapped(ops.reshape(values, (-1, 2 * half, height)))
        of_width = ops.transpose(of_width, (1, 0)) * self.share
        values = ops.matmul(ops.reshape(values, (-1, 2 * half)), of_width)
        return ops.reshape(values, (-1, spectrum.real.shape[1], height, width))


@keras.saving.register_keras_serializable("deblurgan_tf")
class DftMatrices(keras.layers.Layer):
    """Pictures (N, H, W, C), of which the size alone counts -> the fields of `Dft`."""

    def __init__(self, radius: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.radius = radius

    def call(self, pictures: Any) -> list[Any]:
        """(N, H, W, C) -> the fields of `Dft`, float32."""
        height, width = ops.shape(pictures)[1:3]
        rows, columns = height + 2 * self.radius, width + 2 * self.radius
        half = columns // 2 + 1
        kernel = ops.arange(-self.radius, self.radius + 1, dtype="int32")
        fields = []
        for size, period, count, laid_out in (
            (height, rows, rows, _for_height),
            (width, columns, half, _for_width),
        ):
            frame = ops.arange(-self.radius, size + self.radius, dtype="int32")
            frequencies = ops.arange(count, dtype="int32")
            waves = _cosines_and_sines(frame, frequencies, period)
            fields.append(
                [
                    laid_out(waves[self.radius : self.radius + size]),
                    laid_out(ops.matmul(_reflection(frame, size), waves)),
                    laid_out(_cosines_and_sines(kernel, frequencies, period)),
                ]
            )
        # Each frequency of the half that is not stored equals one that is: all but the
        # first and, if the width is even, the last count twice. `twice` is the
        # frequency of each cosine and sine, times two.
        twice = ops.arange(2 * half, dtype="int32") // 2 * 2
        once = ops.logical_or(ops.equal(twice, 0), ops.equal(twice, columns))
        share = ops.where(once, 1.0, 2.0) / ops.cast(rows * columns, "float32")
        gradient_power = ops.expand_dims(
            _gradient_power(half, columns), 1
        ) + _gradient_power(rows, rows)
        window = ops.expand_dims(self._ramp(height), 1) * self._ramp(width)
        pairs = chain.from_iterable(zip(*fields, strict=True))
        return [*pairs, ops.expand_dims(share, 1), gradient_power, window]

    def _ramp(self, size: Any) -> Any:
        places = ops.arange(size, dtype="int32")
        from_border = ops.cast(ops.minimum(places, size - 1 - places), "float32")
        return ops.minimum((from_border + 0.5) / (self.radius / 2), 1.0)

    def compute_output_shape(
        self, input_shape: tuple[Any, ...]
    ) -> list[tuple[Any, ...]]:
        """The shapes of the fields of `Dft`; None where a size is not known."""
        _, height, width, _ = input_shape
        rows = None if height is None else height + 2 * self.radius
        half = None if width is None else (width + 2 * self.radius) // 2 + 1
        side = side_of(self.radius)
        twice_height, twice_rows, twice_half = (
            None if size is None else 2 * size for size in (height, rows, half)
        )
        pairs = [(twice_height, twice_rows), (width, twice_half)] * 2
        return [
            *pairs,
            (2 * side, twice_rows),
            (side, twice_half),
            (twice_half, 1),
            (half, rows),
            (height, width),
        ]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"radius": self.radius}


def _cosines_and_sines(places: Any, frequencies: Any, period: Any) -> Any:
    """Integers (P,), (F,) -> the cosines beside the sines: float32 (P, 2 F)."""
    # The remainder is taken of integers: the product of two large numbers in float32
    # has no digits left for the part of a period.
    remainder = ops.mod(ops.expand_dims(places, 1) * frequencies, period)
    step = 2.0 * math.pi / ops.cast(period, "float32")
    angle = ops.cast(remainder, "float32") * step
    return ops.concatenate([ops.cos(angle), ops.sin(angle)], 1)


def _reflection(frame: Any, size: Any) -> Any:
    """Which places of the frame show a pixel: 0 and 1, (size, size + 2 radius)."""
    period = ops.maximum(2 * (size - 1), 1)
    shown = ops.mod(ops.abs(frame), period)
    shown = ops.minimum(shown, period - shown)
    pixels = ops.expand_dims(ops.arange(size, dtype="int32"), 1)
    return ops.cast(ops.equal(pixels, shown), "float32")


def _for_height(waves: Any) -> Any:
    """(P, 2 rows) -> (2 P, 2 rows), as `Dft` has it."""
    cosine, sine = ops.split(waves, 2, 1)
    real = ops.concatenate([cosine, -sine], 0)
    return ops.concatenate([real, ops.concatenate([-sine, -cosine], 0)], 1)


def _for_width(waves: Any) -> Any:
    """(P, 2 half) -> the same with cosine and sine alternating, as `Dft` has it."""
    pairs = ops.stack(ops.split(waves, 2, 1), 2)
    return ops.reshape(pairs, ops.shape(waves))


def _gradient_power(count: Any, period: Any) -> Any:
    """The power of the differences of neighbours at the first frequencies: (count,)."""
    step = 2.0 * math.pi / ops.cast(period, "float32")
    return 2.0 - 2.0 * ops.cos(ops.arange(count, dtype="float32") * step)


def _swapped(values: Any) -> Any:
    return ops.transpose(values, (0, 2, 1))


def product(one: Spectrum, other: Spectrum) -> Spectrum:
    """The spectrum of the convolution of the two."""
    return Spectrum(
        one.real * other.real - one.imaginary * other.imaginary,
        one.real * other.imaginary + one.imaginary * other.real,
    )


def correlation(one: Spectrum, other: Spectrum) -> Spectrum:
    """The spectrum of their correlation: the conjugate of `one` times `other`."""
    return Spectrum(
        one.real * other.real + one.imaginary * other.imaginary,
        one.real * other.imaginary - one.imaginary * other.real,
    )


def power(spectrum: Spectrum) -> Any:
    """The squared magnitude at each frequency: (N, C, half, rows)."""
    return ops.square(spectrum.real) + ops.square(spectrum.imaginary)
