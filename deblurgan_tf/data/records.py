"""Random access to the pictures in TFRecord files, by an index of where each lies.

With it a training reads pictures in any order without a shuffle buffer, continues at
once after a restart, and each worker reads the records of its own samples alone.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.cli.terminal import counting_bar
from deblurgan_tf.errors import DataError, PictureError
from deblurgan_tf.storage.atomic import write_bytes
from deblurgan_tf.storage.side_by_side import side_by_side

INDEX = "deblurgan_index"  # folder beside the files; an index for each
# A record: its length (8 bytes), a checksum of that (4), the data, their checksum (4).
_BEFORE, _AFTER = 12, 4
_ENDS = 65_536  # bytes at the start and at the end of a file by which it is recognised
_DIGEST = 32  # bytes of a SHA-256
_FORMAT = b"deblurgan index 3"  # part of what an index's checksum is of

Features = tuple[str, ...]  # the names under which a record holds encoded pictures
SizeOf = Callable[[bytes, str], tuple[int, int]]  # see `images.size_of`


@dataclass(frozen=True)
class Shard:
    """One TFRecord file: where its records lie, and the sizes of their pictures.

    offsets, lengths: of the data, bytes, int64 (N,). sums: CRC-32 of the data, uint32
    (N,). sizes: height and width of the pictures, int32 (N, 2); 0 where a picture
    cannot be decoded. problems: why records cannot be used; troubled: their numbers,
    int64.
    """

    path: str
    offsets: np.ndarray
    lengths: np.ndarray
    sums: np.ndarray
    sizes: np.ndarray
    problems: tuple[str, ...]
    troubled: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets)

    def name(self, number: int) -> str:
        """As tensorflow-datasets calls this record in its `tfds_id`."""
        return f"{os.path.basename(self.path)}__{number}"

    def read(self, number: int, features: Features) -> list[bytes]:
        """The encoded pictures of one record, read from where they lie.

        Raises DataError where the record is not the one that the index was made of.
        """
        with tf.io.gfile.GFile(self.path, "rb") as file:
            record = self._record(file, number)
        if zlib.crc32(record) != self.sums[number]:
            raise DataError(
                f"{self.path}: record {number} was changed or is damaged: its checksum "
                "is wrong; copy this file again, or pack the set anew"
            )
        return pictures_in(record, features)

    def is_whole(self) -> bool:
        """Whether all records are those that the index was made of; reads the file."""
        with tf.io.gfile.GFile(self.path, "rb") as file:
            return all(
                zlib.crc32(self._record(file, number)) == self.sums[number]
                for number in range(len(self))
            )

    def _record(self, file: tf.io.gfile.GFile, number: int) -> bytes:
        file.seek(int(self.offsets[number]))
        return file.read(int(self.lengths[number]))


def pictures_in(record: bytes, features: Features) -> list[bytes]:
    """The encoded pictures in a serialised tf.train.Example."""
    found = tf.train.Example.FromString(record).features.feature
    return [found[name].bytes_list.value[0] for name in features]


def open_shards(paths: Sequence[str], features: Features) -> list[Shard]:
    """The indexes of files, see `open_shard`; a bar while pictures are decoded."""
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(functools.partial(_known, features=features), paths))
    new = found.count(None)
    bar = counting_bar("checking files")
    bar.disable = bar.disable or not new
    with bar:
        task = bar.add_task("", total=new)
        shards = []
        for path, shard in zip(paths, found, strict=True):
            if shard is None:
                shards.append(_made(path, features, images.decode_size))
                bar.advance(task)
            else:
                shards.append(shard)
    return shards


def open_shard(path: str, features: Features, *, sound: bool = False) -> Shard:
    """The index of a file: the one stored beside it, or else by one pass over it.

    path: local or of an object store that TensorFlow reads. The pass checks TFRecord's
    checksums and decodes the pictures; where they are known to be `sound`, it reads
    their headers alone. A stored index that is damaged, or of a file that was changed
    since, is made again. Raises tf.errors.OpError for a file that is damaged or
    missing.
    """
    size_of = images.size_of if sound else images.decode_size
    known = _known(path, features)
    # An index of no records counts as false.
    return _made(path, features, size_of) if known is None else known


def _made(path: str, features: Features, size_of: SizeOf) -> Shard:
    shard = _scanned(path, features, size_of)
    _store(path, shard, _identity(path, features), _changed(path))
    return shard


def _place(path: str) -> str:
    """Where the index of a file lies."""
    name = f"{os.path.basename(path)}.index"
    return os.path.join(os.path.dirname(path), INDEX, name)


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


def _changed(path: str) -> int:
    """The time of a file's last change, nanoseconds."""
    if "://" not in path:  # TensorFlow knows whole seconds alone
        return os.stat(path).st_mtime_ns
    return int(tf.io.gfile.stat(path).mtime_nsec)


