"""Where (blurred, sharp) comes from: rendered plates, folders, tfds sets, a mix.

`open_source` finds the pictures and reports what is wrong before step 0;
`training_batches` turns them into the batches of a training from any step on.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from deblurgan_tf.config import Config, Data, MixPart
from deblurgan_tf.data import files, mix
from deblurgan_tf.data.plates import source as plates
from deblurgan_tf.data.source import Item, Source, samples
from deblurgan_tf.errors import DataError

__all__ = ["DataError", "Item", "Source", "open_source", "training_batches"]


def open_source(config: Config) -> Source:
    """The source that the config names; raises DataError if it cannot be used."""
    data = config.data
    if data.source != "mix":
        return _open(data, config, data.validation)
    total = sum(part.weight for part in data.mix)
    # Each part sets aside its share of the validation pictures, rounded up.
    return mix.mix(
        [
            (
                _open(part, config, math.ceil(data.validation * part.weight / total)),
                part.weight,
            )
            for part in data.mix
        ]
    )


def _open(part: Data | MixPart, config: Config, validation: int) -> Source:
    crop = _read(config.data)
    if part.source == "plates":
        return plates.plates(part, crop, validation, config.seed)
    if part.source == "folder":
        return files.folder(part, crop, validation)
    if part.source == "pairs":
        return files.pairs(part, crop, validation)
    # tensorflow-datasets takes seconds to import.
    from deblurgan_tf.data.tfds_sets import tfds_set

    return tfds_set(part, crop, validation)


def _read(data: Data) -> tuple[int, int]:
    """What is cut out of a picture: the crop and what is cut off after the blur."""
    return data.crop[0] + data.margin, data.crop[1] + data.margin


def training_batches(
    source: Source,
    config: Config,
    start_step: int,
    strategy: tf.distribute.Strategy | None = None,
) -> Iterator[dict[str, tf.Tensor]]:
    """Batches of the training from a step on: see `steps.make_train_step`.

    With a strategy of several replicas, `data.batch` is what all of them take in one
    step: of each batch a worker makes the samples of its own replicas alone.
    Raises DataError for a picture whose header is good and whose pixels are not.
    """
    data = config.data

    def share(replicas: int, worker: int, workers: int) -> tf.data.Dataset:
        each = data.batch // (replicas * workers)
        places = tf.data.Dataset.range(each * replicas)
        firsts = tf.data.Dataset.range(
            start_step * data.batch + worker * each * replicas,
            np.iinfo(np.int64).max - data.batch,
            data.batch,
        )
        positions = firsts.flat_map(lambda first: places.map(lambda x: first + x))
        return (
            samples(source, config.seed, _read(data), data.flip, positions)
            .batch(each, drop_remainder=True)
            .prefetch(tf.data.AUTOTUNE)
            .with_options(_own_threads())
        )

    if strategy is None:
        batches = share(1, 0, 1)
    else:
        batches = strategy.distribute_datasets_from_function(
            lambda of: share(
                strategy.num_replicas_in_sync // of.num_input_pipelines,
                of.input_pipeline_id,
                of.num_input_pipelines,
            )
        )
    try:
        yield from batches
    except tf.errors.OpError as error:
        # TensorFlow wraps what Python raised: "...PictureError: FILE: cut short\n..."
        found = re.search(r"(?:PictureError|DataError): (.*)", error.message)
        if not found:
            raise
        raise DataError(found[1]) from error


def _own_threads() -> tf.data.Options:
    # The pool that runs operations side by side may have a single thread (devices.py).
    options = tf.data.Options()
    options.threading.private_threadpool_size = os.cpu_count() or 1
    return options
