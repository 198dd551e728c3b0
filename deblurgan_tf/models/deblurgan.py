"""DeblurGAN's generator and critic: functional Keras models for any height and width.

Kupyn et al. 2018, "DeblurGAN: Blind Motion Deblurring Using Conditional Adversarial
Networks", section 3.2 and figure 3. They are written with `keras.layers` and
`keras.ops` alone, so that every backend of Keras runs them. The paddings and the
transposed convolutions are those of the authors' PyTorch code (KupynOrest/DeblurGAN,
commit 39e8a4b), so that weights can be carried over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import layers

from deblurgan_tf.config import Model
from deblurgan_tf.models.convolution_to_few import ConvolutionToFew
from deblurgan_tf.models.layers import (
    CropFirstRowColumn,
    CropLike,
    PadToMultiple,
    SampleDropout,
)
from deblurgan_tf.models.normalization import InstanceNormalization
from deblurgan_tf.models.unrolled import unrolled_generator


def build_generator(
    config: Model, seed: int = 0, dtype: str = "float32"
) -> keras.Model:
    """The generator that the config names; `dtype` is a Keras dtype policy."""
    if config.generator == "unrolled":
        return unrolled_generator(config.levels, config.width, seed, dtype)
    return resnet_generator(
        width=config.width,
        blocks=config.blocks,
        convolutions=config.convolutions,
        upsample=config.upsample,
        dropout=config.dropout,
        seed=seed,
        dtype=dtype,
    )


def build_critic(config: Model, seed: int = 0, dtype: str = "float32") -> keras.Model:
    """The critic that the config names; `dtype` is a Keras dtype policy."""
    return patch_critic(config.critic_width, config.critic_layers, seed, dtype)


def resnet_generator(
    width: int = 64,
    blocks: int = 9,
    convolutions: int = 2,
    upsample: str = "transpose",
    dropout: float = 0.5,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """DeblurGAN's generator (Kupyn et al. 2018, figure 3), 11,378,179 parameters.

    blurred, float32 (N, H, W, 3) in [-1, 1], any H and W from 1 -> restored, the same.

    A convolution of 7x7, two of 3x3 with stride 2, residual blocks of 3x3 at a quarter
    of the size, two transposed convolutions of 3x3, a convolution of 7x7 and tanh. The
    result is added to the blurred picture (global skip) and clipped to [-1, 1]. Every
    convolution but the last is followed by instance normalisation and ReLU (the second
    one of a block by no ReLU); borders are reflected. Initial weights are N(0, 0.02).

    Args:
        width: channels of the first convolution; the residual blocks have four times
            as many.
        blocks: how many residual blocks.
        convolutions: in a residual block: 2 as in the paper, 1 as in the authors' code
            from March 2019 on, for their weights.
        upsample: "transpose" as in the paper, or "resize" (nearest, then a
            convolution), which leaves no checkerboard.
        dropout: rate after the first convolution of a block, in training only; its
            masks come from `layers.dropout_seeds`.
        seed: decides the initial weights.
        dtype: a Keras dtype policy; the last convolution stays float32.

    Raises:
        ValueError: `upsample` or `convolutions` has another value.
    """
    if upsample not in ("transpose", "resize"):
        raise ValueError(f"upsample must be transpose or resize; got {upsample!r}")
    if convolutions not in (1, 2):
        raise ValueError(f"convolutions must be 1 or 2; got {convolutions}")
    start = _initialisers(seed)

    def convolution(x: Any, filters: int, size: int, strides: int = 1) -> Any:
        return layers.Conv2D(
            filters, size, strides, kernel_initializer=next(start), dtype=dtype
        )(x)

    def normalised(x: Any, relu: bool = True) -> Any:
        x = InstanceNormalization(dtype=dtype)(x)
        return layers.ReLU(dtype=dtype)(x) if relu else x

    def doubled(x: Any, filters: int) -> Any:
        if upsample == "resize":
            x = layers.UpSampling2D(2, interpolation="nearest", dtype=dtype)(x)
            return convolution(_reflect(x, 1), filters, 3)
        x = layers.Conv2DTranspose(
            filters, 3, 2, kernel_initializer=next(start), dtype=dtype
        )(x)
        # PyTorch's padding 1 and output padding 1 keep rows 1 to 2H of 2H + 1.
        return CropFirstRowColumn(dtype=dtype)(x)

    blurred = keras.Input((None, None, 3), name="blurred")
    padded = PadToMultiple(4, minimum=16, name="pad_to_multiple")(blurred)

    x = normalised(convolution(_reflect(padded, 3), width, 7))
    for filters in (2 * width, 4 * width):
        x = layers.ZeroPadding2D(1, dtype=dtype)(x)
        x = normalised(convolution(x, filters, 3, strides=2))
    for block in range(blocks):
        shortcut = x
        # The authors' later code has lost the second convolution of a block, and with
        # dropout switched off also the ReLU.
        x = convolution(_reflect(x, 1), 4 * width, 3)
        x = normalised(x, relu=convolutions == 2 or dropout > 0)
        x = SampleDropout(dropout, salt=block, dtype=dtype)(x)
        if convolutions == 2:
            x = normalised(convolution(_reflect(x, 1), 4 * width, 3), relu=False)
        x = layers.Add(dtype=dtype)([shortcut, x])
    for filters in (2 * width, width):
        x = normalised(doubled(x, filters))
    # The residual is float32 under every policy: it is added to the picture.
    x = ConvolutionToFew(3, 7, kernel_initializer=next(start), dtype="float32")(
        _reflect(x, 3)
    )
    restored = keras.ops.clip(padded + keras.ops.tanh(x), -1.0, 1.0)
    restored = CropLike(name="restored")([restored, blurred])
    return keras.Model(blurred, restored, name="resnet_generator")


def patch_critic(
    width: int = 64, depth: int = 3, seed: int = 0, dtype: str = "float32"
) -> keras.Model:
    """The 70x70 PatchGAN critic (Isola et al. 2017), 2,764,737 parameters.

    A picture, float32 (N, H, W, 3) in [-1, 1] -> scores, float32 (N, h, w, 1), one for
    each patch, unbounded. It sees the picture alone, not the blurred one beside it
    (Kupyn et al. 2018, section 3.2).

    Convolutions of 4x4 with leaky ReLU (slope 0.2): `depth` with stride 2, one with
    stride 1, and a last one to a single channel. All but the first and the last have
    instance normalisation. Initial weights are N(0, 0.02).

    Args:
        width: channels of the first convolution; they double up to eight times `width`.
        depth: how many convolutions have stride 2.
        seed: decides the initial weights.
        dtype: a Keras dtype policy; the last convolution stays float32.
    """
    start = _initialisers(seed)

    def convolution(x: Any, filters: int, strides: int) -> Any:
        x = layers.ZeroPadding2D(2, dtype=dtype)(x)
        return layers.Conv2D(
            filters, 4, strides, kernel_initializer=next(start), dtype=dtype
        )(x)

    def leaky(x: Any) -> Any:
        return layers.LeakyReLU(negative_slope=0.2, dtype=dtype)(x)

    picture = keras.Input((None, None, 3), name="picture")
    x = leaky(convolution(picture, width, 2))
    for layer in range(1, depth + 1):
        strides = 2 if layer < depth else 1
        x = convolution(x, width * min(2**layer, 8), strides)
        x = leaky(InstanceNormalization(dtype=dtype)(x))
    x = layers.ZeroPadding2D(2, dtype="float32")(x)
    last = ConvolutionToFew(1, 4, kernel_initializer=next(start), dtype="float32")
    return keras.Model(picture, last(x), name="patch_critic")


def _initialisers(seed: int) -> Iterator[keras.initializers.Initializer]:
    """N(0, 0.02) for every kernel, each with a seed of its own."""
    number = 0
    while True:
        yield keras.initializers.RandomNormal(stddev=0.02, seed=seed * 1000 + number)
        number += 1


def _reflect(x: Any, pixels: int) -> Any:
    """Adds so many reflected pixels (101) on each side."""
    margin = (pixels, pixels)
    return keras.ops.pad(x, ((0, 0), margin, margin, (0, 0)), mode="reflect")