def _scanned(path: str, features: Features, size_of: SizeOf) -> Shard:
    name = os.path.basename(path)

    def look(item: tuple[int, bytes]) -> tuple[int, int, tuple[int, int], str | None]:
        number, record = item
        size, problem = _size(record, f"{name}__{number}", features, size_of)
        return len(record), zlib.crc32(record), size, problem

    records = enumerate(tf.data.TFRecordDataset(path).as_numpy_iterator())
    found = list(side_by_side(look, records))
    lengths = np.array([length for length, _, _, _ in found], np.int64)
    ends = np.cumsum(lengths + _BEFORE + _AFTER)
    problems = {n: x[3] for n, x in enumerate(found) if x[3] is not None}
    return Shard(
        path,
        ends - lengths - _AFTER,
        lengths,
        np.array([total for _, total, _, _ in found], np.uint32),
        np.array([size for _, _, size, _ in found], np.int32).reshape(-1, 2),
        tuple(problems.values()),
        np.array(list(problems), np.int64),
    )


def _size(
    record: bytes, name: str, features: Features, size_of: SizeOf
) -> tuple[tuple[int, int], str | None]:
    """(height, width) of a record's pictures, and why they cannot be used."""
    try:
        found = [size_of(picture, name) for picture in pictures_in(record, features)]
    except PictureError as error:
        return (0, 0), str(error)
    if len(set(found)) > 1:
        return found[0], f"{name}: blurred and sharp differ in size"
    return found[0], None


def _known(path: str, features: Features) -> Shard | None:
    """The index that is stored, if it is whole and belongs to this very file.

    A file that was copied or changed since the index was written is read once, and each
    record's checksum is compared.
    """
    try:
        with tf.io.gfile.GFile(_place(path), "rb") as file:
            stored = file.read()
    except tf.errors.OpError:
        return None  # not there, or not readable
    digest, data = stored[:_DIGEST], stored[_DIGEST:]
    if _checksum(data) != digest:
        return None
    identity = _identity(path, features)
    # It is as `_store` wrote it: what fails from here on is a fault of ours.
    with np.load(io.BytesIO(data), allow_pickle=False) as index:
        if index["identity"].item() != identity:
            return None
        changed = index["changed"].item()
        shard = Shard(
            path,
            index["offsets"],
            index["lengths"],
            index["sums"],
            index["sizes"],
            tuple(index["problems"].tolist()),
            index["troubled"],
        )
    if changed != _changed(path):
        if not shard.is_whole():
            return None
        _store(path, shard, identity, _changed(path))
    return shard


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(_FORMAT + data).digest()


def _store(path: str, shard: Shard, identity: str, changed: int) -> None:
    """Writes the index where the next start finds it.

    Where the place cannot be written to, there is none: several workers may share a set
    that they can only read. They lose no more than time.
    """
    buffer = io.BytesIO()
    np.savez(
        buffer,
        identity=np.array(identity),
        changed=np.array(changed),
        offsets=shard.offsets,
        lengths=shard.lengths,
        sums=shard.sums,
        sizes=shard.sizes,
        problems=np.array(shard.problems, np.str_),
        troubled=shard.troubled,
    )
    data, place = buffer.getvalue(), _place(path)
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
