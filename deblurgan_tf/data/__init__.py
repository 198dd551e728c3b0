"""Where (blurred, sharp) comes from: rendered plates, folders, tfds sets, a mix.

`open_source` finds the pictures and reports what is wrong before step 0;
`training_batches` turns them into the batches of a training, from any step on.

To add a source of pictures:

1. Give it a name in `config.sections`: in `Data.source` and `MixPart.source`, with the
   keys that it needs.
2. Write a module in this folder with a function that takes the config's `Data` (or
   `MixPart`), the crop and the number of validation pictures, and returns a `Source`
   (see `source`). Files are asked for by `soundness.Checked`, which leaves out what
   cannot be decoded. In most cases make an `Item` for each picture, with a name and a
   function that loads (blurred, sharp), where blurred is None if it has to be made, and
   return `source.split` of them, as `files.folder` does. Where there is no list of
   pictures, write the protocol's methods, as `plates.source.EndlessPlates` does: a
   sample must be a function of (seed, number) alone.
3. Call that function in `_open` below.
4. Add the source to `sources_of_every_kind` in tests/data/test_sources.py: its samples
   must be the same after a restart.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from deblurgan_tf.config import Config, Data, MixPart, blur_problem
from deblurgan_tf.data import files, mix
from deblurgan_tf.data.plates import source as plates_source
from deblurgan_tf.data.soundness import Checked
from deblurgan_tf.data.source import Item, Source, samples
from deblurgan_tf.errors import ConfigError, DataError, UserError

__all__ = ["Checked", "DataError", "Item", "Source", "open_source", "training_batches"]


def open_source(config: Config, checked: Checked | None = None) -> Source:
    """The source that the config names; warns of pictures that are left out, by name.

    checked: the pictures that are known to be sound; all others are decoded once, which
    takes a while where there are many. What is found is added to it.
    Raises DataError for pictures that cannot be used, and ConfigError where the config
    has a blur that pairs do not need, or no blur for sharp pictures.
    """
    source = _open_all(config, checked or Checked())
    problem = blur_problem(config, source.paired)
    if problem is not None:
        raise ConfigError(f"data.source {config.data.source}: {problem}")
    return source


def _open_all(config: Config, checked: Checked) -> Source:
    data = config.data
    if data.source != "mix":
        return _open(data, config, data.validation, checked)
    total = sum(part.weight for part in data.mix)
    parts = []
    for part in data.mix:
        # Each part holds out its share of the validation pictures, rounded up.
        validation = math.ceil(data.validation * part.weight / total)
        parts.append((_open(part, config, validation, checked), part.weight))
    return mix.mix(parts)


def _open(
    part: Data | MixPart, config: Config, validation: int, checked: Checked
) -> Source:
    crop = _crop_with_margin(config.data)
    if part.source == "plates":
        return plates_source.plates(part, crop, validation, config.seed)
    if part.source == "folder":
        return files.folder(part, crop, validation, checked)
    if part.source == "pairs":
        return files.pairs(part, crop, validation, checked)
    # tensorflow-datasets takes seconds to import.
    from deblurgan_tf.data.tfds_sets import tfds_set

    return tfds_set(part, crop, validation)


def _crop_with_margin(data: Data) -> tuple[int, int]:
    """Height and width of what is cut out of a picture before it is blurred, pixels."""
    return data.crop[0] + data.margin, data.crop[1] + data.margin


def training_batches(
    source: Source,
    config: Config,
    start_step: int,
    strategy: tf.distribute.Strategy | None = None,
) -> Iterator[dict[str, tf.Tensor]]:
    """Batches of the training from a step on, without end.

    A batch is a dict of `blurred` and `sharp`, uint8 (N, H, W, 3), `paired`, bool (N,),
    and `position`, int64 (N,): see `source.samples`. H and W include `data.margin`.
    With a strategy of several replicas, `data.batch` is what all of them take in one
    step: of each batch a worker makes the samples of its own replicas alone.
    Raises DataError for a picture whose header is good but whose pixels are damaged.
    """
    data, crop = config.data, _crop_with_margin(config.data)
    failures: list[UserError] = []

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
            samples(source, config.seed, crop, data.flip, positions, failures)
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
        # TensorFlow raises its own error for what `samples` caught.
        if not failures:
            raise
        raise DataError(str(failures[0])) from error


def _own_threads() -> tf.data.Options:
    # TensorFlow's own pool of threads may have a single one: see `devices`.
    options = tf.data.Options()
    options.threading.private_threadpool_size = os.cpu_count() or 1
    return options
