"""A SavedModel for TensorFlow Serving: pixels, floats or files in, the same out.

| signature | in | out |
| --- | --- | --- |
| serving_default | image, uint8 (N, H, W, 3) | restored, the same |
| serve_float | image, float32 (N, H, W, 3) in [0, 1] | restored, the same |
| serve_bytes | image_bytes, strings (N): JPEG or PNG | restored_bytes: PNG |

Serving's REST interface takes and gives strings whose names end in _bytes in base64.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.exporting import picture_bytes
from deblurgan_tf.exporting.graph import (
    MAX_PIXELS,
    area,
    converting,
    in_parts,
    restoring,
)

Answer = dict[str, tf.Tensor]


def save(model: keras.Model, folder: Path, max_pixels: int = MAX_PIXELS) -> None:
    """Writes the SavedModel of a generator into a folder.

    max_pixels: larger pictures are refused with an InvalidArgument error. Raises
    WorkFailed where TensorFlow cannot save the model.
    """
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    functions = signatures(model, max_pixels)
    with converting(model, "saved_model"):
        tf.saved_model.save(module, str(folder), signatures=functions)


def signatures(
    model: keras.Model, max_pixels: int = MAX_PIXELS
) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """The functions of the table above, by name."""
    restore = restoring(model)

    def restored(pictures: tf.Tensor) -> tf.Tensor:
        return in_parts(restore, pictures, max_pixels)

    def serving_default(image: tf.Tensor) -> Answer:
        with _checked(image, max_pixels):
            blurred = images.to_float(image)
        return {"restored": images.to_uint8(restored(blurred))}

    def serve_float(image: tf.Tensor) -> Answer:
        inside = tf.reduce_all((image >= 0.0) & (image <= 1.0))  # false for NaN
        message = "image: values must lie in [0, 1]; divide pixels by 255"
        check = tf.debugging.Assert(inside, [message])
        with tf.control_dependencies([check]), _checked(image, max_pixels):
            blurred = image * 2.0 - 1.0
        values = (restored(blurred) + 1.0) / 2.0
        return {"restored": tf.clip_by_value(values, 0.0, 1.0)}

    def serve_bytes(image_bytes: tf.Tensor) -> Answer:
        def answer(number: tf.Tensor) -> tf.Tensor:
            place = tf.strings.format("image_bytes[{}]", number)
            picture = picture_bytes.decode(image_bytes[number], place, max_pixels)
            result = restore(picture.blurred[None])[0]
            return picture_bytes.encode(result, picture)

        # One after another: only one picture at a time is in memory.
        files = tf.map_fn(
            answer,
            tf.range(tf.size(image_bytes)),
            fn_output_signature=tf.TensorSpec((), tf.string),
            parallel_iterations=1,
        )
        return {"restored_bytes": files}

    def compiled(
        function: Callable[[tf.Tensor], Answer],
        shape: tuple[int | None, ...],
        dtype: tf.DType,
        name: str,
    ) -> Any:
        spec = tf.TensorSpec(shape, dtype, name=name)
        return tf.function(function, input_signature=[spec], autograph=False)

    pixels = (None, None, None, 3)
    return {
        "serving_default": compiled(serving_default, pixels, tf.uint8, "image"),
        "serve_float": compiled(serve_float, pixels, tf.float32, "image"),
        "serve_bytes": compiled(serve_bytes, (None,), tf.string, "image_bytes"),
    }


def _checked(image: tf.Tensor, max_pixels: int) -> tf.control_dependencies:
    shape = tf.shape(image)
    empty = tf.debugging.Assert(
        tf.reduce_all(shape > 0), ["image: holds no pixels; its shape is", shape]
    )
    large = tf.debugging.Assert(
        area(shape[1], shape[2]) <= max_pixels,
        [
            f"image: at most {max_pixels:,} pixels a picture are restored here (make "
            "it smaller, cut it, or use deblurgan_tf.predict); its shape is",
            shape,
        ],
    )
    return tf.control_dependencies([empty, large])
