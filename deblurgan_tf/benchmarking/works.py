"""What is timed: training steps and restoring, in TensorFlow and in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from deblurgan_tf.benchmarking import multiplications
from deblurgan_tf.benchmarking.timing import Work
from deblurgan_tf.blur.degradation import degradation
from deblurgan_tf.config import Config
from deblurgan_tf.errors import MissingExtra
from deblurgan_tf.inference.restorer import Restorer
from deblurgan_tf.storage.installation import install_command
from deblurgan_tf.training.losses import content_loss
from deblurgan_tf.training.state import new_state
from deblurgan_tf.training.step import make_train_step

PAPER = "resnet"
"""The name of the paper's generator at full width with random weights."""


class TrainingSteps:
    """The full training step of a config, for pictures of several sizes.

    VGG19 has random weights: they cost the same time as trained ones.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.state = new_state(config)
        how = degradation(config.blur, config.seed)
        content = content_loss(
            dict(config.loss.content.items()), "random", config.train.precision
        )
        self.step: Any = make_train_step(config, self.state, content, how, 1000)

    def work(self, side: int, batch: int) -> Work:
        """One step with `batch` pictures of side x side pixels."""
        return self.of_size(side, side, batch)

    def of_size(self, height: int, width: int, batch: int) -> Work:
        """One step with `batch` pictures of height x width pixels."""
        sharp = tf.constant(_pixels(batch, height, width))

        def run() -> object:
            position = self.state.step * batch + tf.range(batch, dtype=tf.int64)
            return float(self.step(self._batch(sharp, position))["generator"])

        return run

    def multiplications(self, side: int, batch: int) -> int:
        """MACs of one step."""
        sharp = tf.TensorSpec((batch, side, side, 3), tf.uint8)
        position = tf.TensorSpec((batch,), tf.int64)
        paired = tf.TensorSpec((batch,), tf.bool)
        specs = {
            "sharp": sharp,
            "blurred": sharp,
            "paired": paired,
            "position": position,
        }
        graph = self.step.get_concrete_function(specs)
        return multiplications.of_graph(graph, self.config.train.critic_steps)

    def _batch(self, sharp: tf.Tensor, position: tf.Tensor) -> dict[str, tf.Tensor]:
        paired = tf.zeros(len(sharp), tf.bool)
        return {
            "sharp": sharp,
            "blurred": sharp,
            "paired": paired,
            "position": position,
        }


class Restoring(Restorer):
    """A restorer that records the shapes of its network's inputs."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.eager_runs = 0  # many pictures are measured, not the first few
        self.shapes: list[tuple[int, ...]] = []

    def _forward(
        self, pictures: np.ndarray, statistics: list[tf.Tensor] | None
    ) -> np.ndarray:
        self.shapes.append(pictures.shape)
        return super()._forward(pictures, statistics)

    def multiplications(self, pixels: np.ndarray) -> int:
        """MACs of restoring a picture, tiles and their overlaps included."""
        self.shapes = []
        self.restore(pixels)
        counts = {
            shape: multiplications.of_model(self.model, self._padded(shape))
            for shape in set(self.shapes)
        }
        return sum(counts[shape] for shape in self.shapes)

    def _padded(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        pad = self.model.get_layer("pad_to_multiple")
        return pad.compute_output_shape(shape)


def picture(height: int, width: int) -> np.ndarray:
    """Noise, uint8 (height, width, 3)."""
    return _pixels(height, width)


def _pixels(*size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


def torch_step(side: int, batch: int) -> Work:
    """The training step of `torch_reference`, on noise.

    Raises:
        MissingExtra: PyTorch is not installed.
    """
    torch = _import_torch()
    from deblurgan_tf.benchmarking.torch_reference import (
        make_train_step as make_torch_step,
    )

    step = make_torch_step()
    blurred, sharp = (torch.rand(batch, 3, side, side) * 2 - 1 for _ in range(2))
    return lambda: step(blurred, sharp)


def torch_forward(pixels: np.ndarray) -> Callable[[], object]:
    """The paper's generator in PyTorch, from uint8 (H, W, 3) to the same.

    Raises:
        MissingExtra: PyTorch is not installed.
    """
    torch = _import_torch()
    from deblurgan_tf.benchmarking.torch_reference import Generator

    generator = Generator().eval()

    def work() -> object:
        with torch.no_grad():
            values = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
            restored = generator(values / 127.5 - 1)
            return ((restored + 1) * 127.5).round().clamp(0, 255).byte().numpy()

    return work


def _import_torch() -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtra(
            f"the comparison needs PyTorch: {install_command('torch')}, or leave "
            "it out with --no-torch"
        ) from None
    return torch
