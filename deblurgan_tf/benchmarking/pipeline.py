"""Pictures a second that the input pipeline delivers, beside the training step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.benchmarking.timing import Work
from deblurgan_tf.config import Config
from deblurgan_tf.data import open_source, training_batches
from deblurgan_tf.data.plates.render import render_plate

FILES = 256
"""Pictures in the folder that is made if no config names one."""


def delivering(config: Config, batches: int) -> Work:
    """Takes `batches` batches of a training's pipeline; the next run takes the next.

    Raises:
        DataError: the config's data cannot be used.
    """
    stream: Iterator[dict[str, tf.Tensor]] = iter(
        training_batches(open_source(config), config, 0)
    )

    def work() -> object:
        for _ in range(batches):
            batch = next(stream)
        return np.asarray(batch["sharp"]).sum()

    return work


def small_files(folder: Path, count: int = FILES) -> Path:
    """Writes rendered plates of 160x240 pixels as PNG files; returns the folder."""
    folder.mkdir()
    for number in range(count):
        pixels, _ = render_plate(number, 160, 240)
        images.write(folder / f"{number:05}.png", images.Picture(pixels))
    return folder
