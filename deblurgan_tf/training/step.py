"""One training step, from a batch of sharp pictures to the new weights.

Read it from the top: each function stands below the one that calls it, in the order of
the work: learning rate, degrade, generator forward, critic updates, generator update,
note, average.
A step is a function of the state, the batch and the seeds in it, so a resumed training
ends with the same weights as one that was never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from deblurgan_tf.models.layers import dropout_seeds
from deblurgan_tf.models.unrolled_losses import TrainingForward, training_forward
from deblurgan_tf.training.learning_rate import Lengthening, learning_rate
from deblurgan_tf.training.losses import (
    ADVERSARIAL,
    Adversarial,
    ContentLoss,
    gradient_penalty,
)
from deblurgan_tf.training.optimizer import FusedAdam
from deblurgan_tf.training.state import State

ALPHA_SALT = 1004  # seeds of the penalty's interpolation, see blur/degradation.py

Batch = dict[str, tf.Tensor]
Losses = dict[str, tf.Tensor]


class Opponent(NamedTuple):
    """What the generator trains against."""

    critic: keras.Model
    optimizer: FusedAdam
    losses: Adversarial


class Recipe(NamedTuple):
    """What a step reads beside the state and the batch; it never changes."""

    config: Config
    degradation: Degradation | None
    content: ContentLoss
    forward: TrainingForward
    opponent: Opponent | None
    strategy: tf.distribute.Strategy | None
    lengthened: Sequence[Lengthening]


def make_train_step(
    config: Config,
    state: State,
    content: ContentLoss,
    degradation: Degradation | None,
    total_steps: int,
    strategy: tf.distribute.Strategy | None = None,
    lengthened: Sequence[Lengthening] = (),
) -> Callable[[Batch], Losses]:
    """The compiled step: takes a batch, changes the state, returns the losses.

    A batch holds `sharp` and `blurred`, uint8 (N, H, W, 3); `paired`, bool (N,): where
    False, the sample is blurred here; and `position`, int64 (N,): the number of each
    sample in the whole training. With a strategy, each replica gets its own share as a
    batch, all of one size, and the gradient is the mean of the replicas' gradients.
    degradation: None where all samples are paired. lengthened: see `learning_rate`.
    """
    opponent = None
    if state.critic is not None and state.critic_optimizer is not None:
        losses = ADVERSARIAL[config.loss.adversarial]
        opponent = Opponent(state.critic, state.critic_optimizer, losses)
    forward = training_forward(state.generator)
    recipe = Recipe(
        config, degradation, content, forward, opponent, strategy, lengthened
    )

    @tf.function
    def train_step(batch: Batch) -> Losses:
        set_learning_rate(recipe, state, total_steps)
        losses = on_each_replica(recipe, state, batch)
        note(state, losses)
        update_average(recipe, state)
        state.step.assign_add(1)
        return losses

    return train_step


def set_learning_rate(recipe: Recipe, state: State, total_steps: int) -> None:
    """Gives both optimisers the learning rate of this step."""
    rate = learning_rate(recipe.config, state.step, total_steps, recipe.lengthened)
    state.generator_optimizer.learning_rate.assign(rate)
    if recipe.opponent:
        recipe.opponent.optimizer.learning_rate.assign(rate)


def on_each_replica(recipe: Recipe, state: State, batch: Batch) -> Losses:
    """Updates the networks on each replica; the losses are the replicas' mean."""

    def update(share: Batch) -> Losses:
        return update_networks(recipe, state, share)

    if recipe.strategy is None:
        return update(batch)
    each = recipe.strategy.run(update, (batch,))
    mean = tf.distribute.ReduceOp.MEAN
    return {
        name: recipe.strategy.reduce(mean, value, axis=None)
        for name, value in each.items()
    }


def update_networks(recipe: Recipe, state: State, batch: Batch) -> Losses:
    """Updates critic and generator by the samples of one replica."""
    seeds = sample_seeds(recipe.config.seed, batch["position"])
    pairs = degrade_batch(recipe, batch, seeds)
    forwarded = generator_forward(recipe, pairs, seeds)
    losses = critic_updates(recipe, pairs.sharp, forwarded.restored, seeds)
    return losses | generator_update(recipe, state, pairs.sharp, forwarded)


def degrade_batch(recipe: Recipe, batch: Batch, seeds: tf.Tensor) -> Degraded:
    """The pairs to train on: given ones as they are, else the sharp picture blurred."""
    given = (to_float(batch["blurred"]), to_float(batch["sharp"]))
    if recipe.degradation is None:
        return given_pairs(*given)
    made = training_pairs(given[1], recipe.degradation, seeds)
    given = cut_margin(given, recipe.degradation.margin, seeds)
    paired = batch["paired"][:, None, None, None]
    return Degraded(
        tf.where(paired, given[0], made.blurred),
        tf.where(paired, given[1], made.sharp),
        made.kernels,
        made.invariant & ~batch["paired"],
    )


class Forwarded(NamedTuple):
    """What `generator_forward` leaves for the updates."""

    tape: tf.GradientTape  # from the generator's weights to the next two
    restored: tf.Tensor  # (N, H, W, 3) in [-1, 1]
    own_total: tf.Tensor  # the weighted sum of `own`; 0 where there are none
    own: Losses  # the generator's own losses, see models.unrolled_losses


