"""A tensorflow-datasets image set by name, read as a stream.

Sets with the features `blurred` and `sharp` give pairs; sets with `image` give sharp
pictures. Pictures are decoded by `images`, as everywhere else.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

import deblurgan_tf.data.gopro_deblur  # noqa: F401 (registers the set)
from deblurgan_tf import images
from deblurgan_tf.aside import set_aside
from deblurgan_tf.config import Data, MixPart
from deblurgan_tf.data.source import (
    ELEMENT,
    Crop,
    DataError,
    Item,
    Pair,
    crop_and_flip,
    generator,
    reduced,
    scaled,
    shaped,
)

SHUFFLED_BYTES = 2**28  # encoded pictures that are shuffled among each other


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
    if {"blurred", "sharp"} <= features.keys():
        names = ("blurred", "sharp")
    elif "image" in features:
        names = ("image", "image")
    else:
        raise DataError(
            f"{origin}: needs the feature 'image', or 'blurred' and 'sharp'; it has: "
            f"{', '.join(features)}"
        )
    whole = TfdsSet(builder, part.split, names, part.scale)
    sizes = whole.sizes()
    small = [x for x, (h, w) in sizes.items() if h < crop[0] or w < crop[1]]
    if len(small) == len(sizes):
        raise DataError(
            f"{origin}: all {len(sizes)} pictures are smaller than the crop of "
            f"{crop[0]}x{crop[1]}; lower data.crop"
        )
    if small:
        warnings.warn(
            f"{origin}: {len(small)} of {len(sizes)} pictures are smaller than the "
            f"crop of {crop[0]}x{crop[1]} and are left out: {', '.join(small)}",
            stacklevel=2,
        )
    usable = sizes.keys() - set(small)
    if len(usable) <= validation:
        raise DataError(
            f"{origin}: {len(usable)} pictures, of which data.validation sets "
            f"{validation} aside: none is left to train on; choose a larger split or "
            "lower data.validation"
        )
    aside = set_aside(usable, validation)
    return replace(
        whole,
        left_out=frozenset(small) | aside,
        count=len(usable) - len(aside),
        validation=whole.items(aside),
    )


@dataclass(frozen=True)
class TfdsSet:
    """See `source.Source`. Names are tfds's ids: the shard's file and a number."""

    builder: tfds.core.DatasetBuilder
    split: str
    features: tuple[str, str]  # of the blurred and of the sharp picture
    scale: float
    left_out: frozenset[str] = frozenset()
    count: int = 0
    validation: list[Item] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.count

    def names(self) -> list[str]:
        return []  # a set of one version never changes

    def without(self, files: set[Path]) -> TfdsSet:
        return self  # its pictures have no files of their own

    def encoded(self) -> tf.data.Dataset:
        """(id, blurred bytes, sharp bytes) of all, in the order of the files."""
        skip = {name: tfds.decode.SkipDecoding() for name in set(self.features)}
        config = tfds.ReadConfig(add_tfds_id=True, interleave_cycle_length=1)
        data = self.builder.as_dataset(
            split=self.split, decoders=skip, shuffle_files=False, read_config=config
        )
        blurred, sharp = self.features
        return data.map(lambda x: (x["tfds_id"], x[blurred], x[sharp]))

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Id -> (height, width) after scaling, from the headers: one pass over all."""
        sizes, wrong = {}, []
        for key, blurred, sharp in self.encoded().as_numpy_iterator():
            name = key.decode()
            try:
                size = images.size_of(sharp, name)
                if images.size_of(blurred, name) != size:
                    wrong.append(f"{name}: blurred and sharp differ in size")
            except images.PictureError as error:
                wrong.append(str(error))
                continue
            sizes[name] = scaled(size, self.scale)
        if wrong:
            raise DataError(
                "pictures of the set that cannot be used:\n" + "\n".join(wrong)
            )
        return sizes

    def items(self, names: set[str]) -> list[Item]:
        """The pictures of these ids, kept in memory."""
        return [
            Item(name.decode(), functools.partial(self._pair, name, blurred, sharp))
            for name, blurred, sharp in self.encoded().as_numpy_iterator()
            if name.decode() in names
        ]

    def _pair(self, name: bytes, blurred: bytes, sharp: bytes) -> Pair:
        one = self._decoded(sharp, name.decode())
        if self.features[0] == self.features[1]:
            return None, one
        return self._decoded(blurred, name.decode()), one

    def _decoded(self, data: bytes, name: str) -> np.ndarray:
        return reduced(images.decode_rgb(data, name), self.scale)

    def shuffled(self) -> int:
        """The number of pictures that SHUFFLED_BYTES hold, by their mean size."""
        split = self.builder.info.splits[self.split]
        mean = max(1, split.num_bytes // max(1, split.num_examples))
        return max(16, SHUFFLED_BYTES // mean)

    def samples(self, seed: int, crop: Crop, flip: bool, start: int) -> tf.data.Dataset:
        left_out = tf.constant(sorted(self.left_out) or [""])
        kept = self.encoded().filter(
            lambda name, blurred, sharp: ~tf.reduce_any(name == left_out)
        )
        first_epoch, first_place = divmod(start, self.count)

        def epoch(number: tf.Tensor) -> tf.data.Dataset:
            # Another order in each epoch, the same one in a new process.
            shuffled = kept.shuffle(
                self.shuffled(),
                seed=seed + 1_000_003 * number,
                reshuffle_each_iteration=False,
            )
            return shuffled.skip(
                tf.where(number == first_epoch, tf.constant(first_place, tf.int64), 0)
            )

        def sample(position, name, blurred, sharp):
            rng = generator(seed, 1, int(position))
            pair = self._pair(name, blurred, sharp)
            return crop_and_flip(*pair, crop, flip, rng)

        def element(position: tf.Tensor, encoded: tuple) -> dict[str, tf.Tensor]:
            values = tf.numpy_function(
                sample, [position, *encoded], list(ELEMENT.values()), stateful=False
            )
            return shaped(dict(zip(ELEMENT, values, strict=True)), crop)

        last = np.iinfo(np.int64).max
        epochs = tf.data.Dataset.range(first_epoch, last).flat_map(epoch)
        positions = tf.data.Dataset.range(start, last)
        return tf.data.Dataset.zip(positions, epochs).map(
            element, tf.data.AUTOTUNE, deterministic=True
        )
