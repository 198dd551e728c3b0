"""Layers that find a blur kernel and undo it: one Fourier step each, no iteration.

Pictures, kernels and what lies beyond their borders are those of `spectral`.
"""

from __future__ import annotations

import math

import keras
from keras import ops

from deblurgan_tf.models.dft import Spectrum, Waves, correlation, power, product

SCALE = 20.0
"""The steps' learned numbers are logarithms divided by this: an optimiser that moves
every weight by the same amount a step would leave them where they began."""


BOLD = -5.0
"""The logarithm of the weight of a guess for kernels that are right: about the power of
noise of two grey levels against that of what a guess leaves unexplained."""


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
        energy = power(guess) * frame.gradient_power
        mean = ops.mean(energy, axis=(1, 2, 3), keepdims=True)
        # The second term: in a flat picture there is nothing to find.
        count = ops.cast(ops.size(frame.gradient_power), "float32")
        least = ops.exp(SCALE * self.damping) * mean + 2e-6 * count
        weight = frame.gradient_power / (energy + least)
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
        learned = ops.unstack(ops.exp(SCALE * self.weights_of_guess), 2)
        weights = [
            1.0 / (energy + (flat + rough * frame.gradient_power))
            for flat, rough in (learned, (math.exp(BOLD), math.exp(BOLD)))
        ]
        # Both pictures in one transform, as channels.
        parts = Spectrum(
            ops.concatenate([change.real * weight for weight in weights], 1),
            ops.concatenate([change.imaginary * weight for weight in weights], 1),
        )
        changes = ops.split(frame.seen(parts), 2, 1)
        return [_channels_last(guess + change) for change in changes]

    def compute_output_shape(self, input_shape):
        return [input_shape[1], input_shape[1]]
