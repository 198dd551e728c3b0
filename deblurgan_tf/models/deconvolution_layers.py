"""Layers that find a blur kernel and deconvolve with it, one Fourier step each.

`dft` has the transforms, and says what is assumed beyond a picture's borders.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from deblurgan_tf.models.dft import Dft, Spectrum, correlation, power, product

SCALE = 20.0
"""The learned numbers of the steps are logarithms divided by SCALE. Adam changes every
weight by about the learning rate a step: without it these few would hardly move."""

BOLD = -5.0
"""Logarithm of the weight of the guess in the second picture of `PictureStep`, which
trusts the kernel. About the power of noise of two grey levels, relative to the power of
what the guess leaves unexplained."""


def _channels_first(pictures: Any) -> Any:
    return ops.transpose(pictures, (0, 3, 1, 2))


def _channels_last(pictures: Any) -> Any:
    return ops.transpose(pictures, (0, 2, 3, 1))


@keras.saving.register_keras_serializable("deblurgan_tf")
class KernelStep(keras.layers.Layer):
    """[blurred, edges, kernel, *dft] -> a kernel that fits better.

    blurred, edges: (N, H, W, 1); edges is a guess of the sharp picture that shows the
    edges to rely on. kernel: (N, K, K, 1). dft: the outputs of `DftMatrices`.

    With r = blurred - kernel * edges, weighted down at the borders, the change d of the
    kernel minimises |gradients of (d * edges - r)|^2 + w |d|^2: least squares as in Cho
    and Lee 2009, "Fast Motion Deblurring", equation 6, but around the kernel known
    before. `w` is learned, in units of the mean power of the edges' gradients.
    """

    def build(self, input_shape: list[tuple[Any, ...]]) -> None:
        """Makes the one weight, `damping`: ln(w) / SCALE."""
        self.damping = self.add_weight(
            name="damping",
            shape=(),
            initializer=keras.initializers.Constant(-2.0 / SCALE),
        )

    def call(self, inputs: list[Any]) -> Any:
        """The kernel, (N, K, K, 1); its sum is near 1, it may have values below 0."""
        blurred, edges, kernel = (_channels_first(x) for x in inputs[:3])
        dft = Dft(*inputs[3:])
        guess = dft.of_reflected(edges)
        expected = dft.picture(product(dft.of_kernels(kernel), guess))
        residual = dft.of_zero_padded((blurred - expected) * dft.window)
        energy = power(guess) * dft.gradient_power
        mean = ops.mean(energy, axis=(1, 2, 3), keepdims=True)
        # The second term keeps the kernel of a flat picture as it is: there is nothing
        # to find in it.
        count = ops.cast(ops.size(dft.gradient_power), "float32")
        least = ops.exp(SCALE * self.damping) * mean + 2e-6 * count
        weight = dft.gradient_power / (energy + least)
        change = correlation(guess, residual)
        change = dft.kernels(Spectrum(change.real * weight, change.imaginary * weight))
        return _channels_last(kernel + change)

    def compute_output_shape(
        self, input_shape: list[tuple[Any, ...]]
    ) -> tuple[Any, ...]:
        """That of the kernel."""
        return input_shape[2]


@keras.saving.register_keras_serializable("deblurgan_tf")
class PictureStep(keras.layers.Layer):
    """[blurred, guess, kernel, *dft] -> two pictures that explain the blurred one.

    blurred, guess: (N, H, W, C); kernel: (N, K, K, 1). dft: the outputs of
    `DftMatrices`. Both pictures lie near the guess, (N, H, W, C).

    Each is the guess plus the Wiener filter of what the guess leaves unexplained. It is
    the x that minimises |kernel * x - blurred|^2 + w |x - guess|^2 inside the picture,
    with w = exp(a) + exp(b) times the power of differences at a frequency. For the
    first picture a and b are learned, for the second both are BOLD: it is right where
    the kernel is right and full of ringing where it is not, which a network can see.
    Half-quadratic splitting with a network as its denoiser (Zhang et al. 2017,
    "Learning Deep CNN Denoiser Prior for Image Restoration", equation 6).
    """

    def build(self, input_shape: list[tuple[Any, ...]]) -> None:
        """Makes the two weights, `weights_of_guess`: a / SCALE and b / SCALE."""
        self.weights_of_guess = self.add_weight(
            name="weights_of_guess",
            shape=(2,),
            initializer=keras.initializers.Constant(-4.0 / SCALE),
        )

    def call(self, inputs: list[Any]) -> list[Any]:
        """The two pictures, (N, H, W, C) each."""
        blurred, guess, kernel = (_channels_first(x) for x in inputs[:3])
        dft = Dft(*inputs[3:])
        response = dft.of_kernels(kernel)
        expected = dft.picture(product(response, dft.of_reflected(guess)))
        residual = dft.of_zero_padded(blurred - expected)
        change, energy = correlation(response, residual), power(response)
        learned = ops.unstack(ops.exp(SCALE * self.weights_of_guess), 2)
        weights = [
            1.0 / (energy + (flat + rough * dft.gradient_power))
            for flat, rough in (learned, (math.exp(BOLD), math.exp(BOLD)))
        ]
        # Both pictures in one transform, as channels.
        parts = Spectrum(
            ops.concatenate([change.real * weight for weight in weights], 1),
            ops.concatenate([change.imaginary * weight for weight in weights], 1),
        )
        changes = ops.split(dft.picture(parts), 2, 1)
        return [_channels_last(guess + change) for change in changes]

    def compute_output_shape(
        self, input_shape: list[tuple[Any, ...]]
    ) -> list[tuple[Any, ...]]:
        """Twice that of the guess."""
        return [input_shape[1], input_shape[1]]