def generator_forward(recipe: Recipe, pairs: Degraded, seeds: tf.Tensor) -> Forwarded:
    """Restores the batch once, for the critic's updates and the generator's."""
    loss = recipe.config.loss
    weights = {"guesses": loss.guesses, "kernels": loss.kernels}
    own_total = tf.constant(0.0)
    with tf.GradientTape() as tape, dropout_seeds(seeds):
        restored, own = recipe.forward(pairs)
        if own:
            own_total = tf.add_n([weights[name] * own[name] for name in own])
    return Forwarded(tape, restored, own_total, own)


def critic_updates(
    recipe: Recipe, sharp: tf.Tensor, restored: tf.Tensor, seeds: tf.Tensor
) -> Losses:
    """Updates the critic several times on the same batch; returns its last losses."""
    if recipe.opponent is None:
        return {}
    count = recipe.config.train.critic_steps
    alphas = uniform(seeds, count, ALPHA_SALT)
    losses = {"critic": tf.constant(0.0), "penalty": tf.constant(0.0)}
    # Replicas cannot exchange gradients inside a loop that TensorFlow runs.
    repeat = range if recipe.strategy else tf.range
    for number in repeat(count):
        losses = critic_update(
            recipe, recipe.opponent, sharp, restored, alphas[:, number]
        )
    return losses


def critic_update(
    recipe: Recipe,
    opponent: Opponent,
    sharp: tf.Tensor,
    restored: tf.Tensor,
    alpha: tf.Tensor,
) -> Losses:
    """One update of the critic. alpha: (N,), see `gradient_penalty`.

    `restored` was computed outside this tape: the generator gets no gradient here.
    """

    def score(pictures: tf.Tensor) -> tf.Tensor:
        return opponent.critic(pictures, training=True)

    with tf.GradientTape() as tape:
        # One pass for both: instance normalisation keeps the samples apart.
        both = score(tf.concat([sharp, restored], 0))
        critic_loss = opponent.losses.critic(*tf.split(both, 2))
        penalty = tf.constant(0.0)
        if opponent.losses.has_penalty:
            penalty = gradient_penalty(score, sharp, restored, alpha)
        total = critic_loss + recipe.config.loss.penalty_weight * penalty
    variables = opponent.critic.trainable_variables
    gradients = tape.gradient(total, variables)
    apply_gradients(recipe, opponent.optimizer, gradients, variables)
    return {"critic": critic_loss, "penalty": penalty}


def generator_update(
    recipe: Recipe, state: State, sharp: tf.Tensor, forwarded: Forwarded
) -> Losses:
    """One update of the generator, against the critic as it is now."""
    restored, own_total = forwarded.restored, forwarded.own_total
    losses = {}
    with tf.GradientTape() as tape:
        tape.watch(restored)
        losses["content"] = recipe.content(restored, sharp)
        total = losses["content"]
        if recipe.opponent:
            scores = recipe.opponent.critic(restored, training=True)
            losses["adversarial"] = recipe.opponent.losses.generator(scores)
            total += recipe.config.loss.adversarial_weight * losses["adversarial"]
    upstream = tape.gradient(total, restored)

    # The chain rule: the gradient at the restored batch goes back to the weights.
    variables = state.generator.trainable_variables
    gradients = forwarded.tape.gradient(
        [restored, own_total],
        variables,
        output_gradients=[upstream, tf.ones_like(own_total)],
    )
    apply_gradients(recipe, state.generator_optimizer, gradients, variables)
    return losses | forwarded.own | {"generator": total + own_total}


def apply_gradients(
    recipe: Recipe,
    optimizer: FusedAdam,
    gradients: list[tf.Tensor],
    variables: list[keras.Variable],
) -> None:
    """One step down the mean of all replicas' gradients, clipped by its norm."""
    replica = tf.distribute.get_replica_context()
    count = replica.num_replicas_in_sync
    clip_norm = recipe.config.train.clip_norm
    if clip_norm is not None:
        # Keras would clip each replica's own gradient, not their mean.
        if count > 1:
            mean = tf.distribute.ReduceOp.MEAN
            gradients = replica.all_reduce(mean, gradients)
        gradients, _ = tf.clip_by_global_norm(gradients, clip_norm)
    if count > 1:
        # The optimiser (Keras's Adam) adds the gradients of all replicas.
        gradients = [gradient / count for gradient in gradients]
    optimizer.apply(gradients, variables)


def note(state: State, losses: Losses) -> None:
    """Adds the losses to the sums, and remembers the first that is not finite."""
    values = tf.stack([losses[name] for name in state.loss_names])
    state.sums.assign_add(values)
    bad = ~tf.math.is_finite(values)
    index = tf.argmax(tf.cast(bad, tf.int32))
    is_first = tf.reduce_any(bad) & (state.first_bad[0] < 0)
    now = tf.stack([state.step + 1, index])
    state.first_bad.assign(tf.where(is_first, now, state.first_bad))


def update_average(recipe: Recipe, state: State) -> None:
    """Moves the average of the generator's weights towards the new ones."""
    # The decay starts at 0.1, so that the random start is soon forgotten.
    step = tf.cast(state.step, tf.float32)
    decay = tf.minimum(recipe.config.train.ema, (1.0 + step) / (10.0 + step))
    for mean, value in zip(state.average.weights, state.generator.weights, strict=True):
        mean.assign(mean + (1.0 - decay) * (value - mean))
