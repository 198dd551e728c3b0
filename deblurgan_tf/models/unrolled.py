"""A generator that finds the blur kernel and undoes it, from coarse to fine.

Blind deconvolution as Cho and Lee 2009 do it (guess the sharp edges, fit the kernel to
them, deconvolve, on to the next scale), unrolled into a network: small U-Nets guess the
edges and refine kernel and picture, trained end to end (as Schuler et al. 2016,
"Learning to Deblur"). The steps with the kernel are those of `spectral_steps`.
"""

from __future__ import annotations

import re

import keras
from keras import layers, ops

from deblurgan_tf.models.deconvolution_layers import KernelStep, PictureStep
from deblurgan_tf.models.dft import DftMatrices
from deblurgan_tf.models.kernel_layers import (
    DoubledKernel,
    NormalisedKernel,
    PointKernel,
)
from deblurgan_tf.models.layers import BilinearUpsample2x, CropLike, PadToMultiple

REACHES = (4, 7, 14, 28)
"""Pixels that a kernel reaches from its middle, from the coarsest level on: each has
twice the size of the one before. Four levels take kernels of up to 57 pixels."""
TURNS = (2, 2, 2, 1)
"""Rounds of guess, kernel and deconvolution at each level: coarse ones cost little."""
ALIGN = 8  # the U-Nets halve a picture three times


def unrolled_generator(
    levels: int = 4, width: int = 32, seed: int = 0, dtype: str = "float32"
) -> keras.Model:
    """blurred, float32 (N, H, W, 3) in [-1, 1], any H and W from 1 -> restored.

    levels: 1 to 4; each doubles the largest kernel: 9, 15, 29, 57 pixels. width:
    channels of the U-Nets at half of their level's size.
    What is found on the way can be had by name, see `stages`.
    """
    if not 1 <= levels <= len(REACHES):
        raise ValueError(f"levels must be 1 to {len(REACHES)}; got {levels}")
    net = _Networks(width, seed, dtype)
    blurred = keras.Input((None, None, 3), name="blurred")
    multiple = ALIGN * 2 ** (levels - 1)
    padded = PadToMultiple(multiple, minimum=16, name="pad_to_multiple")(blurred)
    pyramid = [padded]
    for _ in range(levels - 1):
        pyramid.insert(0, layers.AveragePooling2D(2)(pyramid[0]))

    kernel = PointKernel(REACHES[0])(pyramid[0])
    guess = picture = bold = pyramid[0]
    for level, observed in enumerate(pyramid):
        reach = REACHES[level]
        waves = DftMatrices(reach, name=f"level{level}_waves")(observed)
        if level:
            guess, picture = BilinearUpsample2x()(guess), BilinearUpsample2x()(picture)
            kernel = NormalisedKernel()(DoubledKernel(reach)(kernel))
            # The detail that the coarser picture lacks, by the kernel known so far.
            undo = PictureStep(name=f"level{level}_picture")
            picture, bold = undo([observed, picture, kernel, *waves])
        grey = ops.mean(observed, axis=-1, keepdims=True)
        for turn in range(TURNS[level]):
            name = f"level{level}_turn{turn}"
            seen = [observed, picture, guess, bold]
            change, edges = net.unet(seen, (3, 1), name)
            guess = layers.Add(name=f"{name}_guess")([picture, change])
            edges = ops.mean(guess, axis=-1, keepdims=True) + edges
            fit = KernelStep(name=f"{name}_fit")
            kernel = net.tidied(
                fit([grey, edges, kernel, *waves]), kernel, f"{name}_kernel"
            )
            undo = PictureStep(name=f"{name}_picture")
            picture, bold = undo([observed, guess, kernel, *waves])
    (change,) = net.unet([pyramid[-1], picture, guess, bold], (3,), "refine")
    restored = ops.clip(picture + change, -1.0, 1.0)
    restored = CropLike(name="restored")([restored, blurred])
    return keras.Model(blurred, restored, name="unrolled_generator")


def is_staged(generator: keras.Model) -> bool:
    """Whether it finds a kernel on its way, as the unrolled generator does."""
    return count_levels(generator) > 0


def largest_kernel(generator: keras.Model) -> int | None:
    """Side of the largest kernel that it can find, pixels; None if it finds none."""
    reaches = [x.reach for x in generator.layers if isinstance(x, DftMatrices)]
    return 2 * max(reaches) + 1 if reaches else None


def counterpart(name: str, levels: int) -> str:
    """The layer that does the work of layer `name` in a generator of so many levels.

    What works at a level that it has not is nearest to the last round of its finest.
    """
    found = re.match(r"level(\d+)(_turn\d+)?", name)
    if found is None or int(found[1]) < levels:
        return name
    turn = "" if found[2] is None else f"_turn{TURNS[levels - 1] - 1}"
    return f"level{levels - 1}{turn}{name[found.end() :]}"


