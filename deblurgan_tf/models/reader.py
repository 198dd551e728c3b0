"""A reader of number plates: a plate's picture -> which sign stands where.

The network is the small recogniser of PP-OCRv6 (PaddleOCR, Apache-2.0): convolutions
that reduce the height much and the width little, two blocks of attention over the
columns, and for each of 40 columns the probabilities of the signs. It was trained with
CTC (Graves et al. 2006). Its weights come from an ONNX file layer by layer (`convert`).

A plate of two lines is shown as two strips side by side (`view`), so that one network
of one size reads both kinds; its output `lines` tells them apart.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import cv2
import keras
import numpy as np
from keras import layers, ops

# The digits, the letters, and the marked letters that plates of Europe carry. A sign's
# class is its place here plus one; class 0 is CTC's blank.
PLAIN_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MARKED_SIGNS = "ÄÖÜÅÆØČĆŠŽĐÑ"
SIGNS = PLAIN_SIGNS + MARKED_SIGNS
# A sign without its mark, for texts that know A-Z and 0-9 only.
UNMARKED = dict(zip(MARKED_SIGNS, "AOUAAOCCSZDN", strict=True))

HEIGHT, WIDTH = 48, 320
# The two strips of a plate of two lines are each this part of its height: a little more
# than half, so that no line is cut where the plate is not centred in its picture.
STRIP = 0.55

_CHANNELS, _HEADS = 120, 8  # of the attention over the columns


class ReaderError(ValueError):
    """A file that holds no such reader; the message names it and the reason."""


class _Block(NamedTuple):
    """A depthwise convolution, and two convolutions 1x1 that mix the channels.

    gated: channels are weighted by what the whole picture holds (squeeze and excite).
    low: the height is halved; such a block has no shortcut.
    """

    channels: int
    gated: bool = False
    low: bool = False


_BLOCKS = (
    _Block(96, gated=True),
    _Block(96),
    _Block(96),
    _Block(192, low=True),
    _Block(192, gated=True),
    _Block(192),
    _Block(192, gated=True),
    _Block(192),
    _Block(192, gated=True),
    _Block(192),
    _Block(384, low=True),
    _Block(384, gated=True),
    _Block(384),
)


def reader(signs: int = len(SIGNS), width: int | None = WIDTH) -> keras.Model:
    """The network with random weights, 3.0 million of them.

    Args:
        signs: how many signs the head tells apart, without the blank.
        width: of the pictures in pixels, a multiple of 8; None for any.

    Returns:
        A model from `plates`, float32 (N, 48, width, 3), RGB in [-1, 1], to a dict of
        logits, float32: `signs` (N, width / 8, signs + 1), the blank first, and `lines`
        (N, 1), whether the plate has two lines. `lines` means something for the view of
        one line only.
    """
    plates = keras.Input((HEIGHT, width, 3), name="plates")
    x = _stem(plates)
    for number, block in enumerate(_BLOCKS):
        x = _mixed(x, block, f"block_{number}")
    x = layers.AveragePooling2D((3, 2), name="columns")(x)
    x = _attended(x)
    signs_logits = layers.Dense(signs + 1, dtype="float32", name="signs")(x)
    mean = layers.GlobalAveragePooling1D(name="mean_column")(x)
    lines = layers.Dense(1, dtype="float32", name="lines")(mean)
    outputs = {"signs": signs_logits, "lines": lines}
    return keras.Model(plates, outputs, name="plate_reader")


def _stem(plates: keras.KerasTensor) -> keras.KerasTensor:
    """A quarter of the height and width, 96 channels."""
    x = _strided(plates, 48, "stem_0")
    fine = layers.Conv2D(24, 2, padding="same", activation="relu", name="stem_1")(x)
    fine = layers.Conv2D(48, 2, padding="same", activation="relu", name="stem_2")(fine)
    # The padding of the maximum is never chosen: the values are not negative.
    x = layers.MaxPooling2D(2, 1, padding="same", name="stem_maximum")(x)
    x = layers.Concatenate(name="stem_both")([x, fine])
    x = _strided(x, 48, "stem_3")
    return layers.Conv2D(96, 1, activation="relu", name="stem_4")(x)


def _strided(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    # Padding "same" would put its pixel of an even size on the other side.
    x = layers.ZeroPadding2D(1, name=f"{name}_border")(x)
    return layers.Conv2D(channels, 3, 2, activation="relu", name=name)(x)


def _mixed(x: keras.KerasTensor, block: _Block, name: str) -> keras.KerasTensor:
    x = layers.DepthwiseConv2D(3, padding="same", name=f"{name}_depthwise")(x)
    if block.low:
        # TensorFlow's depthwise convolution has one stride for both directions: every
        # row is computed, and every second one left out.
        x = x[:, ::2]
    channels = x.shape[-1]
    if block.gated:
        gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
        gate = layers.Conv2D(
            channels // 4, 1, activation="relu", name=f"{name}_squeeze"
        )(gate)
        gate = layers.Conv2D(
            channels, 1, activation="hard_sigmoid", name=f"{name}_excite"
        )(gate)
        x = layers.Multiply(name=f"{name}_gated")([x, gate])
    wide = 2 * block.channels if not block.low else block.channels
    y = layers.Conv2D(wide, 1, name=f"{name}_expand")(x)
    y = layers.Activation("gelu", name=f"{name}_gelu")(y)
    y = layers.Conv2D(block.channels, 1, name=f"{name}_project")(y)
    return y if block.low else layers.Add(name=f"{name}_sum")([x, y])


def _attended(x: keras.KerasTensor) -> keras.KerasTensor:
    """Columns (N, 1, columns, 384) -> (N, columns, 120), each knowing the others."""
    shortcut = layers.Conv2D(_CHANNELS, 1, activation="silu", name="shortcut")(x)
    x = layers.Conv2D(_CHANNELS, 1, activation="silu", name="narrow")(x)
    near = layers.DepthwiseConv2D(
        (1, 7), padding="same", activation="silu", name="near"
    )
    x = layers.Add(name="near_sum")([x, near(x)])
    x = ops.squeeze(x, 1)
    for number in range(2):
        name = f"attention_{number}"
        y = layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)
        y = layers.MultiHeadAttention(_HEADS, _CHANNELS // _HEADS, name=name)(y, y)
        x = layers.Add(name=f"{name}_sum")([x, y])
        y = layers.LayerNormalization(epsilon=1e-5, name=f"{name}_mlp_norm")(x)
        y = layers.Dense(2 * _CHANNELS, activation="silu", name=f"{name}_expand")(y)
        y = layers.Dense(_CHANNELS, name=f"{name}_project")(y)
        x = layers.Add(name=f"{name}_mlp_sum")([x, y])
    x = layers.LayerNormalization(epsilon=1e-6, name="last_norm")(x)
    return layers.Add(name="shortcut_sum")([x, ops.squeeze(shortcut, 1)])


def convert(path: str | os.PathLike[str], width: int | None = WIDTH) -> keras.Model:
    """The recogniser in an ONNX file as a `reader`, with as many signs as its head has.

    The file's pictures are (N, 3, 48, W), BGR in [-1, 1]; the model takes RGB. The head
    `lines`, which the file lacks, is zero: as likely one line as two. Needs the extra
    `onnx`. Raises ReaderError where the file holds another network.
    """
    import onnx

    file = onnx.load(os.fspath(path))
    found = _parameters(file, onnx.numpy_helper.to_array)
    model = reader(found.dense[-1][0].shape[1] - 1 if found.dense else 1, width)
    convolutions, dense, norms = (iter(part) for part in found)
    try:
        for layer in _in_file_order(model):
            if isinstance(layer, layers.LayerNormalization):
                layer.set_weights(next(norms))
            elif isinstance(layer, layers.DepthwiseConv2D):
                kernel, bias = next(convolutions)
                layer.set_weights([kernel.transpose(2, 3, 0, 1), bias])
            elif isinstance(layer, layers.Conv2D):
                kernel, bias = next(convolutions)
                kernel = kernel.transpose(2, 3, 1, 0)
                if layer.name == "stem_0":
                    kernel = kernel[:, :, ::-1]
                layer.set_weights([kernel, bias])
            elif isinstance(layer, layers.MultiHeadAttention):
                (kernel, bias), (last, last_bias) = next(dense), next(dense)
                kernels = kernel.reshape(_CHANNELS, 3, _HEADS, -1)
                biases = bias.reshape(3, _HEADS, -1)
                three = [part for k in range(3) for part in (kernels[:, k], biases[k])]
                out = last.reshape(_HEADS, -1, _CHANNELS)
                layer.set_weights([*three, out, last_bias])
            else:
                layer.set_weights(next(dense))
    except (StopIteration, ValueError) as error:
        raise ReaderError(
            f"{os.fspath(path)}: not the small recogniser of PP-OCRv6 with folded "
            f"normalisations ({error or 'too few layers'}); give such an ONNX file"
        ) from error
    if any(True for part in (convolutions, dense, norms) for _ in part):
        raise ReaderError(
            f"{os.fspath(path)}: has more layers than the small recogniser of PP-OCRv6"
        )
    lines = model.get_layer("lines")
    lines.set_weights([np.zeros(w.shape, np.float32) for w in lines.weights])
    return model


def _in_file_order(model: keras.Model) -> list[keras.Layer]:
    """The layers that have weights in the file, in its order."""
    chosen = [
        layer for layer in model.layers if layer.weights and layer.name != "lines"
    ]
    names = ["stem_0", "stem_1", "stem_2", "stem_3", "stem_4"]
    parts = ("depthwise", "squeeze", "excite", "expand", "project")
    names += [f"block_{n}_{part}" for n in range(len(_BLOCKS)) for part in parts]
    names += ["shortcut", "narrow", "near"]
    for n in range(2):
        name = f"attention_{n}"
        names += [f"{name}_norm", name, f"{name}_mlp_norm"]
        names += [f"{name}_expand", f"{name}_project"]
    names += ["last_norm", "signs"]
    return sorted(chosen, key=lambda layer: names.index(layer.name))


class _Parameters(NamedTuple):
    """Pairs of arrays in the order of the file: kernel or scale, and bias."""

    convolutions: list[tuple[np.ndarray, np.ndarray]]
    dense: list[tuple[np.ndarray, np.ndarray]]
    norms: list[tuple[np.ndarray, np.ndarray]]


def _parameters(file: Any, to_array: Any) -> _Parameters:
    """What an ONNX file holds; a bias is the constant that is added right after."""
    constants = {c.name: to_array(c) for c in file.graph.initializer}
    users: dict[str, list[Any]] = {}
    for node in file.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)

    def added(output: str) -> np.ndarray | None:
        for node in users.get(output, []):
            for name in node.input:
                if node.op_type == "Add" and name in constants:
                    return constants[name].reshape(-1)
        return None

    found = _Parameters([], [], [])
    for node in file.graph.node:
        weight = constants.get(node.input[1]) if len(node.input) > 1 else None
        if weight is None or node.op_type not in ("Conv", "MatMul", "Mul"):
            continue
        if node.op_type == "Conv" and len(node.input) == 3:
            bias = constants[node.input[2]]
        else:
            bias = added(node.output[0])
        if bias is None:
            continue
        if node.op_type == "Conv":
            found.convolutions.append((weight, bias))
        elif node.op_type == "MatMul":
            found.dense.append((weight, bias))
        elif weight.size == bias.size > 1:
            found.norms.append((weight, bias))
    return found


def view(plate: np.ndarray, two_lines: bool = False) -> np.ndarray:
    """The picture of a plate as the network sees it.

    Args:
        plate: uint8 (h, w, 3) RGB, a plate that fills its picture but for some margin.
        two_lines: show the upper and the lower strip side by side.

    Returns:
        float32 (48, 320, 3) in [-1, 1], stretched to that size.
    """
    if two_lines:
        cut = max(1, round(len(plate) * STRIP))
        strips = [_stretched(part, WIDTH // 2) for part in (plate[:cut], plate[-cut:])]
        picture = np.concatenate(strips, axis=1)
    else:
        picture = _stretched(plate, WIDTH)
    return picture.astype(np.float32) / 127.5 - 1.0


def _stretched(picture: np.ndarray, width: int) -> np.ndarray:
    """To (48, width): what gets smaller is averaged, what gets larger interpolated."""
    height = picture.shape[0]
    if picture.shape[1] > width:
        size = (width, height)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if height > HEIGHT:
        size = (picture.shape[1], HEIGHT)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_LINEAR)
