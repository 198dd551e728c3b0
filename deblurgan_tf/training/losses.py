"""Losses as pure functions: adversarial ones in pairs, the gradient penalty, content.

Pictures are float32 (N, H, W, 3) in [-1, 1], scores float32 (N, h, w, 1), one a patch.
Everything here is computed in float32, but for VGG19's layers where that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from deblurgan_tf.blur.kernels import downsampled as downsampled_kernels
from deblurgan_tf.training.vgg19 import Vgg19Features


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
    """Mean of (|grad of the score| - 1)^2 between the pairs (Gulrajani et al. 2017).

    alpha: (N,) in [0, 1], one per sample: 1 is sharp, 0 restored. A score is the mean
    over the sample's patches, and the norm is taken over all of (H, W, C). Where the
    critic is flat, the square root's gradient would be infinite; 1e-12 keeps it finite.
    """
    alpha = tf.reshape(alpha, [-1, 1, 1, 1])
    between = alpha * sharp + (1.0 - alpha) * restored
    with tf.GradientTape() as tape:
        tape.watch(between)
        scores = tf.reduce_mean(critic(between), axis=[1, 2, 3])
    gradient = tf.cast(tape.gradient(scores, between), tf.float32)
    norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3]) + 1e-12)
    return tf.reduce_mean(tf.square(norm - 1.0))


def l1(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference."""
    return tf.reduce_mean(tf.abs(restored - sharp))


def l2(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Mean squared difference."""
    return tf.reduce_mean(tf.square(restored - sharp))


def charbonnier(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Mean of sqrt(difference^2 + 0.001^2) (Lai et al. 2017): smooth at 0, else l1."""
    return tf.reduce_mean(tf.sqrt(tf.square(restored - sharp) + 1e-6))


def reduced(pictures: tf.Tensor, factor: int) -> tf.Tensor:
    """Pictures reduced by a whole factor, each pixel the mean of those it covers."""
    if factor == 1:
        return pictures
    return tf.nn.avg_pool2d(pictures, factor, factor, "VALID")


def guesses_loss(guesses: list[tuple[tf.Tensor, int]], sharp: tf.Tensor) -> tf.Tensor:
    """Charbonnier of guesses of the sharp picture in smaller sizes, mean over them.

    guesses: each with the factor by which it is smaller. They may go on beyond the
    sharp picture at the bottom and right, where the network padded it; a coarse pixel
    that lies there in part is left out.
    """
    losses = []
    for guess, factor in guesses:
        target = reduced(sharp, factor)
        losses.append(
            charbonnier(guess[:, : target.shape[1], : target.shape[2]], target)
        )
    return tf.add_n(losses) / len(losses)


def kernels_loss(
    found: list[tuple[tf.Tensor, int]], true: tf.Tensor, known: tf.Tensor
) -> tf.Tensor:
    """Sum of |found - true| over a kernel (0 to 2), mean over the samples and rounds.

    found: kernels (N, K, K, 1), each with the factor by which its picture is smaller;
    true: (N, C, C); known: bool (N,), False for samples whose kernel is not known.
    """
    total = tf.constant(0.0)
    for kernels, factor in found:
        target = downsampled_kernels(true, factor, kernels.shape[1] // 2)
        apart = tf.reduce_sum(tf.abs(kernels[..., 0] - target), axis=[1, 2])
        total += tf.reduce_mean(tf.where(known, apart, 0.0))
    return total / len(found)


def content_loss(
    weights: dict[str, float],
    vgg19_weights: str = "imagenet",
    precision: str = "float32",
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """(restored, sharp) -> the weighted sum of content losses, for example
    {"vgg19": 100.0}.

    precision: of VGG19's layers, "float32" or "mixed_bfloat16". In the latter the
    gradient points within 10 degrees of float32's for pictures from 19 to 39 dB, and is
    as long; from 60 dB on, noise is a part of it.

    Raises `WeightsUnavailable` where vgg19 is asked for and its weights are not
    to be had.
    """
    functions: dict[str, Callable] = {"l1": l1, "l2": l2, "charbonnier": charbonnier}
    if "vgg19" in weights:
        features = Vgg19Features(vgg19_weights, precision)
        functions["vgg19"] = lambda restored, sharp: l2(
            features(restored), tf.stop_gradient(features(sharp))
        )

    def total(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
        return tf.add_n(
            [weight * functions[name](restored, sharp) for name, weight in terms]
        )

    terms = sorted(weights.items())
    return total
