"""The package's own training step, plain or compiled as a whole by XLA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from deblurgan_tf import config as configs
from deblurgan_tf.blur.degradation import Degradation
from deblurgan_tf.models.deblurgan import build_critic, build_generator
from deblurgan_tf.models.unrolled import is_staged
from deblurgan_tf.training import state as states
from deblurgan_tf.training import step as steps
from deblurgan_tf.training.losses import content_loss

HERE = Path(__file__).resolve().parent


def bank(name: str) -> tf.Tensor:
    """The kernels of banks.npz, made before: (count, 65, 65), sums 1."""
    with np.load(HERE / "banks.npz") as file:
        kernels = file[name].astype(np.float32)
    return tf.constant(kernels / kernels.sum(axis=(1, 2), keepdims=True))


def options_of(case: dict) -> configs.Config:
    """The config of a case: the paper's, or that of the unrolled generator."""
    if case.get("config") == "paper":
        path = configs.experiment("plates_paper")
        extra = ["loss.content={charbonnier: 50.0}"]
        vgg19 = HERE / "vgg19.npz"
        if vgg19.exists():
            extra = [f"loss.vgg19_weights={vgg19}"]
    else:
        path = HERE / "unrolled.yaml"
        extra = [
            f"model.width={case.get('width', 32)}",
            f"model.levels={case.get('levels', 4)}",
        ]
    crop = list(case["crop"])
    extra += [f"data.batch={case['batch']}", f"data.crop={crop}"]
    extra += [f"train.precision={case.get('precision', 'float32')}"]
    if "ema" in case:
        extra += [f"train.ema={case['ema']}"]
    return configs.load(path, extra)


class Average:
    """The moving average of a generator as variables alone: a model takes long."""

    def __init__(self, generator):
        self.weights = [
            tf.Variable(x.numpy(), trainable=False) for x in generator.weights
        ]


def new_state(config: configs.Config, start: Path | None = None) -> states.State:
    """`state.new_state` with an `Average`; start: weights as numpy.savez wrote them."""
    precision = config.train.precision
    generator = build_generator(config.model, config.seed, precision)
    if start is not None:
        with np.load(start) as file:
            weights = [file[f"arr_{n}"].astype(np.float32) for n in range(len(file))]
        generator.set_weights(weights)
    critic = critic_optimizer = None
    if config.loss.adversarial != "none":
        critic = build_critic(config.model, config.seed + 1, precision)
        critic_optimizer = states._adam(config, critic)
    names = states.loss_names(critic is not None, is_staged(generator))
    return states.State(
        generator=generator,
        average=Average(generator),
        generator_optimizer=states._adam(config, generator),
        critic=critic,
        critic_optimizer=critic_optimizer,
        step=tf.Variable(0, dtype=tf.int64),
        sums=tf.Variable(tf.zeros(len(names))),
        first_bad=tf.Variable([-1, -1], dtype=tf.int64),
    )


def compiled(step, how: str):
    """A step of `make_train_step` as it is, compiled, or eight of them in one call."""
    if how == "graph":
        return step
    body = step.python_function
    if how == "xla":
        return tf.function(body, jit_compile=True)
    count = int(how.removeprefix("xla"))

    @tf.function(jit_compile=True)
    def several(batch):
        losses = body(batch)
        for _ in tf.range(count - 1):
            losses = body(batch)
        return losses

    return several


def make(case: dict):
    """A function: variant -> (state, step, its arguments, steps in a call)."""
    config = options_of(case)
    blur = config.blur
    kernels = bank("mixed" if blur.kind == "mixed" else "paper")
    how = Degradation(
        kernels, blur.noise, blur.gamma, blur.presmoothing, blur.jpeg, blur.varying,
        config.data.color_jitter, config.data.margin,
    )  # fmt: skip
    content = content_loss(
        dict(config.loss.content.items()),
        config.loss.vgg19_weights,
        config.train.precision,
    )
    rng = np.random.default_rng(0)
    count, (height, width) = config.data.batch, config.data.crop
    small = rng.integers(0, 256, (count, height // 4, width // 4, 3)).astype(np.uint8)
    sharp = tf.constant(small.repeat(4, 1).repeat(4, 2))
    batch = {
        "sharp": sharp,
        "blurred": sharp,
        "paired": tf.zeros(count, tf.bool),
        "position": tf.range(count, dtype=tf.int64),
    }

    state = new_state(config)

    def variant(name: str):
        step = steps.make_train_step(config, state, content, how, 10_000)
        number = int(name.removeprefix("xla")) if name[3:].isdigit() else 1
        return state, compiled(step, name), (batch,), number

    return variant
