"""Restores a folder of pictures with dropout active, as the authors' test code does.

python experiments/paper_ablation/with_dropout.py BLURRED RESTORED --model RUN
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import tensorflow as tf
import typer

from deblurgan_tf import images
from deblurgan_tf.blur.seeds import sample_seeds
from deblurgan_tf.models import files as model_files
from deblurgan_tf.models.layers import dropout_seeds


def main(
    blurred: Path,
    restored: Path,
    model: Annotated[str, typer.Option(help="a run, or a .keras file")],
    seed: Annotated[int, typer.Option(help="of the dropout masks")] = 0,
) -> None:
    """Each picture has its own dropout masks, by the seed and its place."""
    network = model_files.open_model(model_files.find(model))
    for number, file in enumerate(images.find(blurred)):
        values = tf.constant(images.to_float(images.read_rgb(file))[None])
        with dropout_seeds(sample_seeds(seed, np.array([number]))):
            result = network(values, training=True)[0].numpy()
        target = restored / file.relative_to(blurred)
        target.parent.mkdir(parents=True, exist_ok=True)
        images.write(target, images.Picture(images.to_uint8(result)))


if __name__ == "__main__":
    typer.run(main)
