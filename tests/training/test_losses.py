"""Losses: closed forms, the gradient penalty's exact value, weighted sums."""

import math

import numpy as np
import pytest
import tensorflow as tf

from deblurgan_tf.errors import WeightsUnavailable
from deblurgan_tf.models.pixel_losses import charbonnier, l1, l2
from deblurgan_tf.training.losses import ADVERSARIAL, content_loss, gradient_penalty

SHARP = [[2.0, -1.0], [0.5, 3.0]]
RESTORED = [[-2.0, 1.0], [0.0, 4.0]]


def _scores(values):
    """Two samples of two patches, (2, 1, 2, 1)."""
    return tf.constant(values, tf.float32)[:, None, :, None]


def _log_sigmoid(x):
    return -math.log1p(math.exp(-x))


def _mean(function, values):
    return sum(function(x) for row in values for x in row) / 4


@pytest.mark.parametrize(
    ("name", "critic", "generator"),
    [
        # mean(restored) - mean(sharp), and -mean(restored)
        ("wgan-gp", 3 / 4 - 4.5 / 4, -3 / 4),
        # half of mean((sharp - 1)^2) + mean(restored^2), and of mean((restored - 1)^2)
        (
            "lsgan",
            ((1 + 4 + 0.25 + 4) / 4 + (4 + 1 + 0 + 16) / 4) / 2,
            (9 + 0 + 1 + 9) / 4 / 2,
        ),
        # the cross entropies of the labels 1 and 0, and of the label 1
        (
            "gan",
            -(_mean(_log_sigmoid, SHARP) + _mean(lambda x: _log_sigmoid(-x), RESTORED))
            / 2,
            -_mean(_log_sigmoid, RESTORED),
        ),
    ],
)
def test_adversarial_losses_have_their_closed_forms(name, critic, generator):
    pair = ADVERSARIAL[name]
    sharp, restored = _scores(SHARP), _scores(RESTORED)
    assert float(pair.critic(sharp, restored)) == pytest.approx(critic, rel=1e-6)
    assert float(pair.generator(restored)) == pytest.approx(generator, rel=1e-6)
    assert pair.has_penalty == (name == "wgan-gp")


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_critic_wants_sharp_scores_high_and_the_generator_restored_ones(name):
    pair = ADVERSARIAL[name]
    sharp, restored = _scores([[0.3, 0.4], [0.1, 0.2]]), _scores([[0.6, 0.5]] * 2)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([sharp, restored])
        critic, generator = pair.critic(sharp, restored), pair.generator(restored)
    assert (tape.gradient(critic, sharp) < 0).numpy().all()
    assert (tape.gradient(critic, restored) > 0).numpy().all()
    assert (tape.gradient(generator, restored) < 0).numpy().all()


def test_the_logarithmic_loss_stays_finite_for_scores_of_any_size():
    pair = ADVERSARIAL["gan"]
    high, low = _scores([[1e4, 1e4]] * 2), _scores([[-1e4, -1e4]] * 2)
    assert float(pair.critic(high, low)) == 0
    assert float(pair.critic(low, high)) == pytest.approx(1e4)
    assert float(pair.generator(low)) == pytest.approx(1e4)


def _pictures(count, height=4, width=5, seed=0):
    random = np.random.default_rng(seed)
    values = random.uniform(-1, 1, (count, height, width, 3))
    return tf.constant(values, tf.float32)


def _sum(factor):
    """A critic of one patch a sample: the sum of factor * x."""
    return lambda x: tf.reduce_sum(factor * x, axis=[1, 2, 3], keepdims=True)


def test_the_penalty_of_the_sum_of_2x_over_four_values_is_exactly_nine():
    # The gradient is (2, 2, 2, 2), its norm 4, and (4 - 1)^2 = 9.
    sharp, restored = tf.zeros([3, 2, 2, 1]), tf.ones([3, 2, 2, 1])
    alpha = tf.constant([0.0, 0.3, 1.0])
    assert float(gradient_penalty(_sum(2.0), sharp, restored, alpha)) == 9.0


@pytest.mark.parametrize("factor", [0.5, 1.0, -3.0])
def test_the_norm_is_taken_over_rows_columns_and_channels(factor):
    sharp, restored = _pictures(2), _pictures(2, seed=1)
    result = gradient_penalty(_sum(factor), sharp, restored, tf.constant([0.2, 0.7]))
    expected = (abs(factor) * math.sqrt(4 * 5 * 3) - 1) ** 2
    assert float(result) == pytest.approx(expected, rel=1e-5)


def test_a_score_is_the_mean_over_the_patches():
    sharp, restored = _pictures(2, 2, 2), _pictures(2, 2, 2, seed=1)
    # Four patches, each the sum of the channels of its pixel, times 12: the mean's
    # gradient is 12 / 4 = 3 for each of 12 values.
    result = gradient_penalty(
        lambda x: 12 * tf.reduce_sum(x, axis=3, keepdims=True),
        sharp,
        restored,
        tf.constant([0.5, 0.5]),
    )
    assert float(result) == pytest.approx((3 * math.sqrt(12) - 1) ** 2, rel=1e-5)


