"""A convolution to few channels, such as the three of a picture, fast on a CPU."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("deblurgan_tf")
class ConvolutionToFew(keras.layers.Conv2D):
    """A Conv2D to few channels, stride 1 and no padding, that is fast on a CPU.

    (N, H, W, many) -> (N, H - K + 1, W - K + 1, few). The values are those of Conv2D,
    but for float32 rounding. TensorFlow's CPU kernels are made for many channels: for 3
    they reach a fifth of the rate that they reach for 256, and without oneDNN their
    gradients a hundredth.
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Raises ValueError for strides, dilation, groups and padding of its own."""
        plain = self.strides == self.dilation_rate == (1, 1) and self.groups == 1
        if not (plain and self.padding == "valid"):
            raise ValueError("needs strides, dilation and groups of 1 and no padding")
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """(N, H, W, many) -> (N, H - K + 1, W - K + 1, few)."""
        if keras.backend.backend() != "tensorflow":
            return super().call(x)
        values = _convolution_to_few(x, ops.convert_to_tensor(self.kernel))
        if self.use_bias:
            values = values + self.bias
        return values if self.activation is None else self.activation(values)


def _convolution_to_few(pictures: Any, kernel: Any) -> Any:
    import tensorflow as tf

    rows, columns, many, few = kernel.shape

    def to_pictures(upstream: Any, kernel: Any) -> Any:
        """The gradient for the pictures: upstream convolved with the flipped kernel."""
        around = [(rows - 1, rows - 1), (columns - 1, columns - 1)]
        flipped = tf.transpose(tf.reverse(kernel, [0, 1]), (0, 1, 3, 2))
        padded = tf.pad(upstream, [(0, 0), *around, (0, 0)])
        return tf.nn.conv2d(padded, flipped, 1, "VALID")

    def to_kernel(upstream: Any, pictures: Any) -> Any:
        """The gradient for the kernel, one matrix product for each of its rows.

        A product takes the rows of the pictures that the kernel's row was multiplied
        with, and the upstream, shifted once for each column of the kernel.
        """
        height = tf.shape(upstream)[1]
        shifted = [
            tf.pad(upstream, [(0, 0), (0, 0), (at, columns - 1 - at), (0, 0)])
            for at in range(columns)
        ]
        shifted = tf.reshape(tf.concat(shifted, -1), (-1, columns * few))
        products = []
        for row in range(rows):
            # The rows of a single picture lie together and are not copied.
            if pictures.shape[0] == 1:
                part = pictures[0][row : row + height]
            else:
                part = pictures[:, row : row + height]
            part = tf.reshape(part, (-1, many))
            products.append(tf.matmul(part, shifted, transpose_a=True))
        values = tf.reshape(tf.stack(products), (rows, many, columns, few))
        return tf.transpose(values, (0, 2, 1, 3))

    @tf.custom_gradient
    def convolve(pictures: Any, kernel: Any) -> Any:
        def gradient(upstream: Any) -> tuple[Any, Any]:
            return to_pictures(upstream, kernel), to_kernel(upstream, pictures)

        # The kernel's rows side by side as channels; each result is then moved by its
        # row, and all are added.
        beside = tf.reshape(
            tf.transpose(kernel, (1, 2, 0, 3)), (1, columns, many, rows * few)
        )
        values = tf.nn.conv2d(pictures, beside, 1, "VALID")
        height = tf.shape(pictures)[1] - rows + 1
        parts = [
            values[:, row : row + height, :, row * few : (row + 1) * few]
            for row in range(rows)
        ]
        return tf.add_n(parts), gradient

    # Not the variable itself: `gradient` would then be asked for its gradient by name.
    return convolve(pictures, tf.identity(kernel))
