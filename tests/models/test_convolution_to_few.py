"""A convolution to few channels: the values and gradients of Conv2D."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deblurgan_tf.models.convolution_to_few import ConvolutionToFew


def _to_few(filters, size, **options):
    """A layer and a Conv2D of the same weights, for pictures of 5 channels."""
    pair = (
        ConvolutionToFew(filters, size, **options),
        keras.layers.Conv2D(filters, size, **options),
    )
    random = np.random.default_rng(1)
    for layer in pair:
        layer.build((None, None, None, 5))
    weights = [random.normal(0, 1, x.shape) for x in pair[0].get_weights()]
    for layer in pair:
        layer.set_weights(weights)
    return pair


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("filters", "size"), [(3, 7), (1, 4), (2, (3, 5))])
def test_a_convolution_to_few_has_conv2ds_values_and_gradients(filters, size, count):
    few, plain = _to_few(filters, size, activation="tanh")
    pictures = tf.constant(np.random.default_rng(2).normal(0, 0.1, (count, 9, 11, 5)))
    pictures = tf.cast(pictures, tf.float32)
    results = []
    for layer in (few, plain):
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            values = layer(pictures)
            total = tf.reduce_sum(values**3)
        sources = [pictures, *(x.value for x in layer.trainable_variables)]
        results.append([values, *tape.gradient(total, sources)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_convolution_to_few_has_conv2ds_second_gradients():
    """Those of the gradient penalty."""
    few, plain = _to_few(1, 4)
    pictures = tf.random.stateless_normal((2, 8, 9, 5), [0, 1])
    results = []
    for layer in (few, plain):
        kernel = layer.kernel.value
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(pictures)
                total = tf.reduce_sum(tf.square(layer(pictures)))
            slope = inner.gradient(total, pictures)
            penalty = tf.reduce_sum(tf.square(slope))
        results.append(outer.gradient(penalty, kernel))
    np.testing.assert_allclose(*results, rtol=1e-3)


@pytest.mark.parametrize(
    "options", [{"strides": 2}, {"padding": "same"}, {"dilation_rate": 2}]
)
def test_a_convolution_to_few_refuses_what_its_gradients_do_not_know(options):
    with pytest.raises(ValueError, match="strides"):
        ConvolutionToFew(1, 3, **options).build((None, None, None, 5))


def test_a_convolution_to_few_is_saved_with_its_model(tmp_path):
    picture = keras.Input((None, None, 5))
    model = keras.Model(picture, ConvolutionToFew(2, 3)(picture))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert isinstance(again.layers[-1], ConvolutionToFew)
    pictures = np.random.default_rng(0).normal(0, 1, (1, 6, 7, 5)).astype(np.float32)
    np.testing.assert_array_equal(model(pictures), again(pictures))
