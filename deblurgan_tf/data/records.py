"""Random access to the pictures in TFRecord files, by an index of where each lies.

With it a training reads pictures in any order without a shuffle buffer, continues at
once after a restart, and each worker reads the records of its own samples alone.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError
from deblurgan_tf.storage.atomic import write_bytes

INDEX = "deblurgan_index"  # folder beside the files; an index for each
# A record: its length (8 bytes), a checksum of that (4), the data, their checksum (4).
_BEFORE, _AFTER = 12, 4
_ENDS = 65_536  # bytes at the start and at the end of a file by which it is recognised
_DIGEST = 32  # bytes of a SHA-256
_FORMAT = b"deblurgan index 2"  # part of what an index's checksum is of

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
    """The index of a file: the one stored beside it, or else by one pass over it.

    path: local or of an object store that TensorFlow reads. The pass checks TFRecord's
    checksums and the pictures' headers. A stored index that is damaged, or of a file
    that was changed since, is made again. Raises tf.errors.OpError for a file that is
    damaged or missing.
    """
    identity = _identity(path, features)
    place = os.path.join(
        os.path.dirname(path), INDEX, f"{os.path.basename(path)}.index"
    )
    shard = _stored(place, path, identity)
    if shard is None:
        shard = _scanned(path, features)
        _store(place, shard, identity)
    return shard


def _identity(path: str, features: Features) -> str:
    """What an index belongs to: size, both ends of the file, and the features.

    The time of the last change is no part of it, so that a copied set keeps its index.
    """
    size = tf.io.gfile.stat(path).length
    with tf.io.gfile.GFile(path, "rb") as file:
        ends = file.read(_ENDS)
        file.seek(max(size - _ENDS, 0))
        ends += file.read(_ENDS)
    return f"{size} {hashlib.sha256(ends).hexdigest()} {' '.join(features)}"


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


def _stored(place: str, path: str, identity: str) -> Shard | None:
    """The index that lies at `place`, if it is whole and belongs to this very file."""
    try:
        with tf.io.gfile.GFile(place, "rb") as file:
            stored = file.read()
    except tf.errors.OpError:
        return None  # not there, or not readable
    digest, data = stored[:_DIGEST], stored[_DIGEST:]
    if _checksum(data) != digest:
        return None
    # It is as `_store` wrote it: what fails from here on is a fault of ours.
    with np.load(io.BytesIO(data), allow_pickle=False) as index:
        if index["identity"].item() != identity:
            return None
        return Shard(
            path,
            index["offsets"],
            index["lengths"],
            index["sizes"],
            tuple(index["problems"].tolist()),
        )


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(_FORMAT + data).digest()


def _store(place: str, shard: Shard, identity: str) -> None:
    """Writes the index where the next start finds it.

    Where the place cannot be written to, there is none: several workers may share a set
    that they can only read. They lose no more than time.
    """
    buffer = io.BytesIO()
    np.savez(
        buffer,
        identity=np.array(identity),
        offsets=shard.offsets,
        lengths=shard.lengths,
        sizes=shard.sizes,
        problems=np.array(shard.problems, np.str_),
    )
    data = buffer.getvalue()
    try:
        tf.io.gfile.makedirs(os.path.dirname(place))
        if "://" in place:
            # Object stores show a file when it is whole; half a one is made again.
            with tf.io.gfile.GFile(place, "wb") as file:
                file.write(_checksum(data) + data)
        else:
            write_bytes(Path(place), _checksum(data) + data)
    except (tf.errors.OpError, OSError):
        return
