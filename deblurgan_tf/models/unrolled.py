"""A generator that finds the blur kernel and undoes it, from coarse to fine.

Blind deconvolution as in Cho and Lee 2009, "Fast Motion Deblurring": guess the sharp
edges, fit the kernel to them, deconvolve, go on to the next finer level. Here it is
unrolled into a network and trained end to end, as in Schuler et al. 2016, "Learning to
Deblur": small U-Nets guess the edges and refine kernel and picture. The steps that need
the kernel have almost no weights, see `deconvolution_layers`.
"""

from __future__ import annotations

import re
from typing import Any

import keras
from keras import layers, ops

from deblurgan_tf.models.deconvolution_layers import KernelStep, PictureStep
from deblurgan_tf.models.dft import DftMatrices
from deblurgan_tf.models.kernel_layers import (
    GaussianKernel,
    KernelUpsample2x,
    NormalisedKernel,
    side_of,
)
from deblurgan_tf.models.layers import BilinearUpsample2x, CropLike, PadToMultiple

RADII = (4, 7, 14, 28)
"""Radius of the kernels at each level, pixels of that level, coarsest first. A level
has twice the size of the one before. Four levels find kernels of up to 57 pixels."""
ITERATIONS = (2, 2, 2, 1)
"""How often each level repeats guess, kernel and deconvolution: coarse levels cost
little."""
ALIGN = 8  # the U-Nets halve a picture three times


def unrolled_generator(
    levels: int = 4, width: int = 32, seed: int = 0, dtype: str = "float32"
) -> keras.Model:
    """The generator that finds the blur kernel; 5,357,169 parameters by default.

    blurred, float32 (N, H, W, 3) in [-1, 1], any H and W from 1 -> restored, the same.

    An iteration at a level takes four steps; the picture, the guess and the kernel go
    on to the next iteration, and upsampled to the next level:

    1. a U-Net sees the blurred picture and what is known so far, and gives a guess of
       the sharp picture and its edges;
    2. `KernelStep` fits the kernel (2 radius + 1 pixels a side) to these edges;
    3. three convolutions refine the kernel, `NormalisedKernel` brings it to sum 1;
    4. `PictureStep` deconvolves the blurred picture with it, near the guess.

    At the end one more U-Net refines the finest picture. The layers that hold guess and
    kernel have names, see `stages`.

    Args:
        levels: 1 to 4; the largest kernel has 9, 15, 29 or 57 pixels a side.
        width: channels of the U-Nets at half of their level's size; twice and three
            times as many at a quarter and an eighth.
        seed: decides the initial weights.
        dtype: a Keras dtype policy of the convolutions; what carries the picture and
            the kernel stays float32.

    Raises:
        ValueError: `levels` is out of range.
    """
    if not 1 <= levels <= len(RADII):
        raise ValueError(f"levels must be 1 to {len(RADII)}; got {levels}")
    net = _Networks(width, seed, dtype)
    blurred = keras.Input((None, None, 3), name="blurred")
    multiple = ALIGN * 2 ** (levels - 1)
    padded = PadToMultiple(multiple, minimum=16, name="pad_to_multiple")(blurred)
    pyramid = [padded]
    for _ in range(levels - 1):
        pyramid.insert(0, layers.AveragePooling2D(2)(pyramid[0]))

    kernel = GaussianKernel(RADII[0])(pyramid[0])
    guess = picture = bold = pyramid[0]
    for level, observed in enumerate(pyramid):
        radius = RADII[level]
        dft = DftMatrices(radius, name=f"level{level}_dft")(observed)
        if level:
            guess, picture = BilinearUpsample2x()(guess), BilinearUpsample2x()(picture)
            kernel = NormalisedKernel()(KernelUpsample2x(radius)(kernel))
            # The detail that the coarser picture lacks, by the kernel known so far.
            deconvolve = PictureStep(name=f"level{level}_picture")
            picture, bold = deconvolve([observed, picture, kernel, *dft])
        grey = ops.mean(observed, axis=-1, keepdims=True)
        for iteration in range(ITERATIONS[level]):
            name = _iteration_name(level, iteration)
            known = [observed, picture, guess, bold]
            change, edges = net.unet(known, (3, 1), name)
            guess = layers.Add(name=f"{name}_guess")([picture, change])
            edges = ops.mean(guess, axis=-1, keepdims=True) + edges
            fit = KernelStep(name=f"{name}_fit")
            fitted = fit([grey, edges, kernel, *dft])
            kernel = net.refined_kernel(fitted, kernel, f"{name}_kernel")
            deconvolve = PictureStep(name=f"{name}_picture")
            picture, bold = deconvolve([observed, guess, kernel, *dft])
    (change,) = net.unet([pyramid[-1], picture, guess, bold], (3,), "refine")
    restored = ops.clip(picture + change, -1.0, 1.0)
    restored = CropLike(name="restored")([restored, blurred])
    return keras.Model(blurred, restored, name="unrolled_generator")


