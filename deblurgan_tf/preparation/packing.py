"""A folder of pictures as a tensorflow-datasets set: few large files for many small.

DIR/NAME/1.0.0/NAME-SPLIT.tfrecord-00000-of-00012 ..., dataset_info.json, features.json;
and packing.yaml, which describes the input. A file of the set that exists is not
written again, so the same command continues where it was stopped.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
import tensorflow_datasets as tfds
import yaml

from deblurgan_tf import images
from deblurgan_tf.data.records import Features, Shard, open_shard
from deblurgan_tf.errors import DataError, PictureError, RunError
from deblurgan_tf.preparation.data_sets import DataSet
from deblurgan_tf.storage.atomic import (
    make_folder,
    move_into_place,
    temporary_name,
    write_bytes,
    write_text,
)
from deblurgan_tf.storage.side_by_side import side_by_side
from deblurgan_tf.storage.writing_errors import writing_to

VERSION = "1.0.0"
PLAN = "packing.yaml"


class Source(NamedTuple):
    """A picture or a pair: its name, and its files by their feature's name."""

    name: str
    files: dict[str, Path]


class Plan(NamedTuple):
    """What goes into each file of a split."""

    split: str
    shards: list[list[Source]]


def plan(data_set: DataSet, megabytes: float) -> Plan:
    """Files of about `megabytes` each, the pictures in the order of a hash of names.

    Raises:
        DataError: a pair is not complete, or a picture cannot be opened.
    """
    sources = _sources(data_set)
    sources.sort(key=lambda x: hashlib.sha256(os.fsencode(x.name)).digest())
    limit, size = megabytes * 1e6, 0.0
    shards: list[list[Source]] = [[]]
    for source in sources:
        more = sum(_status(file).st_size for file in source.files.values())
        if shards[-1] and size + more > limit:
            shards.append([])
            size = 0.0
        shards[-1].append(source)
        size += more
    return Plan(data_set.prefix.rstrip("/") or "train", shards)


def _sources(data_set: DataSet) -> list[Source]:
    if not data_set.paired:
        return [Source(name, {"image": file}) for name, file in data_set.sharp.items()]
    alone = sorted(data_set.sharp.keys() ^ data_set.blurred.keys())
    if alone:
        raise DataError(
            f"{data_set.root}: {len(alone)} pictures without a mate of the same "
            f"name, the first: {alone[0]}; see prepare check"
        )
    return [
        Source(name, {"blurred": data_set.blurred[name], "sharp": file})
        for name, file in data_set.sharp.items()
    ]


