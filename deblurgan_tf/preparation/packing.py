"""A folder of pictures as a tensorflow-datasets set: few large files for many small.

DIR/NAME/1.0.0/NAME-SPLIT.tfrecord-00000-of-00012 ..., dataset_info.json, features.json;
and packing.yaml, which says of what it was made. A file of the set that is there is not
written again, so the same command goes on where it was stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
import tensorflow_datasets as tfds
import yaml

from deblurgan_tf import images
from deblurgan_tf.data.records import open_shard
from deblurgan_tf.errors import DataError, PictureError
from deblurgan_tf.preparation.data_sets import DataSet
from deblurgan_tf.preparation.files import side_by_side, write_bytes

VERSION = "1.0.0"
PLAN = "packing.yaml"


class Source(NamedTuple):
    """A picture, or a pair: its name, and its files by their feature."""

    name: str
    files: dict[str, Path]


class Plan(NamedTuple):
    """What goes into each file of a split."""

    split: str
    shards: list[list[Source]]


def plan(data_set: DataSet, megabytes: float) -> Plan:
    """Files of some `megabytes` each, the pictures mixed by a hash of their names.

    Raises DataError for a sharp or blurred picture without its mate.
    """
    if data_set.paired:
        alone = sorted(data_set.sharp.keys() ^ data_set.blurred.keys())
        if alone:
            raise DataError(
                f"{data_set.root}: {len(alone)} pictures without a mate of the same "
                f"name, the first: {alone[0]}; see prepare check"
            )
        sources = [
            Source(name, {"blurred": data_set.blurred[name], "sharp": file})
            for name, file in data_set.sharp.items()
        ]
    else:
        sources = [
            Source(name, {"image": file}) for name, file in data_set.sharp.items()
        ]
    sources.sort(key=lambda x: hashlib.sha256(os.fsencode(x.name)).digest())
    limit, size = megabytes * 1e6, 0.0
    shards: list[list[Source]] = [[]]
    for source in sources:
        bytes_of = sum(file.stat().st_size for file in source.files.values())
        if shards[-1] and size + bytes_of > limit:
            shards.append([])
            size = 0.0
        shards[-1].append(source)
        size += bytes_of
    return Plan(data_set.prefix.rstrip("/") or "train", shards)


def begin(folder: Path, plans: list[Plan]) -> None:
    """Writes packing.yaml, or checks that the one there is of the same pictures.

    Raises DataError where it is not, or where the folder holds something else.
    """
    path = folder / PLAN
    digest = hashlib.sha256()
    for part in plans:
        for shard in part.shards:
            for source in shard:
                for file in source.files.values():
                    status = file.stat()
                    line = f"{file.name} {status.st_size} {status.st_mtime_ns}"
                    digest.update(os.fsencode(f"{source.name} {line}\n"))
            digest.update(b"\n")
    text = yaml.safe_dump(
        {
            "files": {part.split: len(part.shards) for part in plans},
            "pictures": {part.split: sum(map(len, part.shards)) for part in plans},
            "sha256": digest.hexdigest(),
        },
        sort_keys=False,
    )
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise DataError(
                f"{folder}: was made of other pictures or with other options; choose "
                "another --name or --output, or delete this folder"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise DataError(
            f"{folder}: is not empty and was not made by prepare pack; choose another "
            "--name or --output"
        )
    else:
        write_bytes(path, text.encode())


class Packed(NamedTuple):
    """One picture's end; `error` is None where it is in the set."""

    name: str
    error: str | None = None


def pack(folder: Path, name: str, part: Plan) -> Iterator[Packed]:
    """Writes the files of a split that are not there yet, one after another.

    A picture that cannot be decoded, or whose two sizes differ, is left out. What was
    left out of a file stands in left_out-FILE.txt beside it.
    """
    for number, shard in enumerate(part.shards):
        path = _shard_path(folder, name, part, number)
        told = folder / f"left_out-{path.name}.txt"
        if path.exists():
            # A file's name may hold bytes that are not UTF-8.
            left_out = told.read_bytes() if told.exists() else b""
            errors = dict(
                line.split("\t", 1) for line in os.fsdecode(left_out).splitlines()
            )
            yield from (Packed(x.name, errors.get(x.name)) for x in shard)
            continue
        packed = []
        partial = folder / f".partial-{path.name}"
        with contextlib.closing(tf.io.TFRecordWriter(str(partial))) as writer:
            for source, record in zip(shard, side_by_side(_record, shard), strict=True):
                error = record if isinstance(record, str) else None
                if isinstance(record, bytes):
                    writer.write(record)
                packed.append(Packed(source.name, error))
                yield packed[-1]
        lines = [f"{x.name}\t{' '.join(x.error.split())}" for x in packed if x.error]
        if lines:
            write_bytes(told, os.fsencode("\n".join(lines) + "\n"))
        os.replace(partial, path)


def describe(folder: Path, name: str, plans: list[Plan]) -> None:
    """Writes what tensorflow-datasets reads, and the index that training reads."""
    names = tuple(plans[0].shards[0][0].files)
    splits = []
    for part in plans:
        paths = [
            _shard_path(folder, name, part, number)
            for number in range(len(part.shards))
        ]
        shards = list(side_by_side(lambda path: open_shard(str(path), names), paths))
        splits.append(
            tfds.core.SplitInfo(
                name=part.split,
                shard_lengths=[len(shard) for shard in shards],
                num_bytes=sum(int(shard.lengths.sum()) for shard in shards),
            )
        )
    picture = tfds.features.Image(shape=(None, None, 3))
    tfds.folder_dataset.write_metadata(
        data_dir=str(folder),
        features=tfds.features.FeaturesDict(dict.fromkeys(names, picture)),
        split_infos=splits,
        version=VERSION,
        filename_template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        check_data=False,
        description="Packed by deblurgan_tf.prepare pack.",
    )


def _shard_path(folder: Path, name: str, part: Plan, number: int) -> Path:
    count = f"{number:05d}-of-{len(part.shards):05d}"
    return folder / f"{name}-{part.split}.tfrecord-{count}"


def _record(source: Source) -> bytes | str:
    """A serialised tf.train.Example, or what is wrong with the picture."""
    try:
        read = {key: _encoded(file) for key, file in source.files.items()}
    except PictureError as error:
        return str(error)
    sizes = {size for _, size in read.values()}
    if len(sizes) > 1:
        return f"{source.name}: blurred and sharp differ in size"
    features = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))
        for key, (data, _) in read.items()
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString()


def _encoded(file: Path) -> tuple[bytes, tuple[int, int]]:
    """A picture's bytes and its size: the file's own where TensorFlow reads its format,
    else a PNG of the same pixels. The whole is decoded, so that no training meets a
    file that is cut short.
    """
    data = images.contents(file)
    picture = images.decode(data, str(file))
    height, width = picture.pixels.shape[:2]
    if picture.format not in ("JPEG", "PNG"):
        pixels = images.decode_rgb(data, str(file))  # without alpha, of 8 bits
        data = images.encode(images.Picture(pixels, format="PNG"))
    return data, (height, width)
