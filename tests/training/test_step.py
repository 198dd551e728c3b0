"""One training step: its schedule, its average, and exactly what it changes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deblurgan_tf.blur.degradation import Degradation, degrade, training_pairs
from deblurgan_tf.blur.seeds import sample_seeds, uniform
from deblurgan_tf.config import Config, parse
from deblurgan_tf.images import to_float
from deblurgan_tf.models.layers import dropout_seeds
from deblurgan_tf.models.unrolled import stages
from deblurgan_tf.training.learning_rate import Lengthening
from deblurgan_tf.training.losses import content_loss, gradient_penalty
from deblurgan_tf.training.state import loss_names, new_state
from deblurgan_tf.training.step import ALPHA_SALT, learning_rate, make_train_step

LOSSES, CONTENT_LOSSES = loss_names(True, False), loss_names(False, False)
SIDE, TOTAL = 16, 4
RATE = 1e-3


def _config(loss=None, model=None, **train):
    return parse(
        {
            "seed": 3,
            "data": {"crop": [SIDE, SIDE]},
            "blur": {"canvas": 5, "length": 2},
            "model": {"width": 2, "blocks": 1, "critic_width": 2, "critic_layers": 1}
            | (model or {}),
            "loss": {"content": {"l1": 3.0}} | (loss or {}),
            "train": {"steps": TOTAL, "critic_steps": 2, "learning_rate": RATE}
            | {"ema": 0.2}
            | train,
        }
    )


def _degradation():
    kernels = np.random.default_rng(0).random((6, 5, 5)).astype(np.float32)
    kernels /= kernels.sum(axis=(1, 2), keepdims=True)
    return Degradation(tf.constant(kernels), (0.0, 2.0), 1.0)


def _batch(positions=(0, 1), paired=(False, False), pictures=None):
    """Picture n is the same at any place; `pictures` defaults to positions."""

    def drawn(kind):
        numbers = pictures or positions
        shape = (SIDE, SIDE, 3)
        randoms = [np.random.default_rng([kind, n]) for n in numbers]
        return tf.constant(
            np.stack([x.integers(0, 256, shape, np.uint8) for x in randoms])
        )

    return {
        "sharp": drawn(0),
        "blurred": drawn(1),
        "paired": tf.constant(paired),
        "position": tf.constant(positions, tf.int64),
    }


class Training:
    """A compiled step whose state can be set back: compiling takes seconds."""

    def __init__(self, config):
        self.config = config
        self.state = new_state(config)
        self.loss = content_loss(config.loss.content)
        self.factor = tf.Variable(1.0)
        self.restored = tf.Variable(tf.zeros([2, SIDE, SIDE, 3]))
        self.sharp = tf.Variable(tf.zeros([2, SIDE, SIDE, 3]))
        self.step = make_train_step(
            config, self.state, self.spying_content, _degradation(), TOTAL
        )
        self.start = [x.numpy() for x in self.variables()]

    def spying_content(self, restored, sharp):
        self.restored.assign(restored)
        self.sharp.assign(sharp)
        return self.factor * self.loss(restored, sharp)

    def variables(self):
        """Everything that a step may change."""
        state = self.state
        variables = [state.step, state.sums, state.first_bad, self.factor]
        for part in (
            state.generator,
            state.average,
            state.generator_optimizer,
            state.critic,
            state.critic_optimizer,
        ):
            if part is not None:
                optimizer = hasattr(part, "iterations")
                variables += part.variables if optimizer else part.weights
        return variables

    def values(self):
        return [np.array(x.numpy()) for x in self.variables()]

    def reset(self):
        for variable, value in zip(self.variables(), self.start, strict=True):
            variable.assign(value)
        return self


@pytest.fixture
def uncompiled():
    """Runs functions as they stand: faster where a step is taken only once."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def _wgan():
    return Training(_config())


@pytest.fixture
def wgan(_wgan):
    return _wgan.reset()


@pytest.fixture(scope="module")
def _content_alone():
    return Training(_config({"adversarial": "none"}))


@pytest.fixture
def content_alone(_content_alone):
    return _content_alone.reset()


def _numbers(losses):
    return {name: float(value) for name, value in losses.items()}