def is_staged(generator: keras.Model) -> bool:
    """Whether it finds a kernel on its way, as the unrolled generator does."""
    return count_levels(generator) > 0


def largest_kernel(generator: keras.Model) -> int | None:
    """Side of the largest kernel that it can find, pixels; None if it finds none."""
    radii = [x.radius for x in generator.layers if isinstance(x, DftMatrices)]
    return side_of(max(radii)) if radii else None


def counterpart(name: str, levels: int) -> str:
    """The layer of a generator of fewer levels from which a layer takes its weights.

    name: a layer of any unrolled generator; levels: how many the other one has. A layer
    of a level that both have takes those of the same name. A layer of a further level
    takes those of the last iteration of the other one's finest level.
    """
    found = re.match(r"level(\d+)(_iteration\d+)?", name)
    if found is None or int(found[1]) < levels:
        return name
    finest = levels - 1
    start = f"level{finest}"
    if found[2] is not None:
        start = _iteration_name(finest, ITERATIONS[finest] - 1)
    return start + name[found.end() :]


def count_levels(generator: keras.Model) -> int:
    """How many levels it has; 0 for a generator that finds no kernel."""
    return sum(isinstance(x, DftMatrices) for x in generator.layers)


def in_precision(generator: keras.Model, dtype: str) -> keras.Model:
    """The same generator and weights under another dtype policy.

    What carries the picture and the kernel stays float32 under every policy.
    """
    levels = count_levels(generator)
    width = generator.get_layer(f"{_iteration_name(0, 0)}_in").filters
    rebuilt = unrolled_generator(levels, width, dtype=dtype)
    rebuilt.set_weights(generator.get_weights())
    return rebuilt


def stages(generator: keras.Model) -> list[tuple[str, str, int]]:
    """What it finds on its way, in this order: one entry for each iteration.

    An entry has the names of the layers whose outputs are the guess of the sharp
    picture and the kernel, and how many pixels of the full picture one of theirs has on
    a side: [("level0_iteration0_guess", "level0_iteration0_kernel", 8), ...] for four
    levels.
    """
    names = [layer.name for layer in generator.layers]
    iterations = [
        (level, _iteration_name(level, iteration))
        for level, count in enumerate(ITERATIONS)
        for iteration in range(count)
    ]
    iterations = [
        (level, name) for level, name in iterations if f"{name}_guess" in names
    ]
    finest = max(level for level, _ in iterations)
    return [
        (f"{name}_guess", f"{name}_kernel", 2 ** (finest - level))
        for level, name in iterations
    ]


def _iteration_name(level: int, iteration: int) -> str:
    """How the names of an iteration's layers begin."""
    return f"level{level}_iteration{iteration}"


class _Networks:
    """The parts with many weights; each convolution has a seed of its own.

    last: whether it is the last convolution of a part, whose result is added to a
    picture or a kernel. It stays float32 and begins near 0.
    """

    def __init__(self, width: int, seed: int, dtype: str) -> None:
        self.widths = (width, 2 * width, 3 * width)
        self.seed = seed * 1000
        self.dtype = dtype

    def _convolution(
        self,
        x: Any,
        filters: int,
        size: int,
        name: str,
        strides: int = 1,
        last: bool = False,
    ) -> Any:
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

    def _block(self, x: Any, name: str) -> Any:
        """A residual block: two convolutions of 3x3, leaky ReLU between them."""
        filters = x.shape[-1]
        y = self._convolution(x, filters, 3, f"{name}_1")
        y = layers.LeakyReLU(0.1, dtype=self.dtype)(y)
        y = self._convolution(y, filters, 3, f"{name}_2")
        return layers.Add(dtype=self.dtype)([x, y])

    def _doubled(self, x: Any, filters: int, name: str, last: bool = False) -> Any:
        """Twice the size, by a transposed convolution without overlap."""
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

    def unet(
        self, inputs: list[Any], channels: tuple[int, ...], name: str
    ) -> list[Any]:
        """A residual U-Net that works at 1/2, 1/4 and 1/8 of the size of its inputs.

        inputs: pictures of one size, whose channels are joined. Returns pictures of
        that size, one for each entry of `channels`, with so many channels.
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

    def refined_kernel(self, fitted: Any, before: Any, name: str) -> Any:
        """A kernel as cameras make them: (N, K, K, 1), not negative, sum 1.

        fitted: what `KernelStep` gave; before: the kernel that it began with.
        """
        # In units of about one for kernels of any size.
        scale = ops.max(before, axis=(1, 2, 3), keepdims=True)
        fitted, before = fitted / scale, before / scale
        x = layers.Concatenate()([fitted, before])
        for part in range(2):
            x = self._convolution(x, 16, 5, f"{name}_{part}")
            x = layers.LeakyReLU(0.1, dtype=self.dtype)(x)
        x = self._convolution(x, 1, 3, f"{name}_out", last=True)
        return NormalisedKernel(name=name)(fitted + x)
