"""A tensorflow-datasets image set by name.

Sets with the features `blurred` and `sharp` give pairs; sets with `image` give sharp
pictures. Pictures are decoded by `images`, as everywhere else, and read one by one from
where they lie (`records.py`), by each worker those of its own samples alone.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

import deblurgan_tf.data.gopro_deblur  # noqa: F401 (registers the set)
from deblurgan_tf import images
from deblurgan_tf.config import Data, MixPart
from deblurgan_tf.data.holdout import hold_out
from deblurgan_tf.data.records import Shard, open_shard
from deblurgan_tf.data.source import Crop, Item, Items, Pair, reduced
from deblurgan_tf.errors import DataError

TOLD = 10  # names in a warning


def tfds_set(part: Data | MixPart, crop: Crop, validation: int) -> TfdsSet:
    """The set `part.name` in the data directory `part.path` (None: tfds's default).

    A set that is not prepared yet is downloaded and prepared; one that needs a manual
    download (`gopro_deblur`) looks for it in `path`/downloads/manual.
    """
    origin = f"tfds set {part.name!r}"
    try:
        builder = tfds.builder(part.name, data_dir=part.path)
        builder.download_and_prepare()
    except tfds.core.DatasetNotFoundError as error:
        raise DataError(
            f"{origin}: there is no set of this name; tfds.list_builders() names those "
            "that there are"
        ) from error
    # tfds raises errors of many kinds for downloads, configs and manual files.
    except Exception as error:
        raise DataError(f"{origin}: cannot be prepared: {error}") from error
    try:
        builder.info.splits[part.split]  # or a part of one, such as "train[:80%]"
    except (KeyError, ValueError) as error:
        known = ", ".join(builder.info.splits)
        raise DataError(
            f"{origin}: has no split {part.split!r}; it has: {known}"
        ) from error
    features = builder.info.features
    names: tuple[str, ...]
    if {"blurred", "sharp"} <= features.keys():
        names = ("blurred", "sharp")
    elif "image" in features:
        names = ("image",)
    else:
        raise DataError(
            f"{origin}: needs the feature 'image', or 'blurred' and 'sharp'; it has: "
            f"{', '.join(features)}"
        )
    records = _records(builder, part, names, origin)
    small = records.smaller_than(crop)
    if small.all():
        raise DataError(
            f"{origin}: all {len(records)} pictures are smaller than the crop of "
            f"{crop[0]}x{crop[1]}; lower data.crop"
        )
    if small.any():
        left_out = records.chosen(small)
        told = ", ".join(item.name for item in left_out[:TOLD])
        more = f" and {len(left_out) - TOLD} more" if len(left_out) > TOLD else ""
        warnings.warn(
            f"{origin}: {len(left_out)} of {len(records)} pictures are smaller than "
            f"the crop of {crop[0]}x{crop[1]} and are left out: {told}{more}",
            stacklevel=2,
        )
    usable = records.chosen(~small)
    if len(usable) <= validation:
        raise DataError(
            f"{origin}: {len(usable)} pictures, of which data.validation sets "
            f"{validation} aside: none is left to train on; choose a larger split or "
            "lower data.validation"
        )
    held_names = hold_out((item.name for item in usable), validation)
    held_out = np.array([item.name in held_names for item in usable])
    # Validation comes again and again: its pictures are kept in memory.
    return TfdsSet(
        usable.chosen(~held_out), [_kept(x) for x in usable.chosen(held_out)]
    )


def _records(
    builder: tfds.core.DatasetBuilder,
    part: Data | MixPart,
    features: tuple[str, ...],
    origin: str,
) -> Records:
    """All pictures of the split, in the order of the files."""
    kind = builder.info.file_format
    if kind is not tfds.core.FileFormat.TFRECORD:
        raise DataError(
            f"{origin}: is stored as {kind and kind.value}; prepare it as TFRecord, "
            "tensorflow-datasets' default (file_format='tfrecord')"
        )
    parts = builder.info.splits[part.split].file_instructions
    try:
        with ThreadPoolExecutor() as pool:
            shards = list(pool.map(lambda x: open_shard(x.filename, features), parts))
    except tf.errors.OpError as error:
        raise DataError(f"{origin}: cannot be read: {error.message}") from error
    problems = [problem for shard in shards for problem in shard.problems]
    if problems:
        raise DataError(
            "pictures of the set that cannot be used:\n" + "\n".join(problems)
        )
    # A part of a split, such as "train[:80%]", skips and takes records of a file.
    places = [
        np.arange(len(shard))[x.skip :][: x.take if x.take >= 0 else None]
        for shard, x in zip(shards, parts, strict=True)
    ]
    return Records(
        tuple(shards),
        features,
        part.scale,
        np.repeat(np.arange(len(shards)), [len(x) for x in places]),
        np.concatenate(places),
    )


@dataclass(frozen=True)
class Records(Sequence[Item]):
    """Pictures in TFRecord files, as items that are made when they are asked for.

    shard, place: of each picture, int (N,): its file, and its number there.
    """

    shards: tuple[Shard, ...]
    features: tuple[str, ...]  # one, or those of the blurred and the sharp picture
    scale: float
    shard: np.ndarray
    place: np.ndarray

    def __len__(self) -> int:
        return len(self.shard)

    @overload
    def __getitem__(self, number: int) -> Item: ...
    @overload
    def __getitem__(self, number: slice) -> Records: ...
    def __getitem__(self, number: int | slice) -> Item | Records:
        if isinstance(number, slice):
            return replace(self, shard=self.shard[number], place=self.place[number])
        shard, place = self.shards[self.shard[number]], int(self.place[number])
        name = shard.name(place)
        return Item(name, functools.partial(self._load, shard, place, name))

    def chosen(self, mask: np.ndarray) -> Records:
        """Those where the mask, bool (N,), is True."""
        return replace(self, shard=self.shard[mask], place=self.place[mask])

    def smaller_than(self, crop: Crop) -> np.ndarray:
        """Bool (N,): whether a picture, scaled, is smaller than the crop."""
        sizes = np.concatenate([shard.sizes for shard in self.shards])
        first = np.cumsum([0, *(len(shard) for shard in self.shards)])
        sizes = sizes[first[self.shard] + self.place]
        scaled = np.maximum(np.round(sizes * self.scale), 1)
        return np.any(scaled < np.array(crop), axis=1)

    def _load(self, shard: Shard, place: int, name: str) -> Pair:
        pictures = [
            reduced(images.decode_rgb(data, name), self.scale)
            for data in shard.read(place, self.features)
        ]
        return (None if len(pictures) == 1 else pictures[0]), pictures[-1]


def _kept(item: Item) -> Item:
    return replace(item, load=functools.cache(item.load))


class TfdsSet(Items):
    """See `source.Source`. Names are tfds's ids: the file and a number."""

    def names(self) -> list[str]:
        return []  # a set of one version never changes