@pytest.mark.parametrize(
    ("decay_from", "values"),
    [
        (0.5, {0: 1, 1: 1, 50: 1, 75: 0.5, 99: 0.02, 100: 0}),
        (0.0, {0: 1, 25: 0.75, 50: 0.5, 99: 0.01, 100: 0}),
        (0.9, {89: 1, 90: 1, 95: 0.5, 99: 0.1, 100: 0}),
        (1.0, {0: 1, 50: 1, 99: 1}),
    ],
)
def test_the_rate_is_constant_then_falls_linearly(decay_from, values):
    config = _config(decay_from=decay_from)
    for step, share in values.items():
        rate = float(learning_rate(config, tf.constant(step, tf.int64), 100))
        assert rate == pytest.approx(RATE * share, rel=1e-5, abs=1e-12), step


def test_the_rate_never_grows_and_the_last_step_still_learns():
    for decay_from in (0.0, 0.3, 0.5, 0.95, 1.0):
        for total in (1, 2, 3, 10):
            config = _config(decay_from=decay_from)
            steps = tf.range(total, dtype=tf.int64)
            rates = learning_rate(config, steps, total).numpy()
            assert rates[0] == pytest.approx(RATE)
            assert (np.diff(rates) <= 0).all()
            assert rates[-1] > 0


def _rates(total, lengthened=()):
    steps = tf.range(total, dtype=tf.int64)
    return learning_rate(_config(), steps, total, lengthened).numpy() / RATE


def test_the_rate_of_a_lengthened_run_rises_without_a_jump():
    short, plain = _rates(6000), _rates(12000)
    rates = _rates(12000, [Lengthening(6000, 6000)])
    assert (rates[:6000] == short).all() and short[-1] < 4e-4
    # 600 steps are a tenth of those that were added.
    assert np.diff(rates[5999:]).max() == pytest.approx(1 / 600, rel=0.01)
    assert rates[6000] == pytest.approx(1 / 600 + 1 / 3000, rel=0.01)
    assert rates[6300] == pytest.approx(0.5, abs=0.01)
    assert rates.argmax() == 0 and rates[6500] < plain[6500]
    assert np.allclose(rates[6600:], plain[6600:], atol=1e-6)


def test_a_run_that_was_lengthened_before_its_rate_fell_has_the_longer_ones_rates():
    assert (_rates(12000, [Lengthening(1000, 6000)]) == _rates(12000)).all()


def test_a_run_may_be_lengthened_again():
    first = _rates(120, [Lengthening(60, 60)])
    rates = _rates(240, [Lengthening(60, 60), Lengthening(120, 120)])
    assert (rates[:120] == first).all()
    assert np.diff(rates).max() < 0.2


def test_both_optimisers_get_the_rate_of_the_step(wgan):
    rates = []
    for _ in range(TOTAL):
        wgan.step(_batch())
        rates.append(float(wgan.state.generator_optimizer.learning_rate))
        assert float(wgan.state.critic_optimizer.learning_rate) == rates[-1]
    assert int(wgan.state.step) == TOTAL
    np.testing.assert_allclose(rates, np.array([1, 1, 1, 0.5]) * RATE, rtol=1e-6)


