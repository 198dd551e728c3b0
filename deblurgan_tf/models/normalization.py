"""Instance normalisation, whose statistics may be shared between pictures."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
from keras import ops

_SCOPE = threading.local()

Moments = Callable[[Any], tuple[Any, Any]]
"""float32 features (N, H, W, C) -> means and variances that broadcast with them."""


@keras.saving.register_keras_serializable("deblurgan_tf")
class InstanceNormalization(keras.layers.Layer):
    """Brings each channel of each sample to mean 0, variance 1 over (H, W).

    (N, H, W, C) -> the same. No parameters: as PyTorch's InstanceNorm2d(affine=False),
    with the biased variance and epsilon 1e-5 (Ulyanov et al. 2016, "Instance
    Normalization: The Missing Ingredient for Fast Stylization").

    The values are those of GroupNormalization(groups=-1) without center and scale. A
    batch of one, with which DeblurGAN trains, takes TensorFlow's fused kernel for batch
    normalisation instead: for one sample the two are the same, and it is faster.
    """

    epsilon = 1e-5

    def call(self, x: Any) -> Any:
        """(N, H, W, C) -> the same, of the same type; statistics are float32."""
        shared: Moments | None = getattr(_SCOPE, "moments", None)
        fused = keras.backend.backend() == "tensorflow" and x.shape[0] == 1
        if fused and shared is None:
            return self._fused(x)
        values = ops.cast(x, "float32")
        if shared is None:
            mean, variance = _moments(values, axes=(1, 2))
        else:
            mean, variance = shared(values)
        scale = ops.rsqrt(variance + self.epsilon)
        return ops.cast((values - mean) * scale, x.dtype)

    def _fused(self, x: Any) -> Any:
        import tensorflow as tf

        channels = x.shape[-1]
        return tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=tf.ones(channels),
            offset=tf.zeros(channels),
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=self.epsilon,
            is_training=True,
        ).y

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The shape of the input."""
        return input_shape


@contextlib.contextmanager
def recorded_statistics() -> Iterator[list[Any]]:
    """Inside it, an `InstanceNormalization` takes its statistics over the whole batch.

    Yields a list. Each call of such a layer appends its statistics, float32 (2, C):
    means and variances. Holds for the calling thread alone.
    """
    record: list[Any] = []

    def note(values: Any) -> tuple[Any, Any]:
        mean, variance = _moments(values, axes=(0, 1, 2))
        record.append(ops.reshape(ops.stack([mean, variance]), (2, -1)))
        return mean, variance

    with _shared_moments(note):
        yield record


@contextlib.contextmanager
def given_statistics(record: Iterable[Any]) -> Iterator[None]:
    """Inside it, each call of an `InstanceNormalization` takes the next of `record`.

    record: what `recorded_statistics` yielded. Holds for the calling thread alone.
    """
    rest = iter(record)

    def take(_: Any) -> tuple[Any, Any]:
        pair = next(rest)
        return pair[0], pair[1]

    with _shared_moments(take):
        yield


@contextlib.contextmanager
def _shared_moments(moments: Moments) -> Iterator[None]:
    outer = getattr(_SCOPE, "moments", None)
    _SCOPE.moments = moments
    try:
        yield
    finally:
        _SCOPE.moments = outer


def _moments(values: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    mean = ops.mean(values, axis=axes, keepdims=True)
    return mean, ops.mean(ops.square(values - mean), axis=axes, keepdims=True)
