"""A generator that answers as `predict` does, from stored pixels to stored pixels.

All that `predict` does around the model is here as TensorFlow operations, so that it
travels with the exported file: scaling, passing flat pictures through, rounding.
Padding and cropping are layers of the model.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.inference import tiles
from deblurgan_tf.inference.restorer import TILE
from deblurgan_tf.models.normalization import InstanceNormalization

MAX_PIXELS = TILE * TILE
"""What an exported SavedModel restores at most; `predict` cuts larger ones into tiles.

Sides below tiles.SMALLEST count as SMALLEST, which they are padded to.
"""

Restore = Callable[[tf.Tensor], tf.Tensor]


def restoring(model: keras.Model) -> Restore:
    """float32 (N, H, W, 3) in [-1, 1] -> the same, as `predict` restores each picture.

    A model with instance normalisation passes flat pictures through: see
    `Restorer._restore`.
    """
    normalised = any(isinstance(x, InstanceNormalization) for x in model.layers)

    def restore(blurred: tf.Tensor) -> tf.Tensor:
        restored = model(blurred, training=False)
        if not normalised:
            return restored
        first = blurred[:, :1, :1]
        flat = tf.reduce_all(tf.equal(blurred, first), axis=[1, 2, 3], keepdims=True)
        return tf.where(flat, blurred, restored)

    return restore


def restoring_uint8(model: keras.Model) -> tf.types.experimental.PolymorphicFunction:
    """image, uint8 (N, H, W, 3) -> {"restored": the same}, any N, H and W from 1."""
    restore = restoring(model)

    def answer(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"restored": images.to_uint8(restore(images.to_float(image)))}

    spec = tf.TensorSpec((None, None, None, 3), tf.uint8, name="image")
    return tf.function(answer, input_signature=[spec], autograph=False)


def in_parts(restore: Restore, pictures: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Restores (N, H, W, 3) in parts of at most `max_pixels` pixels, but one picture.

    A large request then takes no more memory than the largest picture. One picture is
    a batch of static size 1, whose instance normalisation is fused, as in `predict`.
    """
    shape = tf.shape(pictures)
    count = shape[0]
    step = tf.cast(tf.maximum(max_pixels // area(shape[1], shape[2]), 1), tf.int32)

    def body(start: tf.Tensor, parts: tf.TensorArray) -> tuple:
        part = pictures[start : start + step]
        restored = tf.cond(
            tf.equal(tf.shape(part)[0], 1),
            lambda: restore(part[0][None]),
            lambda: restore(part),
        )
        return start + step, parts.write(start // step, restored)

    parts = tf.TensorArray(
        tf.float32,
        size=-(-count // step),
        infer_shape=False,
        element_shape=(None, None, None, 3),
    )
    # One part after another: side by side they would take the memory of all.
    _, parts = tf.while_loop(
        lambda start, _: start < count, body, (0, parts), parallel_iterations=1
    )
    return tf.ensure_shape(parts.concat(), (None, None, None, 3))


def area(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Pixels that a picture has in the model, int64: each side at least SMALLEST."""
    sides = [
        tf.maximum(tf.cast(side, tf.int64), tiles.SMALLEST) for side in (height, width)
    ]
    return sides[0] * sides[1]