def test_a_new_state_has_the_networks_of_its_seed(wgan):
    again = new_state(wgan.config)
    other = new_state(_config().model_copy(update={"seed": 4}))
    for name in ("generator", "average", "critic"):
        for one, two, three in zip(
            getattr(wgan.state, name).get_weights(),
            getattr(again, name).get_weights(),
            getattr(other, name).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(one, two)
            assert one.ndim == 1 or (one != three).any()
    for one, two in zip(
        again.generator.get_weights(), again.average.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_the_optimisers_are_set_up_as_the_config_says():
    config = _config(betas=[0.3, 0.7], clip_norm=0.25)
    state = new_state(config)
    for optimizer in (state.generator_optimizer, state.critic_optimizer):
        assert (optimizer.beta_1, optimizer.beta_2) == (0.3, 0.7)
        # The step clips, by all replicas' gradients: see below.
        assert (optimizer.epsilon, optimizer.global_clipnorm) == (1e-8, None)
        assert float(optimizer.learning_rate) == pytest.approx(RATE)
        assert optimizer.built


def test_the_average_warms_up_and_then_follows_the_configs_decay(wgan):
    mean = [x.astype(np.float64) for x in wgan.state.generator.get_weights()]
    moved = False
    # (1 + step) / (10 + step), but no more than the config's 0.2.
    for decay in (1 / 10, 2 / 11, 0.2):
        wgan.step(_batch())
        values = wgan.state.generator.get_weights()
        mean = [decay * m + (1 - decay) * v for m, v in zip(mean, values, strict=True)]
        for expected, result, value in zip(
            mean, wgan.state.average.get_weights(), values, strict=True
        ):
            np.testing.assert_allclose(result, expected, atol=1e-7)
            moved |= bool(np.abs(result - value).max() > 1e-5)
    assert moved


class _Adam:
    """Adam as in section 2 of Kingma and Ba 2015: the rate carries the corrections."""

    def __init__(self):
        self.mean, self.square, self.count = {}, {}, 0

    def apply(self, gradients, variables):
        self.count += 1
        rate = RATE * np.sqrt(1 - 0.999**self.count) / (1 - 0.5**self.count)
        for n, (g, x) in enumerate(zip(gradients, variables, strict=True)):
            g = g.numpy().astype(np.float64)
            self.mean[n] = 0.5 * self.mean.get(n, 0) + 0.5 * g
            self.square[n] = 0.999 * self.square.get(n, 0) + 0.001 * g**2
            x.assign(x.numpy() - rate * self.mean[n] / (np.sqrt(self.square[n]) + 1e-8))


def _assert_same_kernels(results, expected, gradients):
    """Compares kernels where the gradient is not a rounding error.

    Biases before a normalisation have no gradient but rounding errors, of which Adam's
    first steps are as large as others.
    """
    count = 0
    for result, value, gradient in zip(results, expected, gradients, strict=True):
        if value.ndim == 4:
            clear = np.abs(gradient) > 1e-3 * np.abs(gradient).max()
            np.testing.assert_allclose(result[clear], value[clear], atol=0.01 * RATE)
            count += clear.sum()
    assert count > 100


def _pair(batch, seeds):
    sharp = to_float(batch["sharp"])
    return degrade(sharp, _degradation(), seeds), sharp


def test_a_step_on_content_alone_is_adams_first_step_along_the_gradient(content_alone):
    state, batch = content_alone.state, _batch()
    seeds = sample_seeds(3, batch["position"])
    blurred, sharp = _pair(batch, seeds)
    with tf.GradientTape() as tape, dropout_seeds(seeds):
        restored = state.generator(blurred, training=True)
        loss = 3.0 * tf.reduce_mean(tf.abs(restored - sharp))
    variables = state.generator.trainable_variables
    gradients = tape.gradient(loss, variables)
    start = state.generator.get_weights()
    _Adam().apply(gradients, variables)
    expected = state.generator.get_weights()
    state.generator.set_weights(start)
    losses = _numbers(content_alone.step(batch))
    written_out = {"content": float(loss), "generator": float(loss)}
    assert losses == pytest.approx(written_out, rel=1e-5)
    _assert_same_kernels(state.generator.get_weights(), expected, gradients)


def test_a_wgan_step_is_two_of_the_critic_then_one_of_the_generator(wgan):
    state, batch = wgan.state, _batch()
    seeds = sample_seeds(3, batch["position"])
    blurred, sharp = _pair(batch, seeds)
    start = [state.generator.get_weights(), state.critic.get_weights()]

    # The step written out, by hand and not compiled.
    with tf.GradientTape() as generator_tape, dropout_seeds(seeds):
        restored = state.generator(blurred, training=True)
    alphas = uniform(seeds, 2, ALPHA_SALT)
    adam = _Adam()
    for number in range(2):
        with tf.GradientTape() as tape:
            critic_loss = tf.reduce_mean(state.critic(restored)) - tf.reduce_mean(
                state.critic(sharp)
            )
            penalty = gradient_penalty(state.critic, sharp, restored, alphas[:, number])
            total = critic_loss + 10.0 * penalty
        variables = state.critic.trainable_variables
        critic_gradients = tape.gradient(total, variables)
        adam.apply(critic_gradients, variables)
    with tf.GradientTape() as tape:
        tape.watch(restored)
        content = 3.0 * tf.reduce_mean(tf.abs(restored - sharp))
        adversarial = -tf.reduce_mean(state.critic(restored))
        total = content + adversarial
    variables = state.generator.trainable_variables
    gradients = generator_tape.gradient(
        restored, variables, output_gradients=tape.gradient(total, restored)
    )
    _Adam().apply(gradients, variables)
    expected = [state.generator.get_weights(), state.critic.get_weights()]

    state.generator.set_weights(start[0])
    state.critic.set_weights(start[1])
    losses = _numbers(wgan.step(batch))
    results = [state.generator.get_weights(), state.critic.get_weights()]
    _assert_same_kernels(results[0], expected[0], gradients)
    _assert_same_kernels(results[1], expected[1], critic_gradients)
    # The last bias shifts all scores alike: it drifts by rounding errors alone.
    drift = float(expected[1][-1][0] - results[1][-1][0])
    written_out = {
        "critic": float(critic_loss),
        "penalty": float(penalty),
        "content": float(content),
        "adversarial": float(adversarial) + drift,
        "generator": float(total) + drift,
    }
    assert losses == pytest.approx(written_out, rel=1e-4, abs=1e-5)
    assert int(state.critic_optimizer.iterations) == 2
    assert int(state.generator_optimizer.iterations) == 1


def test_a_weight_of_zero_keeps_the_critic_out_of_the_generator(
    content_alone, uncompiled
):
    weightless = Training(_config({"adversarial": "lsgan", "adversarial_weight": 0}))
    before = weightless.state.critic.get_weights()
    losses = _numbers(weightless.step(_batch()))
    alone = _numbers(content_alone.step(_batch()))
    assert losses["content"] == pytest.approx(alone["content"], rel=1e-6)
    assert losses["generator"] == losses["content"]
    assert losses["penalty"] == 0
    for one, two in zip(
        weightless.state.generator.get_weights(),
        content_alone.state.generator.get_weights(),
        strict=True,
    ):
        if one.ndim == 4:
            assert (np.abs(one - two) > 0.05 * RATE).mean() < 0.02
    # The critic learns all the same.
    for old, new in zip(before, weightless.state.critic.get_weights(), strict=True):
        assert np.abs(new - old).max() > RATE / 2


def test_the_critic_changes_how_the_generator_learns(wgan, content_alone):
    wgan.step(_batch())
    content_alone.step(_batch())
    changes = [
        (np.abs(one - two) > 0.5 * RATE).mean()
        for one, two in zip(
            wgan.state.generator.get_weights(),
            content_alone.state.generator.get_weights(),
            strict=True,
        )
        if one.ndim == 4
    ]
    assert max(changes) > 0.01


def test_sums_are_those_of_the_losses_of_all_steps(wgan):
    assert wgan.state.loss_names == LOSSES
    total = np.zeros(len(LOSSES))
    for position in range(3):
        losses = wgan.step(_batch((2 * position, 2 * position + 1)))
        total += [float(losses[name]) for name in LOSSES]
    np.testing.assert_allclose(wgan.state.sums, total, rtol=1e-5)
    np.testing.assert_array_equal(wgan.state.first_bad, [-1, -1])


def test_the_losses_add_up(wgan):
    losses = _numbers(wgan.step(_batch()))
    assert losses["generator"] == pytest.approx(
        losses["content"] + losses["adversarial"], rel=1e-5
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_first_loss_that_is_not_finite_is_marked_with_its_step(
    wgan, content_alone, bad
):
    for training, names in ((wgan, LOSSES), (content_alone, CONTENT_LOSSES)):
        assert training.state.loss_names == names
        training.step(_batch())
        training.factor.assign(bad)
        training.step(_batch())
        marked = [2, names.index("content")]
        np.testing.assert_array_equal(training.state.first_bad, marked)
        # Later ones do not take its place.
        training.step(_batch())
        np.testing.assert_array_equal(training.state.first_bad, marked)


def test_two_runs_are_equal_to_the_bit(wgan):
    runs = []
    for _ in range(2):
        wgan.reset()
        losses = [_numbers(wgan.step(_batch(x))) for x in ((0, 1), (2, 3))]
        runs.append((losses, wgan.values()))
    (first_losses, first), (second_losses, second) = runs
    assert first_losses == second_losses
    assert first_losses[0] != first_losses[1]
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_state_that_was_saved_and_restored_goes_on_to_the_bit(wgan, tmp_path):
    wgan.step(_batch())
    saved = wgan.state.checkpoint().write(str(tmp_path / "state"))
    wgan.step(_batch((2, 3)))
    expected = wgan.values()
    wgan.reset()
    wgan.state.checkpoint().read(saved).assert_consumed()
    assert int(wgan.state.step) == 1
    wgan.step(_batch((2, 3)))
    for one, two in zip(wgan.values(), expected, strict=True):
        np.testing.assert_array_equal(one, two)


def _restored(training, batch):
    """What the generator made of the batch, in training."""
    training.reset().step(batch)
    return training.restored.numpy()


def _as_identity(training):
    """A generator whose residual is zero: restored is blurred."""
    training.reset()
    weights = training.state.generator.get_weights()
    training.state.generator.set_weights([0 * x for x in weights])


def test_a_sample_does_not_depend_on_its_neighbours_or_its_place(content_alone):
    first = _restored(content_alone, _batch((5, 6)))
    other = _restored(content_alone, _batch((5, 7)))
    swapped = _restored(content_alone, _batch((6, 5)))
    np.testing.assert_allclose(first[0], other[0], atol=1e-5)
    np.testing.assert_allclose(first, swapped[::-1], atol=1e-5)
    assert np.abs(first[1] - other[1]).mean() > 0.1
    # The position, not the picture alone, decides on blur and dropout.
    elsewhere = _restored(content_alone, _batch((8, 6), pictures=(5, 6)))
    assert np.abs(elsewhere[0] - first[0]).mean() > 1e-3
    np.testing.assert_allclose(elsewhere[1], first[1], atol=1e-5)


def test_pairs_are_taken_as_given_and_other_samples_are_blurred(content_alone):
    batch = _batch((5, 6), paired=(True, False))
    made = degrade(to_float(batch["sharp"]), _degradation(), sample_seeds(3, [5, 6]))
    _as_identity(content_alone)
    content_alone.step(batch)
    expected = to_float(batch["sharp"])
    np.testing.assert_allclose(content_alone.sharp, expected, atol=1e-6)
    blurred = content_alone.restored.numpy()
    np.testing.assert_allclose(blurred[0], to_float(batch["blurred"])[0], atol=1e-6)
    # A value between two levels may be rounded to either.
    levels = np.abs(blurred[1] - made[1]) * 127.5
    assert levels.max() < 1.01
    assert (levels > 0.5).mean() < 0.01
    assert np.abs(blurred[1] - to_float(batch["blurred"])[1]).mean() > 0.1


@pytest.mark.parametrize(
    ("loss", "train"),
    [
        ({"adversarial": "lsgan", "content": {"l2": 2.0}}, {"clip_norm": 0.01}),
        ({"adversarial": "gan", "content": {"charbonnier": 2.0, "l1": 1.0}}, {}),
        ({"adversarial": "none", "content": {"l2": 1.0}}, {"ema": 0.0}),
    ],
    ids=["lsgan, l2, clipped", "gan, charbonnier and l1", "l2 alone"],
)
def test_every_kind_of_training_steps_with_finite_losses(uncompiled, loss, train):
    training = Training(_config(loss, **train))
    losses = _numbers(training.step(_batch()))
    assert tuple(losses) == training.state.loss_names
    assert np.isfinite(list(losses.values())).all()
    for value in training.values():
        assert np.isfinite(value).all()
    difference = training.restored.numpy() - training.sharp.numpy()
    by_hand = {
        "l1": np.abs(difference).mean(),
        "l2": np.square(difference).mean(),
        "charbonnier": np.sqrt(np.square(difference) + 1e-6).mean(),
    }
    weights = training.config.loss.content.items()
    expected = sum(weight * by_hand[name] for name, weight in weights)
    assert losses["content"] == pytest.approx(expected, rel=1e-5)


def test_a_gradient_is_clipped_to_the_norm_that_the_config_gives(uncompiled):
    training = Training(_config({"adversarial": "none"}, clip_norm=0.01))
    training.step(_batch())
    # After one step Adam's mean is half of the gradient.
    variables = training.state.generator_optimizer.variables
    momenta = [x.numpy() for x in variables if "momentum" in x.path]
    norm = np.sqrt(sum(np.sum(np.square(x)) for x in momenta))
    assert norm == pytest.approx(0.01 / 2, rel=1e-4)


def test_training_in_bfloat16_stays_close_to_float32(wgan):
    training = Training(_config(precision="mixed_bfloat16"))
    losses, exact = (_numbers(x.step(_batch())) for x in (training, wgan))
    assert np.isfinite(list(losses.values())).all()
    assert losses["content"] == pytest.approx(exact["content"], rel=0.02)
    assert losses["penalty"] == pytest.approx(exact["penalty"], rel=0.05)
    assert losses != exact
    # The average is used later, and always in float32.
    for layer in training.state.average.layers:
        assert layer.compute_dtype == "float32"
    for value in training.values():
        assert np.isfinite(value).all()


def test_no_critic_is_made_for_training_on_content_only(content_alone):
    state = content_alone.state
    assert state.critic is None
    assert state.critic_optimizer is None
    assert set(content_alone.step(_batch())) == {"content", "generator"}


def test_the_default_config_decays_from_the_middle_as_the_paper_does():
    rates = learning_rate(Config(), tf.constant([0, 150, 225]), 300).numpy()
    np.testing.assert_allclose(rates, [1e-4, 1e-4, 0.5e-4], rtol=1e-6)


# The unrolled generator is also trained on its guesses and kernels.


@pytest.fixture(scope="module")
def unrolled():
    loss = {"adversarial": "none", "content": {"l1": 1.0}}
    return Training(
        _config(
            loss | {"guesses": 2.0, "kernels": 3.0},
            {"generator": "unrolled", "levels": 1},
        )
    )


def _found(training, batch):
    """(pairs, guesses, kernels) of the generator's rounds for a batch."""
    seeds = sample_seeds(training.config.seed, batch["position"])
    pairs = training_pairs(to_float(batch["sharp"]), _degradation(), seeds)
    generator = training.state.generator
    names = [name for stage in stages(generator) for name in stage[:2]]
    outputs = [generator.get_layer(name).output for name in names]
    found = keras.Model(generator.input, outputs)(pairs.blurred)
    return pairs, found[::2], found[1::2]


def test_guesses_and_kernels_have_losses_with_their_weights(unrolled):
    batch = _batch()
    pairs, guesses, kernels = _found(unrolled.reset(), batch)
    losses = _numbers(unrolled.step(batch))
    assert set(losses) == {"content", "guesses", "kernels", "generator"}
    difference = [
        np.sqrt((np.asarray(x - pairs.sharp)) ** 2 + 1e-6).mean() for x in guesses
    ]
    assert losses["guesses"] == pytest.approx(np.mean(difference), rel=1e-4)
    true = np.zeros((2, 9, 9))
    true[:, 2:7, 2:7] = pairs.kernels
    difference = [np.abs(x[..., 0] - true).sum((1, 2)).mean() for x in kernels]
    assert losses["kernels"] == pytest.approx(np.mean(difference), rel=1e-4)
    total = losses["content"] + 2 * losses["guesses"] + 3 * losses["kernels"]
    assert losses["generator"] == pytest.approx(total, rel=1e-6)


def test_every_weight_of_the_unrolled_generator_learns(unrolled):
    before = [x.numpy() for x in unrolled.reset().state.generator.weights]
    unrolled.step(_batch())
    unrolled.step(_batch((2, 3)))
    for weight, value in zip(unrolled.state.generator.weights, before, strict=True):
        assert np.abs(weight.numpy() - value).max() > 0, weight.path


def test_a_pair_has_no_known_kernel(unrolled):
    batch = _batch(paired=(True, False))
    first = _numbers(unrolled.reset().step(batch))["kernels"]
    both = _numbers(unrolled.reset().step(_batch(paired=(True, True))))["kernels"]
    assert both == 0
    # The mean goes over all samples, so a batch of pairs counts for nothing.
    pairs, _, kernels = _found(unrolled.reset(), _batch())
    true = np.zeros((9, 9))
    true[2:7, 2:7] = pairs.kernels[1]
    alone = np.mean([np.abs(x[1, ..., 0] - true).sum() for x in kernels])
    assert first == pytest.approx(alone / 2, rel=1e-4)


def test_pairs_alone_need_no_degradation_and_train_to_the_same_bits(
    content_alone, unrolled
):
    batch = _batch((5, 6), paired=(True, True))
    for training in (content_alone, unrolled):
        training.reset().step(batch)
        expected = training.values()
        training.reset()
        step = make_train_step(
            training.config, training.state, training.spying_content, None, TOTAL
        )
        step(batch)
        for one, other in zip(training.values(), expected, strict=True):
            np.testing.assert_array_equal(one, other)
