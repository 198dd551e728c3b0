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
from itertools import chain
from typing import NamedTuple

import keras
from keras import ops

SCALE = 20.0
"""The steps' learned numbers are logarithms divided by this: an optimiser that moves
every weight by the same amount a step would leave them where they began."""


BOLD = -5.0
"""The logarithm of the weight of a guess for kernels that are right: about the power of
noise of two grey levels against that of what a guess leaves unexplained."""


class Spectrum(NamedTuple):
    """Half of a real picture's transform: (N, C, (W + 2 reach) // 2 + 1, H + 2 reach).

    Frequencies along the width come first: one transposition fewer for each transform.
    """

    real: keras.KerasTensor
    imaginary: keras.KerasTensor


class Waves(NamedTuple):
    """The matrices of the transforms of pictures of one size: `FrameWaves` makes them.

    Cosines over sines, a row a frequency: (2 rows, places) down, (2 half, places)
    across, with rows = H + 2 reach and half = (W + 2 reach) // 2 + 1.
    """

    down_seen: keras.KerasTensor  # (2 rows, H)
    across_seen: keras.KerasTensor  # (2 half, W)
    down_reflected: keras.KerasTensor  # the same, mirrored margins added
    across_reflected: keras.KerasTensor
    down_kernel: keras.KerasTensor  # (2 rows, 2 reach + 1)
    across_kernel: keras.KerasTensor  # (2 half, 2 reach + 1)
    share: keras.KerasTensor  # (half,): what a frequency counts in the inverse
    roughness: keras.KerasTensor  # (half, rows): power of differences at each frequency
    window: keras.KerasTensor  # (H, W): 0 at the borders, 1 from half the reach on

    def of_seen(self, pictures) -> Spectrum:
        """The spectrum of (N, C, H, W) with zeros around it."""
        return _forward(pictures, self.down_seen, self.across_seen)

    def of_reflected(self, pictures) -> Spectrum:
        """The spectrum of (N, C, H, W) that goes on reflected."""
        return _forward(pictures, self.down_reflected, self.across_reflected)

    def of_kernels(self, kernels) -> Spectrum:
        """The transfer functions of kernels (N, 1, K, K)."""
        return _forward(kernels, self.down_kernel, self.across_kernel)

    def seen(self, spectrum: Spectrum):
        """The picture (N, C, H, W) of a spectrum, without its margins."""
        return _backward(spectrum, self.down_seen, self.across_seen, self.share)

    def kernels(self, spectrum: Spectrum):
        """What a spectrum holds around its origin: (N, 1, K, K)."""
        return _backward(spectrum, self.down_kernel, self.across_kernel, self.share)


@keras.saving.register_keras_serializable("deblurgan_tf")
class FrameWaves(keras.layers.Layer):
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
        for size, period, count in ((height, rows, rows), (width, columns, half)):
            inside = ops.arange(size, dtype="int32")
            frequencies = ops.arange(count, dtype="int32")
            waves = _waves(period, frequencies, self._around(size))
            reflected = ops.matmul(waves, self._folding(size))
            seen = waves[:, self.reach : self.reach + size]
            fields.append(
                (seen, reflected, _waves(period, frequencies, kernel), inside)
            )
        down, across = fields
        frequencies = ops.arange(half, dtype="int32")
        # The half that is not stored repeats all but the first and, if the width is
        # even, the last.
        once = ops.logical_or(
            ops.equal(frequencies, 0), ops.equal(2 * frequencies, columns)
        )
        share = ops.where(once, 1.0, 2.0) / ops.cast(rows * columns, "float32")
        rough = ops.expand_dims(_roughness(half, columns), 1) + _roughness(rows, rows)
        window = ops.expand_dims(self._ramp(down[3]), 1) * self._ramp(across[3])
        pairs = zip(down[:3], across[:3], strict=True)
        return [*chain.from_iterable(pairs), share, rough, window]

    def _around(self, size):
        return ops.arange(-self.reach, size + self.reach, dtype="int32")

    def _folding(self, size):
        """Which pixel is seen at each place around: (size + 2 reach, size), 0 and 1."""
        turn = ops.maximum(2 * (size - 1), 1)
        folded = ops.mod(ops.abs(self._around(size)), turn)
        folded = ops.minimum(folded, turn - folded)
        inside = ops.arange(size, dtype="int32")
        return ops.cast(ops.equal(ops.expand_dims(folded, 1), inside), "float32")

    def _ramp(self, places):
        far = ops.minimum(places, ops.shape(places)[0] - 1 - places)
        return ops.minimum((ops.cast(far, "float32") + 0.5) / (self.reach / 2), 1.0)

    def compute_output_shape(self, input_shape):
        _, height, width, _ = input_shape
        rows = None if height is None else height + 2 * self.reach
        half = None if width is None else (width + 2 * self.reach) // 2 + 1
        side = _side(self.reach)
        twice = [None if size is None else 2 * size for size in (rows, half)]
        pairs = [(twice[0], height), (twice[1], width)] * 2
        return [
            *pairs,
            (twice[0], side),
            (twice[1], side),
            (half,),
            (half, rows),
            (height, width),
        ]

    def get_config(self):
        return super().get_config() | {"reach": self.reach}


