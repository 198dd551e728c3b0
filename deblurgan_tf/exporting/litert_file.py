"""A LiteRT (.tflite) file of a generator: stored pixels in and out, any size.

Signature `serving_default`: `image`, uint8 (N, H, W, 3) RGB -> `restored`, the same;
resize the input tensor before running. The file has only LiteRT's own operators, none
of TensorFlow's ("flex"). The conversion needs only TensorFlow; the extra `litert` has
the runtime.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from deblurgan_tf.exporting.graph import converting, restoring_uint8
from deblurgan_tf.exporting.options import Quantize


def save(model: keras.Model, path: Path, quantize: Quantize | None = None) -> None:
    """Writes the file.

    quantize: how the weights are stored; the computation stays in float32. Raises
    WorkFailed where the converter refuses the model.

    Activations in 8 bits are not offered: instance normalisation divides by deviations
    that differ from picture to picture. Calibrated on 20 plates, plates_quick fell from
    21.0 to 14.7 dB on the 16 plates of `quantisation_cost`, below the blurred ones
    (18.8 dB).
    """
    model = _convertible(model)
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.answer = restoring_uint8(model)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.answer.get_concrete_function()], module
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    with converting(model, "litert"):
        converted = converter.convert()
    path.write_bytes(converted)


class _Twice(keras.layers.Layer):
    """Doubles height and width by nearest neighbours.

    After Keras's own layer for that the converter does not know the number of channels
    any more, and refuses the next convolution.
    """

    def call(self, pictures: tf.Tensor) -> tf.Tensor:
        size = 2 * tf.shape(pictures)[1:3]
        return tf.image.resize(pictures, size, method="nearest")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        return (shape[0], None, None, shape[3])


def _convertible(model: keras.Model) -> keras.Model:
    """The same model, of layers that the converter knows."""

    def known(layer: keras.layers.Layer) -> keras.layers.Layer:
        doubles = isinstance(layer, keras.layers.UpSampling2D) and (
            layer.size == (2, 2) and layer.interpolation == "nearest"
        )
        return _Twice(name=layer.name) if doubles else layer

    copy = keras.models.clone_model(model, clone_function=known)
    copy.set_weights(model.get_weights())
    return copy