def count_levels(generator: keras.Model) -> int:
    """0 for a generator that finds no kernel."""
    return sum(isinstance(x, DftMatrices) for x in generator.layers)


def in_precision(generator: keras.Model, dtype: str) -> keras.Model:
    """The same generator and weights under another dtype policy.

    What carries the picture and the kernel stays float32 under every policy.
    """
    levels = count_levels(generator)
    width = generator.get_layer("level0_turn0_in").filters
    rebuilt = unrolled_generator(levels, width, dtype=dtype)
    rebuilt.set_weights(generator.get_weights())
    return rebuilt


def stages(generator: keras.Model) -> list[tuple[str, str, int]]:
    """Names of the layers that hold guess and kernel, and pixels a side of theirs.

    [("level0_turn0_guess", "level0_turn0_kernel", 8), ...] for four levels.
    """
    names = [layer.name for layer in generator.layers]
    turns = [
        (level, f"level{level}_turn{turn}")
        for level, turns in enumerate(TURNS)
        for turn in range(turns)
    ]
    turns = [(level, name) for level, name in turns if f"{name}_guess" in names]
    finest = max(level for level, _ in turns)
    return [
        (f"{name}_guess", f"{name}_kernel", 2 ** (finest - level))
        for level, name in turns
    ]


class _Networks:
    """The parts with many weights, each with initial values of its own."""

    def __init__(self, width: int, seed: int, dtype: str):
        self.widths = (width, 2 * width, 3 * width)
        self.seed = seed * 1000
        self.dtype = dtype

    def _convolution(self, x, filters, size, name, strides=1, last=False):
        self.seed += 1
        scale = 0.01 if last else 1.0
        return layers.Conv2D(
            filters,
            size,
            strides,
            padding="same",
            kernel_initializer=keras.initializers.VarianceScaling(
                scale, seed=self.seed
            ),
            dtype="float32" if last else self.dtype,
            name=name,
        )(x)

    def _block(self, x, name):
        filters = x.shape[-1]
        y = self._convolution(x, filters, 3, f"{name}_1")
        y = layers.LeakyReLU(0.1, dtype=self.dtype)(y)
        y = self._convolution(y, filters, 3, f"{name}_2")
        return layers.Add(dtype=self.dtype)([x, y])

    def _doubled(self, x, filters, name, last=False):
        self.seed += 1
        return layers.Conv2DTranspose(
            filters,
            2,
            2,
            kernel_initializer=keras.initializers.VarianceScaling(
                0.01 if last else 1.0, seed=self.seed
            ),
            dtype="float32" if last else self.dtype,
            name=name,
        )(x)

    def unet(self, inputs, channels: tuple[int, ...], name: str):
        """A residual U-Net of three sizes, 1/2, 1/4 and 1/8 of its input's; returns
        pictures of as many channels each.
        """
        fine, middle, coarse = self.widths
        x = layers.Concatenate(dtype=self.dtype)(inputs)
        x = self._convolution(x, fine, 4, f"{name}_in", strides=2)
        x = one = self._block(x, f"{name}_down0")
        x = self._convolution(x, middle, 2, f"{name}_half1", strides=2)
        x = self._block(x, f"{name}_down1a")
        x = two = self._block(x, f"{name}_down1b")
        x = self._convolution(x, coarse, 2, f"{name}_half2", strides=2)
        x = self._block(x, f"{name}_low0")
        x = self._block(x, f"{name}_low1")
        x = self._doubled(x, middle, f"{name}_double2")
        x = layers.Add(dtype=self.dtype)([x, two])
        x = self._block(x, f"{name}_up1")
        x = self._doubled(x, fine, f"{name}_double1")
        x = layers.Add(dtype=self.dtype)([x, one])
        x = self._block(x, f"{name}_up0")
        return [
            self._doubled(x, filters, f"{name}_out{number}", last=True)
            for number, filters in enumerate(channels)
        ]

    def tidied(self, fitted, before, name: str):
        """A kernel as cameras make them, from a fitted one and the one before it."""
        # In units of about one for kernels of any size.
        scale = ops.max(before, axis=(1, 2, 3), keepdims=True)
        fitted, before = fitted / scale, before / scale
        x = layers.Concatenate()([fitted, before])
        for part in range(2):
            x = self._convolution(x, 16, 5, f"{name}_{part}")
            x = layers.LeakyReLU(0.1, dtype=self.dtype)(x)
        x = self._convolution(x, 1, 3, f"{name}_out", last=True)
        return NormalisedKernel(name=name)(fitted + x)
