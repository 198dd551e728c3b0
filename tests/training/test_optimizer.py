"""The fused Adam against Keras's, and against the formula."""

import keras
import numpy as np
import pytest

from deblurgan_tf.training.optimizer import FusedAdam

OPTIONS = {"learning_rate": 1e-2, "beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-8}


def _gradients():
    random = np.random.default_rng(0)
    # Of very different sizes; the last one is zero.
    sizes = [1e-6, 1e-2, 1.0, 1e3, 0.0]
    return [random.normal(0, 1, (4, 5)) * np.array(sizes) for _ in range(6)]


def _moved(optimizer, rates):
    values = keras.Variable(np.linspace(-1, 1, 20).reshape(4, 5), dtype="float32")
    optimizer.build([values])
    for gradient, rate in zip(_gradients(), rates, strict=True):
        optimizer.learning_rate.assign(rate)
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [values])
    return values, optimizer


def test_its_updates_and_moments_are_those_of_keras():
    rates = [1e-2, 1e-2, 5e-3, 2e-3, 1e-3, 0.0]
    (found, fused), (expected, plain) = (
        _moved(kind(**OPTIONS), rates) for kind in (FusedAdam, keras.optimizers.Adam)
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    for one, other in zip(fused.variables, plain.variables, strict=True):
        # The kernel takes 1 - 0.999 in float32, Keras in float64.
        np.testing.assert_allclose(one, other, rtol=2e-5)


def test_it_follows_the_formula():
    """Kingma and Ba 2015, algorithm 1, the efficient form of section 2."""
    rate, first, second, epsilon = 1e-2, 0.5, 0.999, 1e-8
    found, _ = _moved(FusedAdam(**OPTIONS), [rate] * 6)
    value = np.linspace(-1, 1, 20).reshape(4, 5)
    mean, square = np.zeros((4, 5)), np.zeros((4, 5))
    for step, gradient in enumerate(_gradients(), 1):
        mean = first * mean + (1 - first) * gradient
        square = second * square + (1 - second) * gradient**2
        size = rate * np.sqrt(1 - second**step) / (1 - first**step)
        value -= size * mean / (np.sqrt(square) + epsilon)
    assert found.numpy() == pytest.approx(value, abs=2e-6)