def test_the_penalty_is_the_mean_of_the_samples_own_penalties():
    sharp, restored = _pictures(2), _pictures(2, seed=1)
    factors = tf.reshape(tf.constant([1.0, 2.0]), [2, 1, 1, 1])
    result = gradient_penalty(_sum(factors), sharp, restored, tf.constant([0.5, 0.5]))
    norms = np.array([1.0, 2.0]) * math.sqrt(60)
    assert float(result) == pytest.approx(np.mean((norms - 1) ** 2), rel=1e-5)


def test_the_penalty_looks_between_the_ends_with_each_samples_own_alpha():
    seen = []

    def spy(x):
        seen.append(x.numpy())
        return _sum(1.0)(x)

    sharp, restored = _pictures(4), _pictures(4, seed=1)
    alpha = np.array([0.0, 0.25, 0.9, 1.0], np.float32)
    gradient_penalty(spy, sharp, restored, tf.constant(alpha))
    (between,) = seen
    for n in range(4):
        expected = alpha[n] * sharp[n].numpy() + (1 - alpha[n]) * restored[n].numpy()
        np.testing.assert_allclose(between[n], expected, atol=1e-6)
    np.testing.assert_array_equal(between[0], restored[0])
    np.testing.assert_array_equal(between[3], sharp[3])
    low, high = np.minimum(sharp, restored), np.maximum(sharp, restored)
    assert (between >= low - 1e-6).all()
    assert (between <= high + 1e-6).all()


def test_the_penalty_and_its_gradient_are_finite_for_a_flat_critic():
    weight = tf.Variable(0.0)
    sharp, restored = _pictures(2), _pictures(2, seed=1)
    with tf.GradientTape() as tape:
        penalty = gradient_penalty(
            lambda x: _sum(weight)(x) + 5.0, sharp, restored, tf.constant([0.1, 0.6])
        )
    assert float(penalty) == pytest.approx(1, abs=1e-4)
    assert np.isfinite(tape.gradient(penalty, weight))


def test_the_penalty_pulls_a_linear_critics_weight_to_the_norm_of_one():
    # d/dw (w sqrt(60) - 1)^2 = 2 (w sqrt(60) - 1) sqrt(60)
    weight = tf.Variable(0.7)
    sharp, restored = _pictures(2), _pictures(2, seed=1)
    with tf.GradientTape() as tape:
        penalty = gradient_penalty(
            _sum(weight), sharp, restored, tf.constant([0.1, 0.6])
        )
    root = math.sqrt(60)
    expected = 2 * (0.7 * root - 1) * root
    assert float(tape.gradient(penalty, weight)) == pytest.approx(expected, rel=1e-5)


ONE = tf.constant([0.0, 0.5, -1.0, 1.0], shape=[1, 2, 2, 1])
OTHER = tf.constant([0.0, 0.0, 1.0, -0.5], shape=[1, 2, 2, 1])
BY_HAND = {
    "l1": (0 + 0.5 + 2 + 1.5) / 4,
    "l2": (0 + 0.25 + 4 + 2.25) / 4,
    "charbonnier": (
        0.001 + math.sqrt(0.25 + 1e-6) + math.sqrt(4 + 1e-6) + math.sqrt(2.25 + 1e-6)
    )
    / 4,
}


@pytest.mark.parametrize("loss", [l1, l2, charbonnier])
def test_pixel_losses_are_those_by_hand_and_symmetrical(loss):
    expected = BY_HAND[loss.__name__]
    assert float(loss(ONE, OTHER)) == pytest.approx(expected, rel=1e-6)
    assert float(loss(OTHER, ONE)) == pytest.approx(expected, rel=1e-6)


def test_charbonnier_has_a_gradient_of_zero_where_pictures_are_equal():
    with tf.GradientTape() as tape:
        tape.watch(ONE)
        loss = charbonnier(ONE, tf.identity(ONE))
    assert float(loss) == pytest.approx(0.001)
    np.testing.assert_array_equal(tape.gradient(loss, ONE), np.zeros(ONE.shape))


@pytest.mark.parametrize(
    "weights",
    [{"l1": 1.0}, {"l2": 4.0}, {"l1": 0.5, "charbonnier": 50.0, "l2": 3.0}],
)
def test_content_is_the_weighted_sum_of_its_losses(weights):
    expected = sum(weight * BY_HAND[name] for name, weight in weights.items())
    assert float(content_loss(weights)(ONE, OTHER)) == pytest.approx(expected, rel=1e-6)


def test_content_without_vgg19_needs_no_weights_of_it():
    loss = content_loss({"l2": 1.0}, "no/such/file.npz")
    assert float(loss(ONE, ONE)) == 0


def test_content_with_vgg19_does_not_fall_back_in_silence():
    with pytest.raises(WeightsUnavailable, match="no/such/file.npz: there is no such"):
        content_loss({"vgg19": 100.0, "l1": 1.0}, "no/such/file.npz")
