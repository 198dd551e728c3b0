"""A detector of number plates: a picture -> where plates may stand, and their corners.

A convolutional network of stride 8, with one place for each 8 x 8 pixels. Each place
says how likely the middle of a plate lies there, as CenterNet does (Zhou et al. 2019,
"Objects as points"), where the plate's four corners then are, as WPOD-NET does (Silva
and Jung 2018), and whether the plate has two lines. `plates.corners` makes plates of
that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from deblurgan_tf.models.layers import CropLike, PadToMultiple

STRIDE = 8  # pixels a place, in each direction
# Widths in pixels of the plates that the network is trained for; others are looked for
# in a smaller or larger copy of the picture.
NARROWEST, WIDEST = 16, 256

_DEEPEST = 32  # the stride of the smallest feature map
_CHANNELS = (16, 32, 64, 128, 192)  # at strides 2, 4, 8, 16, 32
_BLOCKS = (0, 0, 1, 1, 2)  # residual blocks there
# A plate's corners, in units of its size: an upright plate of three times its height.
_BASE = np.array([[-0.5, -0.17], [0.5, -0.17], [0.5, 0.17], [-0.5, 0.17]], "float32")
_USUAL_WIDTH = 64.0  # pixels of a plate whose size is exp(0)


def detector(normalised: bool = False) -> keras.Model:
    """The network with random weights, 2.3 million of them.

    Args:
        normalised: a batch normalisation behind each convolution of the body, for
            training. `without_normalisation` turns such a model into a plain one.

    Returns:
        A model from `pictures`, float32 (N, H, W, 3) of any size, RGB in [-1, 1], to a
        dict, float32, where h and w are H / 8 and W / 8, rounded up: `middle`
        (N, h, w, 1), the logit of a plate's middle being in this place; `corners`
        (N, h, w, 8), x and y in pixels of the four corners of that plate, from the
        middle of this place, clockwise from the text's top left; `lines` (N, h, w, 1),
        the logit of two lines of text.
    """
    build = _Builder(normalised)
    pictures = keras.Input((None, None, 3), name="pictures")
    x = PadToMultiple(_DEEPEST, minimum=_DEEPEST, name="pad")(pictures)
    maps = []
    for level, (channels, blocks) in enumerate(zip(_CHANNELS, _BLOCKS, strict=True)):
        x = build.convolution(x, channels, f"down_{level}", strides=2)
        for block in range(blocks):
            x = build.residual(x, f"block_{level}_{block}")
        maps.append(x)
    for level in (3, 2):
        channels = _CHANNELS[level]
        x = build.convolution(x, channels, f"narrow_{level}", size=1)
        x = layers.UpSampling2D(2, name=f"up_{level}")(x)
        x = layers.Add(name=f"joined_{level}")([x, maps[level]])
        x = build.convolution(x, channels, f"mixed_{level}")
    x = build.convolution(x, 64, "head")
    x = build.convolution(x, 128, "head_mixed", size=1)
    # Places of the padding are left out: they are none of the picture's.
    x = CropLike(name="crop")([x, pictures[:, ::STRIDE, ::STRIDE]])
    # Few places hold a plate's middle: the first probability is a hundredth.
    middle = layers.Conv2D(
        1,
        1,
        bias_initializer=keras.initializers.Constant(-4.6),
        dtype="float32",
        name="middle",
    )(x)
    lines = layers.Conv2D(1, 1, dtype="float32", name="lines")(x)
    shape = layers.Conv2D(
        9, 1, kernel_initializer=_small(), dtype="float32", name="shape"
    )(x)
    size = ops.exp(ops.clip(shape[..., 8:], -4.0, 4.0)) * _USUAL_WIDTH
    corners = size * (shape[..., :8] + ops.convert_to_tensor(_BASE.reshape(8)))
    outputs = {"middle": middle, "corners": corners, "lines": lines}
    return keras.Model(pictures, outputs, name="plate_detector")


def _small() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=0.01, seed=1)


class _Builder:
    """Convolutions with or without normalisation, named alike in both cases."""

    def __init__(self, normalised: bool) -> None:
        self.normalised = normalised

    def convolution(
        self, x: Any, channels: int, name: str, size: int = 3, strides: int = 1
    ) -> Any:
        return layers.ReLU(name=f"{name}_relu")(
            self._linear(x, channels, name, size, strides)
        )

    def residual(self, x: Any, name: str) -> Any:
        channels = x.shape[-1]
        y = self.convolution(x, channels, f"{name}_first")
        y = self._linear(y, channels, f"{name}_second")
        y = layers.Add(name=f"{name}_sum")([x, y])
        return layers.ReLU(name=f"{name}_relu")(y)

    def _linear(
        self, x: Any, channels: int, name: str, size: int = 3, strides: int = 1
    ) -> Any:
        x = layers.Conv2D(
            channels,
            size,
            strides,
            padding="same",
            use_bias=not self.normalised,
            kernel_initializer="he_normal",
            name=name,
        )(x)
        if self.normalised:
            x = layers.BatchNormalization(
                momentum=0.98, epsilon=1e-3, name=f"{name}_norm"
            )(x)
        return x


def without_normalisation(model: keras.Model) -> keras.Model:
    """The plain `detector` that computes what a normalised one does in inference."""
    plain = detector()
    for layer in _with_weights(plain):
        source = model.get_layer(layer.name)
        weights = source.get_weights()
        if not source.use_bias:
            norm = model.get_layer(f"{layer.name}_norm")
            scale, shift, mean, variance = norm.get_weights()
            scale = scale / np.sqrt(variance + norm.epsilon)
            weights = [weights[0] * scale, shift - mean * scale]
        layer.set_weights(weights)
    return plain


def _with_weights(model: keras.Model) -> Iterator[keras.layers.Layer]:
    yield from (layer for layer in model.layers if layer.weights)
