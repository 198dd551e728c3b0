"""Random access to the pictures in TFRecord files, by an index of where each lies.

A training that reads its pictures in any order needs no shuffle buffer, goes on after a
restart at once, and lets each worker read its own share of the records and no other.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError

INDEX = "deblurgan_index"  # folder beside the files; an index for each
# A record: its length (8 bytes), a checksum of that (4), the data, their checksum (4).
_BEFORE, _AFTER = 12, 4

Features = tuple[str, ...]  # the names under which a record holds encoded pictures


@dataclass(frozen=True)
class Shard:
    """One TFRecord file: where its records lie, and the sizes of their pictures.

    offsets, lengths: of the data, bytes, int64 (N,). sizes: height and width of the
    pictures, int32 (N, 2). problems: the records that cannot be used, and why.
    """

    path: str
    offsets: np.ndarray
    lengths: np.ndarray
    sizes: np.ndarray
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.offsets)

    def name(self, number: int) -> str:
        """As tensorflow-datasets calls this record in its `tfds_id`."""
        return f"{os.path.basename(self.path)}__{number}"

    def read(self, number: int, features: Features) -> list[bytes]:
        """The encoded pictures of one record, read from where they lie."""
        with tf.io.gfile.GFile(self.path, "rb") as file:
            file.seek(int(self.offsets[number]))
            return pictures_in(file.read(int(self.lengths[number])), features)


def pictures_in(record: bytes, features: Features) -> list[bytes]:
    """The encoded pictures in a serialised tf.train.Example."""
    found = tf.train.Example.FromString(record).features.feature
    return [found[name].bytes_list.value[0] for name in features]


def open_shard(path: str, features: Features) -> Shard:
    """The index of a file, from beside it or by one pass over it.

    The pass checks TFRecord's checksums and the pictures' headers. Raises
    tf.errors.OpError for a file that is damaged or not there.
    """
    size = tf.io.gfile.stat(path).length
    place = os.path.join(os.path.dirname(path), INDEX, f"{os.path.basename(path)}.npz")
    shard = _stored(place, path, size, features)
    if shard is None:
        shard = _scanned(path, features)
        _store(place, shard, size, features)
    return shard


def _scanned(path: str, features: Features) -> Shard:
    offsets, lengths, sizes, problems = [], [], [], []
    end = 0
    for number, record in enumerate(tf.data.TFRecordDataset(path).as_numpy_iterator()):
        name = f"{os.path.basename(path)}__{number}"
        size = (0, 0)
        try:
            found = [images.size_of(x, name) for x in pictures_in(record, features)]
            size = found[0]
            if len(set(found)) > 1:
                problems.append(f"{name}: blurred and sharp differ in size")
        except PictureError as error:
            problems.append(str(error))
        offsets.append(end + _BEFORE)
        lengths.append(len(record))
        sizes.append(size)
        end += _BEFORE + len(record) + _AFTER
    return Shard(
        path,
        np.array(offsets, np.int64),
        np.array(lengths, np.int64),
        np.array(sizes, np.int32).reshape(-1, 2),
        tuple(problems),
    )


def _stored(place: str, path: str, size: int, features: Features) -> Shard | None:
    """The index that lies there, if it is of this very file."""
    if not tf.io.gfile.exists(place):
        return None
    with tf.io.gfile.GFile(place, "rb") as file:
        kept = np.load(io.BytesIO(file.read()), allow_pickle=False)
    if int(kept["size"]) != size or tuple(kept["features"].tolist()) != features:
        return None
    return Shard(
        path,
        kept["offsets"],
        kept["lengths"],
        kept["sizes"],
        tuple(kept["problems"].tolist()),
    )


def _store(place: str, shard: Shard, size: int, features: Features) -> None:
    """Puts the index where the next start finds it; a read-only place goes without."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        size=size,
        features=np.array(features),
        offsets=shard.offsets,
        lengths=shard.lengths,
        sizes=shard.sizes,
        problems=np.array(shard.problems, np.str_),
    )
    partial = f"{place}.{os.getpid()}.partial"
    try:
        tf.io.gfile.makedirs(os.path.dirname(place))
        with tf.io.gfile.GFile(partial, "wb") as file:
            file.write(buffer.getvalue())
        tf.io.gfile.rename(partial, place, overwrite=True)
    except (tf.errors.OpError, OSError):
        # Several workers may share a set that none may write to: only time is lost.
        return
