"""The receptive field: how far away a pixel can be and still change another."""

from __future__ import annotations

import math

import keras
from keras import layers

from deblurgan_tf.models.layers import BilinearUpsample2x

_POOLING = (layers.MaxPooling2D, layers.AveragePooling2D)
_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)


def receptive_radius(model: keras.Model) -> int:
    """An upper bound of this distance in pixels, for a functional model.

    Convolutions, pooling and upsampling are counted. Statistics over the whole picture
    (instance normalisation, global pooling) depend on every pixel and are not counted:
    because of them a tile's result differs a little from that of the whole picture.
    """
    known: dict[int, tuple[float, float]] = {}  # tensor -> (radius, pixels per cell)
    coarsest = 1.0
    for operation in model.operations:
        for node in operation._inbound_nodes:
            before = [known[id(x)] for x in node.input_tensors if id(x) in known]
            far, cell = max(before, default=(0.0, 1.0))
            # Inputs of one operation have the same grid, but for the picture itself.
            cell = max((c for _, c in before), default=cell)
            step, factor = _step(operation)
            far += step * cell
            cell *= factor
            coarsest = max(coarsest, cell)
            for tensor in node.output_tensors:
                known[id(tensor)] = (far, cell)
    # Rounding to the coarsest grid moves the centre by less than one of its cells.
    far = known[id(model.outputs[0])][0]
    return math.ceil(far + (coarsest if coarsest > 1 else 0))


def _step(operation: object) -> tuple[float, float]:
    """(radius in cells of its input, by what a cell's size is multiplied)."""
    if isinstance(operation, layers.Conv2DTranspose):
        stride = operation.strides[0]
        return math.ceil((max(operation.kernel_size) - 1) / stride), 1 / stride
    if isinstance(operation, _CONVOLUTIONS):
        size = (max(operation.kernel_size) - 1) * max(operation.dilation_rate)
        return math.ceil(size / 2), operation.strides[0]
    if isinstance(operation, _POOLING):
        return math.ceil((max(operation.pool_size) - 1) / 2), operation.strides[0]
    if isinstance(operation, layers.UpSampling2D):
        nearest = operation.interpolation == "nearest"
        return 0 if nearest else 1, 1 / operation.size[0]
    if isinstance(operation, BilinearUpsample2x):
        return 1, 0.5
    if isinstance(operation, keras.Model):
        return receptive_radius(operation), 1
    return 0, 1
