"""A tensorflow-datasets image set by name.

Sets with the features `blurred` and `sharp` give pairs; sets with `image` give sharp
pictures. Pictures are decoded by `images`, as everywhere else, and read one by one from
where they lie (`records`); each worker reads those of its own samples alone.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

import deblurgan_tf.data.gopro_deblur  # noqa: F401 (registers the set)
from deblurgan_tf import images
from deblurgan_tf.config import Data, MixPart
from deblurgan_tf.data.holdout import hold_out
from deblurgan_tf.data.records import Features, Shard, open_shards
from deblurgan_tf.data.soundness import tell_left_out
from deblurgan_tf.data.source import Crop, Item, Items, Pair, downsampled
from deblurgan_tf.errors import DataError

NAMED = 10  # pictures that a warning names


def tfds_set(part: Data | MixPart, crop: Crop, validation: int) -> TfdsSet:
    """The set `part.name` in the data directory `part.path` (None: tfds's default).

    crop: height and width that a picture must have, pixels; validation: how many
    pictures are held out. A set that is not prepared yet is downloaded and prepared;
    one that needs a manual download (`gopro_deblur`) looks for it in
    `path`/downloads/manual. Raises DataError for a set that cannot be used.
    """
    origin = f"tfds set {part.name!r}"
    builder = _prepared(part, origin)
    features = _picture_features(builder, origin)
    records = _large_enough(_records(builder, part, features, origin), crop, origin)
    if len(records) <= validation:
        raise DataError(
            f"{origin}: {len(records)} pictures, of which data.validation holds out "
            f"{validation}: none is left to train on; choose a larger split or lower "
            "data.validation"
        )
    held_names = hold_out((item.name for item in records), validation)
    held_out = np.array([item.name in held_names for item in records])
    return TfdsSet(
        training=records.chosen(~held_out),
        # They are read at every validation: they stay in memory.
        validation=[_kept(item) for item in records.chosen(held_out)],
        paired=len(features) == 2,
    )


def _prepared(part: Data | MixPart, origin: str) -> tfds.core.DatasetBuilder:
    """The builder of a set that lies on the disk, with the split that is asked for."""
    try:
        builder = tfds.builder(part.name, data_dir=part.path)
        builder.download_and_prepare()
    except tfds.core.DatasetNotFoundError as error:
        raise DataError(
            f"{origin}: there is no set of this name; tfds.list_builders() lists them"
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
    return builder


def _picture_features(builder: tfds.core.DatasetBuilder, origin: str) -> Features:
    """Those that hold pictures: of a pair, blurred and sharp, or of a sharp one."""
    features = builder.info.features
    if {"blurred", "sharp"} <= features.keys():
        return ("blurred", "sharp")
    if "image" in features:
        return ("image",)
    raise DataError(
        f"{origin}: needs the feature 'image', or 'blurred' and 'sharp'; it has: "
        f"{', '.join(features)}"
    )


def _large_enough(records: Records, crop: Crop, origin: str) -> Records:
    """Those that are at least as large as the crop; warns of the others, by name."""
    small = records.smaller_than(crop)
    if small.all():
        raise DataError(
            f"{origin}: all {len(records)} pictures are smaller than the crop of "
            f"{crop[0]}x{crop[1]}; lower data.crop"
        )
    if small.any():
        left_out = records.chosen(small)
        names = ", ".join(item.name for item in left_out[:NAMED])
        more = f" and {len(left_out) - NAMED} more" if len(left_out) > NAMED else ""
        warnings.warn(
            f"{origin}: {len(left_out)} of {len(records)} pictures are smaller than "
            f"the crop of {crop[0]}x{crop[1]} and are left out: {names}{more}",
            stacklevel=3,
        )
    return records.chosen(~small)


def _records(
    builder: tfds.core.DatasetBuilder,
    part: Data | MixPart,
    features: Features,
    origin: str,
) -> Records:
    """All pictures of the split, in the order of the files.

    Those that cannot be decoded are left out with a warning. Raises DataError where
    others cannot be used, by name.
    """
    kind = builder.info.file_format
    if kind is not tfds.core.FileFormat.TFRECORD:
        raise DataError(
            f"{origin}: is stored as {kind and kind.value}; prepare it as TFRecord, "
            "tensorflow-datasets' default (file_format='tfrecord')"
        )
    parts = builder.info.splits[part.split].file_instructions
    try:
        shards = open_shards([x.filename for x in parts], features)
    except tf.errors.OpError as error:
        raise DataError(f"{origin}: cannot be read: {error.message}") from error
    # A part of a split, such as "train[:80%]", holds some of the records of a file.
    places = [
        np.arange(len(shard))[x.skip :][: x.take if x.take >= 0 else None]
        for shard, x in zip(shards, parts, strict=True)
    ]
    places = _usable(shards, places)
    return Records(
        tuple(shards),
        features,
        part.scale,
        np.repeat(np.arange(len(shards)), [len(x) for x in places]),
        np.concatenate(places),
    )


def _usable(shards: list[Shard], places: list[np.ndarray]) -> list[np.ndarray]:
    """The numbers of the records of each file that can be decoded.

    Warns of the others, by name. Raises DataError for pairs of unequal size.
    """
    unequal, damaged = [], []
    for shard, numbers in zip(shards, places, strict=True):
        wanted = np.isin(shard.troubled, numbers)
        decoded = shard.sizes[shard.troubled].all(axis=1)
        problems = np.array(shard.problems, np.object_)
        unequal += problems[wanted & decoded].tolist()
        damaged += problems[wanted & ~decoded].tolist()
    if unequal:
        raise DataError(
            "pictures of the set that cannot be used:\n" + "\n".join(unequal)
        )
    if damaged:
        tell_left_out(damaged, sum(map(len, places)))
    return [
        numbers[shard.sizes[numbers].all(axis=1)]
        for shard, numbers in zip(shards, places, strict=True)
    ]


@dataclass(frozen=True)
class Records(Sequence[Item]):
    """Pictures in TFRecord files, as items that are made when they are needed."""

    shards: tuple[Shard, ...]
    features: Features  # one, or those of the blurred and the sharp picture
    scale: float  # by which pictures are downsampled
    shard: np.ndarray  # int (N,): the file of each picture
    place: np.ndarray  # int (N,): its number in that file

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
        """Bool (N,): whether a picture, downsampled, is smaller than the crop."""
        sizes = np.concatenate([shard.sizes for shard in self.shards])
        first = np.cumsum([0, *(len(shard) for shard in self.shards)])
        sizes = sizes[first[self.shard] + self.place]
        scaled = np.maximum(np.round(sizes * self.scale), 1)
        return np.any(scaled < np.array(crop), axis=1)

    def _load(self, shard: Shard, place: int, name: str) -> Pair:
        pictures = [
            downsampled(images.decode_rgb(data, name), self.scale)
            for data in shard.read(place, self.features)
        ]
        return (None if len(pictures) == 1 else pictures[0]), pictures[-1]


def _kept(item: Item) -> Item:
    """The same item; it stays in memory once it was loaded."""
    return replace(item, load=functools.cache(item.load))


class TfdsSet(Items):
    """Items of a set; their names are tfds's ids: a file and a number in it."""

    def names(self) -> list[str]:
        """None: a set of one version never changes."""
        return []
