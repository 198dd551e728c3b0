"""Where (blurred, sharp) comes from: rendered plates, folders, tfds sets, a mix.

`open_source` finds the pictures and reports what is wrong before step 0;
`training_batches` turns them into the batches of a training from any step on.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from deblurgan_tf.config import Config, Data, MixPart
from deblurgan_tf.data import files
from deblurgan_tf.data.mix import mix
from deblurgan_tf.data.plates import plates
from deblurgan_tf.data.source import DataError, Item, Source

__all__ = ["DataError", "Item", "Source", "open_source", "training_batches"]


def open_source(config: Config) -> Source:
    """The source that the config names; raises DataError if it cannot be used."""
    data = config.data
    if data.source != "mix":
        return _open(data, config, data.validation)
    total = sum(part.weight for part in data.mix)
    # Each part sets aside its share of the validation pictures, rounded up.
    return mix(
        [
            (
                _open(part, config, math.ceil(data.validation * part.weight / total)),
                part.weight,
            )
            for part in data.mix
        ]
    )


def _open(part: Data | MixPart, config: Config, validation: int) -> Source:
    crop = config.data.crop
    if part.source == "plates":
        return plates(part, crop, validation, config.seed)
    if part.source == "folder":
        return files.folder(part, crop, validation)
    if part.source == "pairs":
        return files.pairs(part, crop, validation)
    # tensorflow-datasets takes seconds to import.
    from deblurgan_tf.data.tfds_sets import tfds_set

    return tfds_set(part, crop, validation)


def training_batches(
    source: Source, config: Config, start_step: int
) -> tf.data.Dataset:
    """Batches of the training from a step on: see `steps.make_train_step`."""
    data = config.data
    first = start_step * data.batch
    samples = source.samples(config.seed, data.crop, data.flip, first)
    positions = tf.data.Dataset.range(first, np.iinfo(np.int64).max)
    return (
        tf.data.Dataset.zip(samples, positions)
        .map(lambda sample, position: sample | {"position": position})
        .batch(data.batch, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
