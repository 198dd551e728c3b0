"""A generator as a graph that answers as `predict` does, from pixels to pixels.

What `predict` does around the model is here as TensorFlow operations, so that the
exported file contains it: scaling, passing flat pictures through, rounding. Padding and
cropping are layers of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.errors import WorkFailed, first_line
from deblurgan_tf.inference import tiles
from deblurgan_tf.inference.restorer import TILE
from deblurgan_tf.models.normalization import InstanceNormalization

MAX_PIXELS = TILE * TILE
"""Pixels of the largest picture that an exported SavedModel restores; `predict` cuts
larger ones into tiles. A side below tiles.SMALLEST counts as SMALLEST, to which it is
padded."""

Restore = Callable[[tf.Tensor], tf.Tensor]


def restoring(model: keras.Model) -> Restore:
    """A function that restores as `predict` does: float32 (N, H, W, 3) in [-1, 1].

    A model with instance normalisation passes flat pictures through, as
    `inference.restorer.Restorer` does.
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
    """A function of image, uint8 (N, H, W, 3) -> {"restored": uint8 (N, H, W, 3)}.

    N, H and W are at least 1.
    """
    restore = restoring(model)

    def answer(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"restored": images.to_uint8(restore(images.to_float(image)))}

    spec = tf.TensorSpec((None, None, None, 3), tf.uint8, name="image")
    return tf.function(answer, input_signature=[spec], autograph=False)


def in_parts(restore: Restore, pictures: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Restores (N, H, W, 3) in parts of at most `max_pixels` pixels.

    A larger picture is a part alone. So a large request takes no more memory than the
    largest picture. One picture is a batch of static size 1, whose instance
    normalisation is fused, as in `predict`.
    """
    shape = tf.shape(pictures)
    count = shape[0]
    step = tf.cast(tf.maximum(max_pixels // area(shape[1], shape[2]), 1), tf.int32)

    def body(start: tf.Tensor, parts: tf.TensorArray) -> tuple[Any, tf.TensorArray]:
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
    # One part after another: in parallel they would need memory for all.
    _, parts = tf.while_loop(
        lambda start, _: start < count, body, (0, parts), parallel_iterations=1
    )
    return tf.ensure_shape(parts.concat(), (None, None, None, 3))


def area(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Pixels of a picture inside the model, int64: each side is at least SMALLEST."""
    sides = [
        tf.maximum(tf.cast(side, tf.int64), tiles.SMALLEST) for side in (height, width)
    ]
    return sides[0] * sides[1]


@contextmanager
def converting(model: keras.Model, form: str) -> Iterator[None]:
    """Raises WorkFailed for anything that a converter raises.

    Converters raise exceptions of all kinds for layers that they do not know. So put
    nothing but the converter's own call inside.
    """
    try:
        yield
    except Exception as error:
        reason = first_line(error)
        raise WorkFailed(
            f"the model {model.name} cannot be written as {form} "
            f"({type(error).__name__}: {reason[:200]}); choose another --format, or "
            "build the model of usual layers in float32"
        ) from error
