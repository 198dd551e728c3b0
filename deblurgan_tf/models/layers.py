"""Layers that Keras lacks: padding and cropping of any size, seeded dropout."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from deblurgan_tf.blur.seeds import uniform

_SCOPE = threading.local()


@keras.saving.register_keras_serializable("deblurgan_tf")
class PadToMultiple(keras.layers.Layer):
    """Pads pictures at the bottom and the right to a multiple of `multiple`.

    (N, H, W, C) -> (N, H', W', C). First by the edge value to at least `minimum` a
    side, because a reflection needs more pixels than it adds; then by reflection (101)
    to the next multiple.
    """

    def __init__(self, multiple: int, minimum: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.multiple = multiple
        self.minimum = minimum

    def call(self, pictures: Any) -> Any:
        """(N, H, W, C) -> (N, H', W', C)."""
        for axis in (1, 2):
            size = pictures.shape[axis]
            if size is not None and size >= self.minimum and not size % self.multiple:
                continue
            size = ops.shape(pictures)[axis]
            least = ops.maximum(size, self.minimum)
            padded = (least + self.multiple - 1) // self.multiple * self.multiple
            # Where each pixel of the result comes from. A large multiple may add more
            # pixels than the picture has: the reflection then goes back and forth.
            source = ops.arange(padded, dtype="int32")
            period = 2 * (least - 1)
            source = ops.mod(source, period)
            source = ops.minimum(source, period - source)
            pictures = ops.take(pictures, ops.minimum(source, size - 1), axis=axis)
        return pictures

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The padded size; None where the size is not known."""

        def padded(size: int | None) -> int | None:
            if size is None:
                return None
            return -(-max(size, self.minimum) // self.multiple) * self.multiple

        count, height, width, channels = input_shape
        return (count, padded(height), padded(width), channels)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        config = {"multiple": self.multiple, "minimum": self.minimum}
        return super().get_config() | config


@keras.saving.register_keras_serializable("deblurgan_tf")
class CropLike(keras.layers.Layer):
    """[pictures, reference] -> the top left of pictures, in the reference's size."""

    def call(self, inputs: list[Any]) -> Any:
        """[(N, H', W', C), (N, H, W, ...)] -> (N, H, W, C)."""
        pictures, reference = inputs
        if None not in pictures.shape[1:3] and pictures.shape == reference.shape:
            return pictures
        shape = ops.shape(reference)
        return pictures[:, : shape[1], : shape[2]]

    def compute_output_shape(
        self, input_shape: list[tuple[Any, ...]]
    ) -> tuple[Any, ...]:
        """The reference's size, the pictures' channels."""
        pictures, reference = input_shape
        return (*reference[:3], pictures[3])


@keras.saving.register_keras_serializable("deblurgan_tf")
class CropFirstRowColumn(keras.layers.Layer):
    """(N, H, W, C) -> (N, H - 1, W - 1, C): without the first row and column.

    Cropping2D does the same, but its gradient in TensorFlow takes a hundredth of a
    training step.
    """

    def call(self, pictures: Any) -> Any:
        """(N, H, W, C) -> (N, H - 1, W - 1, C)."""
        count, height, width, channels = ops.shape(pictures)
        return ops.slice(
            pictures, (0, 1, 1, 0), (count, height - 1, width - 1, channels)
        )

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """One pixel less a side."""
        count, *sides, channels = input_shape
        return (count, *(side and side - 1 for side in sides), channels)


@keras.saving.register_keras_serializable("deblurgan_tf")
class BilinearUpsample2x(keras.layers.Layer):
    """Doubles the size of pictures: linear between the middles of the old pixels.

    (N, H, W, C) -> (N, 2 H, 2 W, C). The values of UpSampling2D's bilinear
    interpolation, which Keras 3.15 cannot trace for sizes that are not known.
    """

    def call(self, pictures: Any) -> Any:
        """(N, H, W, C) -> (N, 2 H, 2 W, C)."""
        count, height, width, channels = ops.shape(pictures)
        first, last = pictures[:, :1], pictures[:, -1:]
        before = ops.concatenate([first, pictures[:, :-1]], 1)
        after = ops.concatenate([pictures[:, 1:], last], 1)
        rows = _interleaved(before, pictures, after, 2)
        pictures = ops.reshape(rows, (count, 2 * height, width, channels))
        first, last = pictures[:, :, :1], pictures[:, :, -1:]
        before = ops.concatenate([first, pictures[:, :, :-1]], 2)
        after = ops.concatenate([pictures[:, :, 1:], last], 2)
        columns = _interleaved(before, pictures, after, 3)
        shape = (count, 2 * height, 2 * width, channels)
        return ops.reshape(columns, shape)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Twice the size; None where it is not known."""
        count, height, width, channels = input_shape
        sizes = (None if size is None else 2 * size for size in (height, width))
        return (count, *sizes, channels)


def _interleaved(before: Any, here: Any, after: Any, axis: int) -> Any:
    """Two values for each pixel: a quarter of the way to its neighbours' middles."""
    most = 0.75 * here
    return ops.stack([most + 0.25 * before, most + 0.25 * after], axis)


@contextlib.contextmanager
def dropout_seeds(seeds: Any) -> Iterator[None]:
    """Gives seeds to the `SampleDropout` layers that are called inside it.

    seeds: integers (N,), one per sample, see `blur.seeds`. A sample's masks depend on
    its seed alone, so they are the same in any batch and after a resume. Holds for the
    calling thread alone.
    """
    outer = getattr(_SCOPE, "seeds", None)
    _SCOPE.seeds = seeds
    try:
        yield
    finally:
        _SCOPE.seeds = outer


@keras.saving.register_keras_serializable("deblurgan_tf")
class SampleDropout(keras.layers.Layer):
    """Inverted dropout whose masks come from one seed per sample.

    (N, H, W, C) -> the same. Active when called with training=True, inside
    `dropout_seeds`. Layers of one model have different numbers `salt`, and so different
    masks.
    """

    def __init__(self, rate: float, salt: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1); got {rate}")
        self.rate = rate
        self.salt = salt

    def call(self, x: Any, training: bool = False) -> Any:
        """(N, H, W, C) -> the same. Raises RuntimeError in training without seeds."""
        if not training or self.rate == 0:
            return x
        seeds = getattr(_SCOPE, "seeds", None)
        if seeds is None:
            raise RuntimeError(
                "dropout in training needs seeds: call the model inside "
                "deblurgan_tf.models.layers.dropout_seeds(seeds)"
            )
        shape = ops.shape(x)
        size = shape[1] * shape[2] * shape[3]
        kept = ops.reshape(uniform(seeds, size, self.salt) >= self.rate, shape)
        return ops.where(kept, x * (1.0 / (1.0 - self.rate)), ops.zeros_like(x))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"rate": self.rate, "salt": self.salt}
