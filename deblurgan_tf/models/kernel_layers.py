"""Layers that make and change blur kernels: (N, K, K, 1), their origin in the middle.

K = 2 reach + 1. Written with `keras.ops` alone.
"""

from __future__ import annotations

import keras
from keras import ops


def side_of(reach: int) -> int:
    """Pixels a side of a kernel that reaches so far from its middle."""
    return 2 * reach + 1


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
            (1, side_of(self.reach), side_of(self.reach), 1),
        )
        return ops.repeat(kernel, ops.shape(pictures)[0], axis=0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], side_of(self.reach), side_of(self.reach), 1)

    def get_config(self):
        return super().get_config() | {"reach": self.reach}


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
        values = ops.transpose(kernels, (0, 3, 1, 2))
        values = ops.matmul(ops.matmul(share, values), ops.transpose(share))
        return ops.transpose(values, (0, 2, 3, 1)) / 4.0

    def compute_output_shape(self, input_shape):
        return (input_shape[0], side_of(self.reach), side_of(self.reach), 1)

    def get_config(self):
        return super().get_config() | {"reach": self.reach}
