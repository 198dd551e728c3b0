"""Layers that make and change blur kernels.

Kernels are (N, K, K, 1) with K = 2 radius + 1; their origin is the middle pixel.
Written with `keras.ops` alone.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def side_of(radius: int) -> int:
    """Pixels a side of a kernel of this radius."""
    return 2 * radius + 1


@keras.saving.register_keras_serializable("deblurgan_tf")
class NormalisedKernel(keras.layers.Layer):
    """(N, K, K, 1) -> the same kernels with negative values set to 0, and sum 1."""

    def call(self, kernels: Any) -> Any:
        """(N, K, K, 1) -> (N, K, K, 1)."""
        # Little is added, and the sum is never 0.
        kernels = ops.relu(kernels) + 1e-8
        return kernels / ops.sum(kernels, axis=(1, 2, 3), keepdims=True)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The shape of the input."""
        return input_shape


@keras.saving.register_keras_serializable("deblurgan_tf")
class GaussianKernel(keras.layers.Layer):
    """A kernel for each picture: a Gaussian with a standard deviation of one pixel.

    Pictures (N, H, W, C), of which the number N alone counts -> (N, K, K, 1). The
    search for a kernel begins with it.
    """

    def __init__(self, radius: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.radius = radius

    def call(self, pictures: Any) -> Any:
        """(N, H, W, C) -> (N, K, K, 1)."""
        offsets = ops.arange(-self.radius, self.radius + 1, dtype="float32")
        bell = ops.exp(-0.5 * ops.square(offsets))
        bell = bell / ops.sum(bell)
        kernel = ops.reshape(
            ops.expand_dims(bell, 1) * bell,
            (1, side_of(self.radius), side_of(self.radius), 1),
        )
        return ops.repeat(kernel, ops.shape(pictures)[0], axis=0)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """(N, K, K, 1)."""
        return (input_shape[0], side_of(self.radius), side_of(self.radius), 1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"radius": self.radius}


@keras.saving.register_keras_serializable("deblurgan_tf")
class KernelUpsample2x(keras.layers.Layer):
    """Kernels for pictures of twice the size: linear between their entries, sum kept.

    (N, 2 r + 1, 2 r + 1, 1) -> (N, K, K, 1) with K = 2 radius + 1, radius at most
    2 r + 1.
    """

    def __init__(self, radius: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.radius = radius

    def call(self, kernels: Any) -> Any:
        """(N, 2 r + 1, 2 r + 1, 1) -> (N, K, K, 1)."""
        places = ops.arange(-self.radius, self.radius + 1, dtype="float32") / 2.0
        old_radius = kernels.shape[1] // 2
        offsets = ops.arange(-old_radius, old_radius + 1, dtype="float32")
        share = ops.maximum(1.0 - ops.abs(ops.expand_dims(places, 1) - offsets), 0.0)
        values = ops.transpose(kernels, (0, 3, 1, 2))
        values = ops.matmul(ops.matmul(share, values), ops.transpose(share))
        return ops.transpose(values, (0, 2, 3, 1)) / 4.0

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """(N, K, K, 1)."""
        return (input_shape[0], side_of(self.radius), side_of(self.radius), 1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"radius": self.radius}
