"""Instance normalisation against NumPy, its derivatives and its precision."""

import numpy as np
import pytest
import tensorflow as tf

from deblurgan_tf.models.normalization import InstanceNormalization


def _features(count, seed=0):
    random = np.random.default_rng(seed)
    scale, mean = np.array([0.01, 1.0, 30.0]), np.array([0.0, 5.0, -40.0])
    return (mean + scale * random.normal(size=(count, 7, 9, 3))).astype(np.float32)


@pytest.mark.parametrize("count", [1, 2])
def test_instance_normalisation_equals_numpy(count):
    x = _features(count)
    exact = x.astype(np.float64)
    mean = exact.mean(axis=(1, 2), keepdims=True)
    expected = (exact - mean) / np.sqrt(exact.var((1, 2), keepdims=True) + 1e-5)
    # A batch of one takes another kernel than larger ones and unknown ones do.
    layer = InstanceNormalization()
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)
    spec = tf.TensorSpec([None, None, None, 3])
    compiled = tf.function(layer, input_signature=[spec])
    np.testing.assert_allclose(compiled(x), expected, atol=1e-4)


def test_instance_normalisation_makes_a_constant_picture_zero():
    layer = InstanceNormalization()
    for count in (1, 2):
        np.testing.assert_allclose(layer(tf.fill([count, 5, 6, 2], 0.7)), 0, atol=1e-3)


def test_both_ways_of_instance_normalisation_have_the_same_two_derivatives():
    layer = InstanceNormalization()
    weight = tf.constant(_features(1, seed=1) / 30)

    def derivatives(x):
        """Of a sum over the first sample, and of that gradient's norm, as a penalty."""
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                total = tf.reduce_sum(weight * layer(x)[:1] ** 2)
            gradient = inner.gradient(total, x)
            norm = tf.reduce_sum(gradient**2)
        return gradient[:1].numpy(), outer.gradient(norm, x)[:1].numpy()

    x = tf.constant(_features(1) + 0.1 * _features(1, seed=2))
    for one, two in zip(
        derivatives(x), derivatives(tf.repeat(x, 2, axis=0)), strict=True
    ):
        for channel in range(3):
            size = np.abs(two[..., channel]).max()
            assert size > 0
            np.testing.assert_allclose(
                one[..., channel] / size, two[..., channel] / size, atol=2e-3
            )


@pytest.mark.parametrize("count", [1, 2])
def test_instance_normalisation_in_bfloat16_is_as_close_as_bfloat16_is(count):
    x = _features(count)[..., 1:2]  # of deviation 1
    exact = InstanceNormalization()(tf.cast(tf.cast(x, tf.bfloat16), tf.float32))
    rough = InstanceNormalization(dtype="mixed_bfloat16")(x)
    assert rough.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(rough, tf.float32), exact, rtol=1e-2, atol=1e-2)
