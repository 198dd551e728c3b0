"""What a generator is trained on besides the restored picture.

The unrolled generator guesses the sharp picture and the blur kernel in several rounds.
Each guess has a loss, so that early rounds learn what they are for. Other generators
have no losses of their own. `training_forward` is the same function for all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from deblurgan_tf.blur import kernels as blur_kernels
from deblurgan_tf.blur.degradation import Degraded
from deblurgan_tf.models.pixel_losses import charbonnier
from deblurgan_tf.models.unrolled import is_staged, stages

# pairs -> the restored pictures, and the generator's own losses by name
TrainingForward = Callable[[Degraded], tuple[tf.Tensor, dict[str, tf.Tensor]]]


def own_loss_names(staged: bool) -> tuple[str, ...]:
    """Names of the losses that `training_forward` adds; staged: see `is_staged`."""
    return ("guesses", "kernels") if staged else ()


def training_forward(generator: keras.Model) -> TrainingForward:
    """A function that restores a batch and measures the generator's own losses.

    It takes the pairs of a training step and returns the restored pictures, float32
    (N, H, W, 3) in [-1, 1], and the losses: scalars, by the names of `own_loss_names`.
    """

    def restore(pairs: Degraded) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        return generator(pairs.blurred, training=True), {}

    if not is_staged(generator):
        return restore

    rounds = stages(generator)
    names = [name for guess, kernel, _ in rounds for name in (guess, kernel)]
    inner = [generator.get_layer(name).output for name in names]
    with_rounds = keras.Model(generator.input, [generator.output, *inner])
    factors = [factor for _, _, factor in rounds]

    def restore_and_measure(
        pairs: Degraded,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        restored, *found = with_rounds(pairs.blurred, training=True)
        guesses = list(zip(found[::2], factors, strict=True))
        kernels = list(zip(found[1::2], factors, strict=True))
        return restored, {
            "guesses": guesses_loss(guesses, pairs.sharp),
            "kernels": kernels_loss(kernels, pairs.kernels, pairs.invariant),
        }

    return restore_and_measure


def guesses_loss(guesses: list[tuple[tf.Tensor, int]], sharp: tf.Tensor) -> tf.Tensor:
    """Charbonnier loss of the guesses of the sharp picture, mean over the rounds.

    guesses: pictures (N, h, w, 3), each with the factor by which the sharp one is
    larger. The network pads a picture at the bottom and right; pixels of a guess that
    lie there, also in part, do not count.
    """
    losses = []
    for guess, factor in guesses:
        target = downsampled(sharp, factor)
        losses.append(
            charbonnier(guess[:, : target.shape[1], : target.shape[2]], target)
        )
    return tf.add_n(losses) / len(losses)


def kernels_loss(
    found: list[tuple[tf.Tensor, int]], true: tf.Tensor, known: tf.Tensor
) -> tf.Tensor:
    """Sum of |found - true| over a kernel (0 to 2), mean over the samples and rounds.

    found: kernels (N, K, K, 1), each with the factor by which its picture is smaller;
    true: (N, C, C); known: bool (N,), False for samples whose kernel is not known. Such
    a sample counts as 0.
    """
    total = tf.constant(0.0)
    for kernels, factor in found:
        target = blur_kernels.reduced(true, factor, kernels.shape[1] // 2)
        difference = tf.reduce_sum(tf.abs(kernels[..., 0] - target), axis=[1, 2])
        total += tf.reduce_mean(tf.where(known, difference, 0.0))
    return total / len(found)


def downsampled(pictures: tf.Tensor, factor: int) -> tf.Tensor:
    """Pictures smaller by a whole factor, each pixel the mean of those it covers.

    (N, H, W, 3) -> (N, H // factor, W // factor, 3).
    """
    if factor == 1:
        return pictures
    return tf.nn.avg_pool2d(pictures, factor, factor, "VALID")
