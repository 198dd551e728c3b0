"""The state of a training: everything that a restart must bring back."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import keras
import tensorflow as tf

from deblurgan_tf.config import Config
from deblurgan_tf.errors import WorkFailed
from deblurgan_tf.models.deblurgan import build_critic, build_generator
from deblurgan_tf.models.unrolled import is_staged
from deblurgan_tf.models.unrolled_losses import own_loss_names
from deblurgan_tf.training.optimizer import FusedAdam


@dataclass
class State:
    """Networks, optimisers, the generator's moving average and the steps done."""

    generator: keras.Model
    average: keras.Model  # EMA of the generator, always float32: what is used later
    generator_optimizer: FusedAdam
    critic: keras.Model | None
    critic_optimizer: FusedAdam | None
    step: tf.Variable  # how many are done
    sums: tf.Variable  # of each loss since the last line of the log
    first_bad: tf.Variable  # (step, index of the loss) that was not finite; -1: none

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
    """The losses of a training, in the order of the log.

    critic: whether there is one; staged: whether the generator finds kernels.
    """
    return (
        *(("critic", "penalty") if critic else ()),
        "content",
        *(("adversarial",) if critic else ()),
        *own_loss_names(staged),
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
    names = loss_names(critic is not None, is_staged(generator))
    return State(
        generator=generator,
        average=average,
        generator_optimizer=generator_optimizer,
        critic=critic,
        critic_optimizer=critic_optimizer,
        step=tf.Variable(0, dtype=tf.int64, name="step"),
        sums=tf.Variable(tf.zeros(len(names))),
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
    # A strict restore skips optimisers that are not built yet.
    adam.build(network.trainable_variables)
    return adam


def check_finite(state: State) -> None:
    """Raises WorkFailed where a loss was, or a weight is, NaN or infinite."""
    step, loss = state.first_bad.numpy()
    if step >= 0:
        what = f"the loss {state.loss_names[loss]!r}"
    elif not _finite_weights(state):
        what, step = "a weight", int(state.step)
    else:
        return
    raise WorkFailed(
        f"{what} became NaN or infinite in step {step:,}; the last checkpoint is "
        "good. Lower train.learning_rate or set train.clip_norm, in a new --run"
    )


def _finite_weights(state: State) -> bool:
    networks = [state.generator, state.average]
    if state.critic is not None:
        networks.append(state.critic)
    weights = [x.value for network in networks for x in network.weights]
    return all(bool(tf.reduce_all(tf.math.is_finite(x))) for x in weights)
