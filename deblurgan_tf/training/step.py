"""The state of a training and one step of it.

Everything that must survive a restart is a field of `State`; the step is a function of
the state, the batch and the seeds in it, so a resumed run equals an uninterrupted one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import keras
import tensorflow as tf

from deblurgan_tf.blur.degradation import (
    Degradation,
    Degraded,
    cut_margin,
    given_pairs,
    training_pairs,
)
from deblurgan_tf.blur.seeds import sample_seeds, uniform
from deblurgan_tf.config import Config
from deblurgan_tf.images import to_float
from deblurgan_tf.models.deblurgan import build_critic, build_generator
from deblurgan_tf.models.layers import dropout_seeds
from deblurgan_tf.models.unrolled import is_staged, stages
from deblurgan_tf.training.losses import (
    ADVERSARIAL,
    Adversarial,
    gradient_penalty,
    guesses_loss,
    kernels_loss,
)
from deblurgan_tf.training.optimizer import FusedAdam

ALPHA_SALT = 1004  # seeds of the penalty's interpolation, see blur.py


Losses = dict[str, tf.Tensor]


@dataclass
class State:
    """Networks, optimisers, the generator's moving average and the steps done."""

    generator: keras.Model
    average: keras.Model  # EMA of the generator, always float32: what is used later
    generator_optimizer: FusedAdam
    critic: keras.Model | None
    critic_optimizer: FusedAdam | None
    step: tf.Variable
    sums: tf.Variable  # of each loss since the last line of the log
    first_bad: tf.Variable  # (step, number of the loss) that was not finite; -1: none

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The names of the losses, in the order of `sums`."""
        return loss_names(self.critic is not None, is_staged(self.generator))

    def checkpoint(self) -> tf.train.Checkpoint:
        """All of the state, for saving and strict restoring."""
        parts = {
            "generator": self.generator,
            "average": self.average,
            "generator_optimizer": self.generator_optimizer,
            "step": self.step,
            "sums": self.sums,
        }
        if self.critic is not None:
            parts |= {
                "critic": self.critic,
                "critic_optimizer": self.critic_optimizer,
            }
        return tf.train.Checkpoint(**parts)


def loss_names(critic: bool, staged: bool) -> tuple[str, ...]:
    """The losses of a training: with a critic, with a generator that finds kernels."""
    return (
        *(("critic", "penalty") if critic else ()),
        "content",
        *(("adversarial",) if critic else ()),
        *(("guesses", "kernels") if staged else ()),
        "generator",
    )


def new_state(config: Config, strategy: tf.distribute.Strategy | None = None) -> State:
    """Networks initialised by the config's seed, optimisers built.

    With a strategy, what is trained has a copy on each replica; the rest has one copy
    in each process.
    """
    precision = config.train.precision
    critic = critic_optimizer = None
    with strategy.scope() if strategy else contextlib.nullcontext():
        generator = build_generator(config.model, config.seed, precision)
        generator_optimizer = _adam(config, generator)
        if config.loss.adversarial != "none":
            critic = build_critic(config.model, config.seed + 1, precision)
            critic_optimizer = _adam(config, critic)
    average = build_generator(config.model, config.seed)
    average.set_weights(generator.get_weights())
    return State(
        generator=generator,
        average=average,
        generator_optimizer=generator_optimizer,
        critic=critic,
        critic_optimizer=critic_optimizer,
        step=tf.Variable(0, dtype=tf.int64, name="step"),
        sums=tf.Variable(
            tf.zeros(len(loss_names(critic is not None, is_staged(generator))))
        ),
        first_bad=tf.Variable([-1, -1], dtype=tf.int64),
    )


def _adam(config: Config, network: keras.Model) -> FusedAdam:
    adam = FusedAdam(
        learning_rate=config.train.learning_rate,
        beta_1=config.train.betas[0],
        beta_2=config.train.betas[1],
        # PyTorch's, which the authors used; Keras's is 1e-7. (Keras adds it before
        # the bias correction, PyTorch after: they differ in the first steps.)
        epsilon=1e-8,
    )
    # Unbuilt optimisers would be restored late, and not at all by a strict restore.
    adam.build(network.trainable_variables)
    return adam


def learning_rate(config: Config, step: tf.Tensor, total: int) -> tf.Tensor:
    """The rate of a step counted from 0: constant, then linear, 0 after the last."""
    start = config.train.decay_from * total
    left = (total - tf.cast(step, tf.float32)) / max(total - start, 1.0)
    return config.train.learning_rate * tf.clip_by_value(left, 0.0, 1.0)


class Opponent(NamedTuple):
    """What the generator trains against."""

    critic: keras.Model
    optimizer: FusedAdam
    losses: Adversarial


def make_train_step(
    config: Config,
    state: State,
    content: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    degradation: Degradation | None,
    total_steps: int,
    strategy: tf.distribute.Strategy | None = None,
) -> Callable[[dict[str, tf.Tensor]], Losses]:
    """The compiled step: batch -> losses, with the state moved on by one step.

    With a strategy the batch holds each replica's share of it, and the update is that
    of the whole: the mean of the gradients of equal shares.

    A batch holds `sharp` and `blurred`, uint8 (N, H, W, 3), `paired`, bool (N,), and
    `position`, int64 (N,), the number of each sample in the whole training. A sample
    that is not paired is blurred here; degradation is None where all are paired.
    """
    opponent = None
    if state.critic is not None and state.critic_optimizer is not None:
        losses = ADVERSARIAL[config.loss.adversarial]
        opponent = Opponent(state.critic, state.critic_optimizer, losses)

    rounds = stages(state.generator) if is_staged(state.generator) else []
    forward = state.generator
    if rounds:
        outputs = [forward.output]
        for stage in rounds:
            outputs += [forward.get_layer(name).output for name in stage[:2]]
        forward = keras.Model(forward.input, outputs)

    def pair(batch: dict[str, tf.Tensor], seeds: tf.Tensor) -> Degraded:
        given = (to_float(batch["blurred"]), to_float(batch["sharp"]))
        if degradation is None:
            return given_pairs(*given)
        made = training_pairs(given[1], degradation, seeds)
        given = cut_margin(given, degradation.margin, seeds)
        paired = batch["paired"][:, None, None, None]
        return Degraded(
            tf.where(paired, given[0], made.blurred),
            tf.where(paired, given[1], made.sharp),
            made.kernels,
            made.invariant & ~batch["paired"],
        )

    def stage_losses(
        found: list[tf.Tensor], true: Degraded
    ) -> tuple[Losses, tf.Tensor]:
        """How good guesses and kernels are, and their weighted sum."""
        factors = [stage[2] for stage in rounds]
        guesses = list(zip(found[::2], factors, strict=True))
        kernels = list(zip(found[1::2], factors, strict=True))
        losses = {
            "guesses": guesses_loss(guesses, true.sharp),
            "kernels": kernels_loss(kernels, true.kernels, true.invariant),
        }
        weights = {"guesses": config.loss.guesses, "kernels": config.loss.kernels}
        return losses, tf.add_n([weights[name] * losses[name] for name in losses])

    def critic_step(
        opponent: Opponent, sharp: tf.Tensor, restored: tf.Tensor, alpha: tf.Tensor
    ) -> Losses:
        def score(pictures: tf.Tensor) -> tf.Tensor:
            return opponent.critic(pictures, training=True)

        with tf.GradientTape() as tape:
            # One pass for both: instance normalisation keeps the samples apart.
            both = score(tf.concat([sharp, restored], 0))
            critic_loss = opponent.losses.critic(*tf.split(both, 2))
            penalty = tf.constant(0.0)
            if opponent.losses.has_penalty:
                penalty = gradient_penalty(score, sharp, restored, alpha)
            total = critic_loss + config.loss.penalty_weight * penalty
        variables = opponent.critic.trainable_variables
        update(opponent.optimizer, tape.gradient(total, variables), variables)
        return {"critic": critic_loss, "penalty": penalty}

    def generator_gradient(restored: tf.Tensor, sharp: tf.Tensor) -> tuple:
        """Losses, and the gradient of their sum with respect to the restored batch."""
        losses = {}
        with tf.GradientTape() as tape:
            tape.watch(restored)
            total = losses["content"] = content(restored, sharp)
            if opponent:
                scores = opponent.critic(restored, training=True)
                losses["adversarial"] = opponent.losses.generator(scores)
                total += config.loss.adversarial_weight * losses["adversarial"]
            losses["generator"] = total
        return losses, tape.gradient(total, restored)

    def update(optimizer: FusedAdam, gradients: list, variables: list) -> None:
        """One step down the mean of all replicas' gradients, clipped as a whole."""
        replica = tf.distribute.get_replica_context()
        count = replica.num_replicas_in_sync
        if config.train.clip_norm is not None:
            # Not by Keras, which would clip each replica's own.
            if count > 1:
                mean = tf.distribute.ReduceOp.MEAN
                gradients = replica.all_reduce(mean, gradients)
            gradients, _ = tf.clip_by_global_norm(gradients, config.train.clip_norm)
        if count > 1:
            # Keras adds up what the replicas give.
            gradients = [gradient / count for gradient in gradients]
        optimizer.apply(gradients, variables)

    def update_average() -> None:
        # A short training would keep its random start; the average warms up.
        step = tf.cast(state.step, tf.float32)
        decay = tf.minimum(config.train.ema, (1.0 + step) / (10.0 + step))
        for mean, value in zip(
            state.average.weights, state.generator.weights, strict=True
        ):
            mean.assign(mean + (1.0 - decay) * (value - mean))

    def note(losses: Losses) -> None:
        """Adds the losses to the sums, and remembers the first that is not finite."""
        values = tf.stack([losses[name] for name in state.loss_names])
        state.sums.assign_add(values)
        bad = ~tf.math.is_finite(values)
        number = tf.argmax(tf.cast(bad, tf.int32))
        is_first = tf.reduce_any(bad) & (state.first_bad[0] < 0)
        now = tf.stack([state.step + 1, number])
        state.first_bad.assign(tf.where(is_first, now, state.first_bad))

    def replica_step(batch: dict[str, tf.Tensor]) -> Losses:
        seeds = sample_seeds(config.seed, batch["position"])
        pairs = pair(batch, seeds)
        sharp = pairs.sharp

        further: Losses = {}
        with tf.GradientTape() as tape, dropout_seeds(seeds):
            found = forward(pairs.blurred, training=True)
            restored, aside = found, tf.constant(0.0)
            if rounds:
                restored = found[0]
                further, aside = stage_losses(found[1:], pairs)
        losses = {}
        if opponent:
            alphas = uniform(seeds, config.train.critic_steps, ALPHA_SALT)
            losses = {"critic": tf.constant(0.0), "penalty": tf.constant(0.0)}
            # Replicas cannot meet inside a loop of TensorFlow's.
            turns = range if strategy else tf.range
            # The critic learns several times from the same restored batch.
            for turn in turns(config.train.critic_steps):
                losses = critic_step(opponent, sharp, restored, alphas[:, turn])
        more, upstream = generator_gradient(restored, sharp)
        losses = losses | more | further
        losses["generator"] += aside

        # The generator ran once: its gradient goes on from that of the restored batch.
        variables = state.generator.trainable_variables
        gradients = tape.gradient(
            [restored, aside],
            variables,
            output_gradients=[upstream, tf.ones_like(aside)],
        )
        update(state.generator_optimizer, gradients, variables)
        return losses

    @tf.function
    def train_step(batch: dict[str, tf.Tensor]) -> Losses:
        rate = learning_rate(config, state.step, total_steps)
        state.generator_optimizer.learning_rate.assign(rate)
        if opponent:
            opponent.optimizer.learning_rate.assign(rate)
        if strategy is None:
            losses = replica_step(batch)
        else:
            of_each = strategy.run(replica_step, (batch,))
            mean = tf.distribute.ReduceOp.MEAN
            losses = {
                name: strategy.reduce(mean, value, axis=None)
                for name, value in of_each.items()
            }
        note(losses)
        update_average()
        state.step.assign_add(1)
        return losses

    return train_step