def _status(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except OSError as error:
        raise DataError(
            f"{file}: cannot be opened ({error.strerror}); remove it or mend it"
        ) from error


def begin(folder: Path, plans: list[Plan]) -> None:
    """Writes packing.yaml, or checks that the folder's one is of the same pictures.

    Raises:
        DataError: it is of other pictures, or the folder holds something else.
        RunError: the file cannot be written.
    """
    path = folder / PLAN
    text = yaml.safe_dump(
        {
            "files": {part.split: len(part.shards) for part in plans},
            "pictures": {part.split: sum(map(len, part.shards)) for part in plans},
            "sha256": _digest(plans),
        },
        sort_keys=False,
    )
    if path.exists():
        if path.read_bytes() != text.encode():
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
        with writing_to(folder):
            make_folder(folder)
            write_text(path, text)


def _digest(plans: list[Plan]) -> str:
    """SHA-256 of all names, sizes and times of change, in the order of the set."""
    digest = hashlib.sha256()
    for part in plans:
        for shard in part.shards:
            for source in shard:
                for file in source.files.values():
                    status = _status(file)
                    line = f"{file.name} {status.st_size} {status.st_mtime_ns}"
                    digest.update(os.fsencode(f"{source.name} {line}\n"))
            digest.update(b"\n")
    return digest.hexdigest()


class Packed(NamedTuple):
    """The end of one picture's work; `error` is None if it is in the set."""

    name: str
    error: str | None = None
    seen: tuple[images.Seen, ...] = ()  # its files; those that are packed already: none


def pack(folder: Path, name: str, part: Plan) -> Iterator[Packed]:
    """Writes the files of a split that do not exist yet, one after another.

    A picture that cannot be decoded is left out, and so is a pair of two sizes. The
    reasons are in left_out-FILE.txt beside each file.

    Raises:
        RunError: a file cannot be written.
    """
    for number, shard in enumerate(part.shards):
        path = _shard_path(folder, name, part, number)
        reasons = folder / f"left_out-{path.name}.txt"
        if path.exists():
            errors = _read_reasons(reasons)
            yield from (Packed(x.name, errors.get(x.name)) for x in shard)
        else:
            yield from _pack_shard(path, reasons, shard)


def _pack_shard(path: Path, reasons: Path, shard: list[Source]) -> Iterator[Packed]:
    packed = []
    # A stopped command leaves this file, and the next one begins another.
    partial = temporary_name(path)
    with (
        _tensorflow_writing_to(path),
        contextlib.closing(tf.io.TFRecordWriter(str(partial))) as writer,
    ):
        for source, record in zip(shard, side_by_side(_record, shard), strict=True):
            if isinstance(record, str):
                packed.append(Packed(source.name, record))
            else:
                writer.write(record[0])
                packed.append(Packed(source.name, None, record[1]))
            yield packed[-1]
    lines = [f"{x.name}\t{' '.join(x.error.split())}" for x in packed if x.error]
    with writing_to(path):
        if lines:
            write_bytes(reasons, os.fsencode("\n".join(lines) + "\n"))
        move_into_place(partial, path)


def _read_reasons(file: Path) -> dict[str, str]:
    """{picture: why it was left out}; empty without the file."""
    # A file's name may hold bytes that are not UTF-8.
    text = os.fsdecode(file.read_bytes()) if file.exists() else ""
    return dict(line.split("\t", 1) for line in text.splitlines())


@contextlib.contextmanager
def _tensorflow_writing_to(path: Path) -> Iterator[None]:
    """Turns TensorFlow's errors of writing, such as a full disk, into a RunError."""
    try:
        yield
    except tf.errors.OpError as error:
        raise RunError(
            f"{path}: cannot be written ({error.message}); mend it, and the same "
            "command continues"
        ) from error


def describe(folder: Path, name: str, plans: list[Plan]) -> None:
    """Writes the set's description for tensorflow-datasets, and the index of training.

    Raises:
        DataError: a file of the set is damaged.
        RunError: a file cannot be written.
    """
    names = tuple(plans[0].shards[0][0].files)
    splits = []
    for part in plans:
        paths = [
            _shard_path(folder, name, part, number)
            for number in range(len(part.shards))
        ]
        # What is in the set was decoded when it was packed.
        shards = list(side_by_side(functools.partial(_indexed, names=names), paths))
        splits.append(
            tfds.core.SplitInfo(
                name=part.split,
                shard_lengths=[len(shard) for shard in shards],
                num_bytes=sum(int(shard.lengths.sum()) for shard in shards),
            )
        )
    picture = tfds.features.Image(shape=(None, None, 3))
    with writing_to(folder):
        tfds.folder_dataset.write_metadata(
            data_dir=str(folder),
            features=tfds.features.FeaturesDict(dict.fromkeys(names, picture)),
            split_infos=splits,
            version=VERSION,
            filename_template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
            check_data=False,
            description="Packed by deblurgan_tf.prepare pack.",
        )


def _indexed(path: Path, names: Features) -> Shard:
    try:
        return open_shard(str(path), names, sound=True)
    except tf.errors.OpError as error:
        raise DataError(
            f"{path}: is damaged ({error.message}); delete it, and the same command "
            "packs it anew"
        ) from error


def _shard_path(folder: Path, name: str, part: Plan, number: int) -> Path:
    count = f"{number:05d}-of-{len(part.shards):05d}"
    return folder / f"{name}-{part.split}.tfrecord-{count}"


def _record(source: Source) -> tuple[bytes, tuple[images.Seen, ...]] | str:
    """A serialised tf.train.Example and its files, or why the picture is left out."""
    try:
        read = {key: _encoded(file) for key, file in source.files.items()}
    except PictureError as error:
        return str(error)
    sizes = {size for _, size, _ in read.values()}
    if len(sizes) > 1:
        return f"{source.name}: blurred and sharp differ in size"
    features = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))
        for key, (data, _, _) in read.items()
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(), tuple(seen for _, _, seen in read.values())


def _encoded(file: Path) -> tuple[bytes, tuple[int, int], images.Seen]:
    """A picture's encoded bytes, its (height, width), and what is told of it.

    These are the file's own bytes where TensorFlow reads its format and nothing is
    missing in the file, otherwise a PNG of the same pixels. All pixels are decoded, so
    that no training meets a damaged file.
    """
    data = images.contents(file)
    picture = images.decode(data, str(file))
    height, width = picture.pixels.shape[:2]
    if picture.format not in ("JPEG", "PNG") or picture.notices:
        pixels = images.eight_bits(picture.pixels)  # without alpha
        data = images.encode(images.Picture(pixels, format="PNG"))
    return data, (height, width), images.Seen(file, picture.format, picture.notices)
