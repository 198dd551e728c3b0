"""The losses that the unrolled generator has besides the restored picture."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from deblurgan_tf.blur.degradation import Degraded
from deblurgan_tf.models.deblurgan import resnet_generator
from deblurgan_tf.models.unrolled import unrolled_generator
from deblurgan_tf.models.unrolled_losses import (
    guesses_loss,
    kernels_loss,
    own_loss_names,
    training_forward,
)


def test_guesses_are_compared_with_the_sharp_picture_in_their_sizes():
    sharp = np.random.default_rng(0).uniform(-1, 1, (2, 8, 12, 3)).astype(np.float32)
    small = sharp.reshape(2, 4, 2, 6, 2, 3).mean((2, 4))
    padded = np.pad(small + 0.5, ((0, 0), (0, 3), (0, 1), (0, 0)))
    loss = guesses_loss([(tf.constant(sharp), 1), (tf.constant(padded), 2)], sharp)
    assert float(loss) == pytest.approx((0.001 + math.sqrt(0.25 + 1e-6)) / 2, rel=1e-4)


def test_kernels_are_compared_with_the_true_ones_where_these_are_known():
    true = np.zeros((2, 9, 9), np.float32)
    true[0, 4, 4] = true[1, 4, 8] = 1
    found = np.zeros((2, 5, 5, 1), np.float32)
    found[0, 2, 2] = 0.75  # the difference is 0.25
    found[1, 2, 0] = 1  # on the other side: 2
    loss = functools.partial(kernels_loss, [(tf.constant(found), 2)], tf.constant(true))
    assert float(loss(tf.constant([True, True]))) == pytest.approx(2.25 / 2)
    assert float(loss(tf.constant([True, False]))) == pytest.approx(0.25 / 2)


def pairs(side=32):
    random = np.random.default_rng(0)
    pictures = tf.constant(random.uniform(-1, 1, (2, side, side, 3)), tf.float32)
    kernels = tf.ones([2, 5, 5]) / 25.0
    return Degraded(pictures, pictures, kernels, tf.constant([True, True]))


def test_a_generator_without_rounds_has_no_losses_of_its_own():
    generator = resnet_generator(width=2, blocks=1, dropout=0.0)
    restored, own = training_forward(generator)(pairs())
    np.testing.assert_array_equal(restored, generator(pairs().blurred, training=True))
    assert tuple(own) == own_loss_names(staged=False) == ()


def test_the_unrolled_generator_has_losses_and_restores_as_before():
    generator = unrolled_generator(levels=1, width=2)
    restored, own = training_forward(generator)(pairs())
    np.testing.assert_array_equal(restored, generator(pairs().blurred, training=True))
    assert tuple(own) == own_loss_names(staged=True) == ("guesses", "kernels")
    assert all(0 < float(loss) < 3 for loss in own.values())
