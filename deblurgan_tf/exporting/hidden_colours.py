"""The colours of transparent pixels, filled inside a TensorFlow graph.

As `images.hidden` does it: a picture of half the size, of the means of what is visible,
is filled in the same way, and fills what is hidden.
"""

from __future__ import annotations

import tensorflow as tf

from deblurgan_tf.images.hidden import UNSEEN

_LEVELS = 20  # halvings: enough for a side of a million pixels


def filled(samples: tf.Tensor) -> tf.Tensor:
    """uint16 (H, W, 4), the last one the opacity -> the same, hidden colours filled."""
    colour, alpha = samples[..., :3], samples[..., 3:]
    known = tf.cast(alpha, tf.int32) > UNSEEN * 257
    colour = tf.cond(
        tf.reduce_any(known) & ~tf.reduce_all(known),
        lambda: _filled_to_the_last(colour, known),
        lambda: colour,
    )
    return tf.concat([colour, alpha], axis=2)


def _filled_to_the_last(colour: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    values = _filled(tf.cast(colour, tf.float32), known, _LEVELS)
    return tf.cast(tf.round(values), tf.uint16)


def _filled(colour: tf.Tensor, known: tf.Tensor, levels: int) -> tf.Tensor:
    """Fills float32 (H, W, 3) where `known` (H, W, 1) is false."""
    if levels == 0:
        return colour
    weights = tf.cast(known, tf.float32)
    share = _halved(weights)
    means = tf.math.divide_no_nan(_halved(colour * weights), share)
    half = _filled(means, share > 0, levels - 1)
    rough = tf.image.resize(half, tf.shape(known)[:2])
    return tf.where(known, colour, rough)


def _halved(values: tf.Tensor) -> tf.Tensor:
    """Means of squares of 2 x 2; what an odd side lacks counts as 0."""
    sides = tf.shape(values)[:2] % 2
    even = tf.pad(values, [[0, sides[0]], [0, sides[1]], [0, 0]])
    return tf.nn.avg_pool2d(even[None], 2, 2, "VALID")[0]
