"""Losses as pure functions: adversarial ones in pairs, the gradient penalty, content.

Pictures are float32 (N, H, W, 3) in [-1, 1], scores float32 (N, h, w, 1), one per
patch. All is computed in float32; only VGG19's layers can have another precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from deblurgan_tf.models.pixel_losses import charbonnier, l1, l2
from deblurgan_tf.training.vgg19 import Vgg19Features

# (restored, sharp) -> scalar
ContentLoss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Adversarial(NamedTuple):
    """What the critic minimises, and what the generator minimises against it."""

    critic: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (sharp, restored) scores
    generator: Callable[[tf.Tensor], tf.Tensor]  # restored scores
    has_penalty: bool


def _wgan_critic(sharp: tf.Tensor, restored: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(restored) - tf.reduce_mean(sharp)


def _wgan_generator(restored: tf.Tensor) -> tf.Tensor:
    return -tf.reduce_mean(restored)


def _lsgan_critic(sharp: tf.Tensor, restored: tf.Tensor) -> tf.Tensor:
    real = tf.reduce_mean(tf.square(sharp - 1.0))
    return 0.5 * (real + tf.reduce_mean(tf.square(restored)))


def _lsgan_generator(restored: tf.Tensor) -> tf.Tensor:
    return 0.5 * tf.reduce_mean(tf.square(restored - 1.0))


# The logarithm of the sigmoid is taken from the logits: -log s(x) = softplus(-x).
def _gan_critic(sharp: tf.Tensor, restored: tf.Tensor) -> tf.Tensor:
    real = tf.reduce_mean(tf.nn.softplus(-sharp))
    return 0.5 * (real + tf.reduce_mean(tf.nn.softplus(restored)))


def _gan_generator(restored: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.softplus(-restored))


ADVERSARIAL = {
    # Gulrajani et al. 2017, equation 3 (the penalty is `gradient_penalty`)
    "wgan-gp": Adversarial(_wgan_critic, _wgan_generator, has_penalty=True),
    # Mao et al. 2017, equation 9: labels 1 for sharp, 0 for restored
    "lsgan": Adversarial(_lsgan_critic, _lsgan_generator, has_penalty=False),
    # Goodfellow et al. 2014, the non-saturating form; the critic returns logits
    "gan": Adversarial(_gan_critic, _gan_generator, has_penalty=False),
}


def gradient_penalty(
    critic: Callable[[tf.Tensor], tf.Tensor],
    sharp: tf.Tensor,
    restored: tf.Tensor,
    alpha: tf.Tensor,
) -> tf.Tensor:
    """Mean of (|gradient of a score| - 1)^2 between the pairs (Gulrajani et al. 2017).

    The gradient is taken at alpha * sharp + (1 - alpha) * restored. alpha: (N,) in
    [0, 1], one per sample. A score is the mean over the sample's patches, and the norm
    is taken over all of (H, W, C). Where the critic is flat, the square root's gradient
    would be infinite; 1e-12 keeps it finite.
    """
    alpha = tf.reshape(alpha, [-1, 1, 1, 1])
    between = alpha * sharp + (1.0 - alpha) * restored
    with tf.GradientTape() as tape:
        tape.watch(between)
        scores = tf.reduce_mean(critic(between), axis=[1, 2, 3])
    gradient = tf.cast(tape.gradient(scores, between), tf.float32)
    norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3]) + 1e-12)
    return tf.reduce_mean(tf.square(norm - 1.0))


def content_loss(
    weights: dict[str, float],
    vgg19_weights: str = "imagenet",
    precision: str = "float32",
) -> ContentLoss:
    """The weighted sum of content losses, for example of {"vgg19": 100.0}.

    weights: of "l1", "l2", "charbonnier" and "vgg19". vgg19_weights: see
    `Vgg19Features`. precision: of VGG19's layers, "float32" or "mixed_bfloat16". In the
    latter the gradient points within 10 degrees of float32's for pictures from 19 to
    39 dB, and is as long; from 60 dB on, a part of it is noise.

    Raises WeightsUnavailable where vgg19 is asked for and its weights cannot be loaded.
    """
    functions: dict[str, ContentLoss] = {"l1": l1, "l2": l2, "charbonnier": charbonnier}
    if "vgg19" in weights:
        features = Vgg19Features(vgg19_weights, precision)
        functions["vgg19"] = lambda restored, sharp: l2(
            features(restored), tf.stop_gradient(features(sharp))
        )
    terms = sorted(weights.items())

    def total(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
        return tf.add_n(
            [weight * functions[name](restored, sharp) for name, weight in terms]
        )

    return total
