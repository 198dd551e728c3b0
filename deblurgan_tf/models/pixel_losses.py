"""Losses between two batches of pictures, pixel by pixel.

Pictures are float32 (N, H, W, 3) in [-1, 1]; the result is a scalar.
"""

from __future__ import annotations

import tensorflow as tf


def l1(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference."""
    return tf.reduce_mean(tf.abs(restored - sharp))


def l2(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Mean squared difference."""
    return tf.reduce_mean(tf.square(restored - sharp))


def charbonnier(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Mean of sqrt(difference^2 + 0.001^2) (Lai et al. 2017): l1, but smooth at 0."""
    return tf.reduce_mean(tf.sqrt(tf.square(restored - sharp) + 1e-6))