def _waves(period, frequencies, places):
    """Cosines over sines, (2 frequencies, places)."""
    # In whole numbers: the product of two large ones has no digits left behind the
    # point in float32.
    turns = ops.mod(ops.expand_dims(frequencies, 1) * places, period)
    angle = ops.cast(turns, "float32") * (2.0 * math.pi / ops.cast(period, "float32"))
    return ops.concatenate([ops.cos(angle), ops.sin(angle)], 0)


def _roughness(count, period):
    """The power of differences between neighbours at the first frequencies."""
    step = 2.0 * math.pi / ops.cast(period, "float32")
    return 2.0 - 2.0 * ops.cos(ops.arange(count, dtype="float32") * step)


def _forward(pictures, down, across) -> Spectrum:
    """pictures: (N, C, h, w); down, across: waves (2 rows, h), (2 half, w)."""
    both = _along_last(_swapped(_along_last(pictures, across)), down)
    # Splitting has a faster gradient than slicing. (N, C, 2 half, 2 rows)
    cosines, sines = (ops.split(part, 2, 2) for part in ops.split(both, 2, 3))
    return Spectrum(cosines[0] - sines[1], -(cosines[1] + sines[0]))


def _backward(spectrum: Spectrum, down, across, share):
    """The places that the waves name: (N, C, h, w)."""
    cosine, sine = ops.split(ops.transpose(down), 2, 1)  # (h, rows)
    real, imaginary = ([cosine, -sine], [sine, cosine])
    left = ops.concatenate(
        [ops.concatenate(real, 1), ops.concatenate(imaginary, 1)], 0
    )  # (2 h, 2 rows)
    values = _along_last(ops.concatenate(spectrum, -1), left)  # (N, C, half, 2 h)
    values = ops.split(_swapped(values), 2, 2)
    cosine, sine = (wave * share for wave in ops.split(ops.transpose(across), 2, 1))
    right = ops.concatenate([cosine, -sine], 1)  # (w, 2 half)
    return _along_last(ops.concatenate(values, -1), right)


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
    """[blurred, edges, kernel, *waves] -> the kernel that fits better.

    blurred, edges: (N, H, W, 1), edges being a guess of the sharp picture that shows
    the edges to be relied on; kernel: (N, K, K, 1). With r = blurred - kernel * edges,
    weighted down at the borders, the change d of the kernel minimises
    |gradients of (d * edges - r)|^2 + w |d|^2: least squares as in Cho and Lee 2009,
    equation 6, around the kernel known before. `w` is learned, in units of the mean
    power of the edges' gradients.
    """

    def build(self, input_shape):
        self.damping = self.add_weight(
            name="damping",
            shape=(),
            initializer=keras.initializers.Constant(-2.0 / SCALE),
        )

    def call(self, inputs):
        blurred, edges, kernel = (_channels_first(x) for x in inputs[:3])
        frame = Waves(*inputs[3:])
        guess = frame.of_reflected(edges)
        expected = frame.seen(product(frame.of_kernels(kernel), guess))
        residual = frame.of_seen((blurred - expected) * frame.window)
        energy = power(guess) * frame.roughness
        mean = ops.mean(energy, axis=(1, 2, 3), keepdims=True)
        # The second term: in a flat picture there is nothing to find.
        count = ops.cast(ops.size(frame.roughness), "float32")
        least = ops.exp(SCALE * self.damping) * mean + 2e-6 * count
        weight = frame.roughness / (energy + least)
        change = correlation(guess, residual)
        change = frame.kernels(
            Spectrum(change.real * weight, change.imaginary * weight)
        )
        return _channels_last(kernel + change)

    def compute_output_shape(self, input_shape):
        return input_shape[2]


@keras.saving.register_keras_serializable("deblurgan_tf")
class PictureStep(keras.layers.Layer):
    """[blurred, guess, kernel, *waves] -> two pictures near the guess that explain the
    blurred one.

    blurred, guess: (N, H, W, C); kernel: (N, K, K, 1). The Wiener filter of what the
    guess leaves unexplained: x minimises |kernel * x - blurred|^2 + w |x - guess|^2
    where it was seen, with w = exp(a) + exp(b) times the power of differences, a and b
    learned. The second picture has a and b of BOLD: it is right where the kernel is,
    and full of rings where it is not, which a network can see. Half-quadratic splitting
    with a network as its denoiser (Zhang et al. 2017, "Learning deep CNN denoiser prior
    for image restoration", equation 6).
    """

    def build(self, input_shape):
        self.weights_of_guess = self.add_weight(
            name="weights_of_guess",
            shape=(2,),
            initializer=keras.initializers.Constant(-4.0 / SCALE),
        )

    def call(self, inputs):
        blurred, guess, kernel = (_channels_first(x) for x in inputs[:3])
        frame = Waves(*inputs[3:])
        response = frame.of_kernels(kernel)
        expected = frame.seen(product(response, frame.of_reflected(guess)))
        residual = frame.of_seen(blurred - expected)
        change, energy = correlation(response, residual), power(response)
        learned = ops.unstack(ops.exp(SCALE * self.weights_of_guess))
        pictures = []
        for flat, rough in (learned, (math.exp(BOLD), math.exp(BOLD))):
            weight = 1.0 / (energy + flat + rough * frame.roughness)
            part = Spectrum(change.real * weight, change.imaginary * weight)
            pictures.append(_channels_last(guess + frame.seen(part)))
        return pictures

    def compute_output_shape(self, input_shape):
        return [input_shape[1], input_shape[1]]


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
