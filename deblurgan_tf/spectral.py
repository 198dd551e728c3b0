"""Layers that find a blur kernel and undo it: one Fourier step each, no iteration.

Written with `keras.ops` alone. The Fourier transforms are products with matrices of
cosines and sines: for the sizes that occur (tiles of some hundred pixels) that costs
less than the convolutions around them, a picture's borders can be folded into the
matrices, and every backend and export format has a matrix product, while few have a
complex transform.

A picture (N, H, W, C) is thought to go on beyond its borders, reflected (101), by
`reach` pixels on each side; on that larger frame, of period H + 2 reach, convolutions
wrap around. Only what was seen has to fit: the residual is 0 outside (Reeves 2005,
"Fast image restoration without boundary artifacts"). Kernels are (N, K, K, 1) with K =
2 reach + 1, their origin in the middle.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import keras
from keras import ops


class Spectrum(NamedTuple):
    """Half of a real picture's transform: (N, C, (W + 2 reach) // 2 + 1, H + 2 reach).

    Frequencies along the width come first: one transposition fewer for each transform.
    """

    real: keras.KerasTensor
    imaginary: keras.KerasTensor


class Frame:
    """The transforms between pictures of one size, kernels, and their spectra."""

    def __init__(self, height, width, reach: int):
        self.reach = reach
        self.rows, self.columns = height + 2 * reach, width + 2 * reach
        self.half = self.columns // 2 + 1
        seen = [ops.arange(size, dtype="int32") for size in (height, width)]
        self._height, self._width = seen
        self._offsets = ops.arange(-reach, reach + 1, dtype="int32")

    def _waves(self, period, frequencies, places):
        """Cosines and sines, (frequencies, places) each."""
        # In whole numbers: the product of two large ones has no digits left behind the
        # point in float32.
        turns = ops.mod(ops.expand_dims(frequencies, 1) * places, period)
        angle = ops.cast(turns, "float32") * (
            2.0 * math.pi / ops.cast(period, "float32")
        )
        return ops.cos(angle), ops.sin(angle)

    def _along(self, axis: int, places):
        period = (self.rows, self.columns)[axis]
        count = (self.rows, self.half)[axis]
        return self._waves(period, ops.arange(count, dtype="int32"), places)

    def _reflected(self, axis: int, inside):
        """The waves of an axis, those of the margins added where they are mirrored."""
        size = ops.shape(inside)[0]
        places = ops.arange(-self.reach, size + self.reach, dtype="int32")
        turn = ops.maximum(2 * (size - 1), 1)
        folded = ops.mod(places, turn)
        folded = ops.minimum(folded, turn - folded)
        folding = ops.cast(
            ops.equal(ops.expand_dims(folded, 1), ops.expand_dims(inside, 0)), "float32"
        )
        cosine, sine = self._along(axis, places)
        return ops.matmul(cosine, folding), ops.matmul(sine, folding)

    def _forward(self, pictures, down, across) -> Spectrum:
        """pictures: (N, C, h, w); down, across: waves (rows, h), (half, w)."""
        both = _swapped(_along_last(pictures, ops.concatenate(across, 0)))
        both = _along_last(both, ops.concatenate(down, 0))  # (N, C, 2 half, 2 rows)
        # Splitting has a faster gradient than slicing.
        cosines, sines = (ops.split(part, 2, 2) for part in ops.split(both, 2, 3))
        return Spectrum(cosines[0] - sines[1], -(cosines[1] + sines[0]))

    def _backward(self, spectrum: Spectrum, down, across):
        """The places that the waves name: (N, C, h, w)."""
        values = ops.concatenate(spectrum, -1)  # (N, C, half, 2 rows)
        cosine, sine = (ops.transpose(wave) for wave in down)  # (h, rows)
        left = ops.concatenate(
            [
                ops.concatenate([cosine, -sine], 1),
                ops.concatenate([sine, cosine], 1),
            ],
            0,
        )  # (2 h, 2 rows)
        # (N, C, 2 h, half): real, then imaginary parts
        values = _swapped(_along_last(values, left))
        frequencies = ops.arange(self.half, dtype="int32")
        # The half that is not stored repeats all but the first and, if the width is
        # even, the last.
        once = ops.logical_or(
            ops.equal(frequencies, 0), ops.equal(2 * frequencies, self.columns)
        )
        count = ops.cast(self.rows * self.columns, "float32")
        share = ops.where(once, 1.0, 2.0) / count
        cosine, sine = (ops.transpose(wave) * share for wave in across)  # (w, half)
        values = ops.concatenate(ops.split(values, 2, 2), -1)  # (N, C, h, 2 half)
        right = ops.concatenate([cosine, -sine], 1)
        return _along_last(values, right)

    def of_reflected(self, pictures) -> Spectrum:
        """The spectrum of (N, C, H, W) that goes on reflected."""
        return self._forward(
            pictures, self._reflected(0, self._height), self._reflected(1, self._width)
        )

    def of_seen(self, pictures) -> Spectrum:
        """The spectrum of (N, C, H, W) with zeros around it."""
        return self._forward(
            pictures, self._along(0, self._height), self._along(1, self._width)
        )

    def of_kernels(self, kernels) -> Spectrum:
        """The transfer functions of kernels (N, 1, K, K)."""
        return self._forward(
            kernels, self._along(0, self._offsets), self._along(1, self._offsets)
        )

    def seen(self, spectrum: Spectrum):
        """The picture (N, C, H, W) of a spectrum, without its margins."""
        return self._backward(
            spectrum, self._along(0, self._height), self._along(1, self._width)
        )

    def kernels(self, spectrum: Spectrum):
        """What a spectrum holds around its origin: (N, 1, K, K)."""
        return self._backward(
            spectrum, self._along(0, self._offsets), self._along(1, self._offsets)
        )

    def roughness(self):
        """The power of horizontal and vertical differences at each frequency."""

        def power(count, period):
            angle = ops.arange(count, dtype="float32") * (
                2.0 * math.pi / ops.cast(period, "float32")
            )
            return 2.0 - 2.0 * ops.cos(angle)

        across = power(self.half, self.columns)
        return ops.expand_dims(across, 1) + power(self.rows, self.rows)

    def window(self):
        """(H, W): 0 at the borders, 1 from half the reach on."""

        def ramp(places):
            far = ops.minimum(places, ops.shape(places)[0] - 1 - places)
            far = (ops.cast(far, "float32") + 0.5) / max(self.reach / 2, 1)
            return ops.minimum(far, 1.0)

        return ops.expand_dims(ramp(self._height), 1) * ramp(self._width)


def _along_last(values, matrix):
    """matrix (c, b) @ the last axis of (N, C, a, b), (N, C, a, c).

    As one product of two matrices, which is faster than many small ones.
    """
    shape = ops.shape(values)
    result = ops.matmul(ops.reshape(values, (-1, shape[3])), ops.transpose(matrix))
    return ops.reshape(result, (*shape[:3], ops.shape(matrix)[0]))


def _swapped(values):
    return ops.transpose(values, (0, 1, 3, 2))


def product(one: Spectrum, other: Spectrum) -> Spectrum:
    return Spectrum(
        one.real * other.real - one.imaginary * other.imaginary,
        one.real * other.imaginary + one.imaginary * other.real,
    )


def correlation(one: Spectrum, other: Spectrum) -> Spectrum:
    """The product of the conjugate of `one` with `other`."""
    return product(Spectrum(one.real, -one.imaginary), other)


def power(spectrum: Spectrum):
    return ops.square(spectrum.real) + ops.square(spectrum.imaginary)


def _channels_first(pictures):
    return ops.transpose(pictures, (0, 3, 1, 2))


def _channels_last(pictures):
    return ops.transpose(pictures, (0, 2, 3, 1))


@keras.saving.register_keras_serializable("deblurgan_tf")
class KernelStep(keras.layers.Layer):
    """[blurred, edges, kernel] -> the kernel that fits better.

    blurred, edges: (N, H, W, 1), edges being a guess of the sharp picture that shows
    the edges to be relied on; kernel: (N, K, K, 1). With r = blurred - kernel * edges,
    weighted down at the borders, the change d of the kernel minimises
    |gradients of (d * edges - r)|^2 + w |d|^2: least squares as in Cho and Lee 2009,
    equation 6, around the kernel known before. `w` is learned, in units of the mean
    power of the edges' gradients.
    """

    def __init__(self, reach: int, **kwargs):
        super().__init__(**kwargs)
        self.reach = reach

    def build(self, input_shape):
        self.damping = self.add_weight(
            name="damping", shape=(), initializer=keras.initializers.Constant(-2.0)
        )

    def call(self, inputs):
        blurred, edges, kernel = (_channels_first(x) for x in inputs)
        shape = ops.shape(blurred)
        frame = Frame(shape[2], shape[3], self.reach)
        guess = frame.of_reflected(edges)
        expected = frame.seen(product(frame.of_kernels(kernel), guess))
        residual = frame.of_seen((blurred - expected) * frame.window())
        rough = frame.roughness()
        energy = power(guess) * rough
        mean = ops.mean(energy, axis=(1, 2, 3), keepdims=True)
        # The second term: in a flat picture there is nothing to find.
        count = ops.cast(frame.rows * frame.columns, "float32")
        weight = rough / (energy + ops.exp(self.damping) * mean + 1e-6 * count)
        change = correlation(guess, residual)
        change = frame.kernels(
            Spectrum(change.real * weight, change.imaginary * weight)
        )
        return _channels_last(kernel + change)

    def compute_output_shape(self, input_shape):
        return input_shape[2]

    def get_config(self):
        return super().get_config() | {"reach": self.reach}


@keras.saving.register_keras_serializable("deblurgan_tf")
class PictureStep(keras.layers.Layer):
    """[blurred, guess, kernel] -> the picture near the guess that explains the blurred.

    blurred, guess: (N, H, W, C); kernel: (N, K, K, 1). The Wiener filter of what the
    guess leaves unexplained: x minimises |kernel * x - blurred|^2 + w |x - guess|^2
    where it was seen, with w = exp(a) + exp(b) times the power of differences, a and b
    learned. Half-quadratic splitting with a network as its denoiser (Zhang et al. 2017,
    "Learning deep CNN denoiser prior for image restoration", equation 6).
    """

    def __init__(self, reach: int, **kwargs):
        super().__init__(**kwargs)
        self.reach = reach

    def build(self, input_shape):
        self.weights_of_guess = self.add_weight(
            name="weights_of_guess",
            shape=(2,),
            initializer=keras.initializers.Constant(-4.0),
        )

    def call(self, inputs):
        blurred, guess, kernel = (_channels_first(x) for x in inputs)
        shape = ops.shape(blurred)
        frame = Frame(shape[2], shape[3], self.reach)
        response = frame.of_kernels(kernel)
        expected = frame.seen(product(response, frame.of_reflected(guess)))
        residual = frame.of_seen(blurred - expected)
        flat, rough = ops.exp(self.weights_of_guess[0]), self.weights_of_guess[1]
        weight = 1.0 / (power(response) + flat + ops.exp(rough) * frame.roughness())
        change = correlation(response, residual)
        change = Spectrum(change.real * weight, change.imaginary * weight)
        return _channels_last(guess + frame.seen(change))

    def compute_output_shape(self, input_shape):
        return input_shape[1]

    def get_config(self):
        return super().get_config() | {"reach": self.reach}


@keras.saving.register_keras_serializable("deblurgan_tf")
class NormalisedKernel(keras.layers.Layer):
    """Kernels (N, K, K, 1) without what is below 0, their sum 1."""

    def call(self, kernels):
        # The sum of what is added is small, and never leaves nothing to divide by.
        kernels = ops.relu(kernels) + 1e-8
        return kernels / ops.sum(kernels, axis=(1, 2, 3), keepdims=True)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("deblurgan_tf")
class PointKernel(keras.layers.Layer):
    """pictures (N, H, W, C) -> for each a small round kernel, (N, 2 reach + 1, ..., 1).

    A Gaussian of one pixel: where the search for a kernel begins.
    """

    def __init__(self, reach: int, **kwargs):
        super().__init__(**kwargs)
        self.reach = reach

    def call(self, pictures):
        offsets = ops.arange(-self.reach, self.reach + 1, dtype="float32")
        bell = ops.exp(-0.5 * ops.square(offsets))
        bell = bell / ops.sum(bell)
        kernel = ops.reshape(
            ops.expand_dims(bell, 1) * bell,
            (1, _side(self.reach), _side(self.reach), 1),
        )
        return ops.repeat(kernel, ops.shape(pictures)[0], axis=0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], _side(self.reach), _side(self.reach), 1)

    def get_config(self):
        return super().get_config() | {"reach": self.reach}


def _side(reach: int) -> int:
    return 2 * reach + 1


@keras.saving.register_keras_serializable("deblurgan_tf")
class DoubledKernel(keras.layers.Layer):
    """Kernels for pictures of twice the size: linear between their entries, sum kept.

    (N, 2 r + 1, 2 r + 1, 1) -> (N, 2 reach + 1, 2 reach + 1, 1), reach at most 2 r + 1.
    """

    def __init__(self, reach: int, **kwargs):
        super().__init__(**kwargs)
        self.reach = reach

    def call(self, kernels):
        places = ops.arange(-self.reach, self.reach + 1, dtype="float32") / 2.0
        before = kernels.shape[1] // 2
        offsets = ops.arange(-before, before + 1, dtype="float32")
        share = ops.maximum(1.0 - ops.abs(ops.expand_dims(places, 1) - offsets), 0.0)
        values = _channels_first(kernels)
        values = ops.matmul(ops.matmul(share, values), ops.transpose(share))
        return _channels_last(values) / 4.0

    def compute_output_shape(self, input_shape):
        return (input_shape[0], _side(self.reach), _side(self.reach), 1)

    def get_config(self):
        return super().get_config() | {"reach": self.reach}
