"""Which pictures the inputs hold, each with the path that its result gets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.fs import LocalFileSystem

from deblurgan_tf import images
from deblurgan_tf.batching import manifest, settings
from deblurgan_tf.batching.stores import WORK, Place
from deblurgan_tf.errors import DataError
from deblurgan_tf.storage.regular import NO_FILE, is_special

SCHEMA = pa.schema(
    [
        ("path", pa.string()),  # below its input, or the path column's value
        ("input", pa.int32()),  # which of the inputs
        ("file", pa.string()),  # full path in that input's store
        ("size", pa.int64()),  # bytes of that file
        ("mtime", manifest.TIME),
        ("row_group", pa.int32()),  # of a Parquet file, else null
        ("row", pa.int32()),  # in that row group, else null
        ("error", pa.string()),  # why it cannot be read, where the listing shows it
    ]
)
LARGEST = 2**31 - 1
"""Bytes of the largest file that is read: a picture of 200 megapixels is smaller."""
_OURS = frozenset((manifest.FOLDER, settings.FILE, WORK))


def is_parquet(place: Place, files: Iterable[str]) -> bool:
    """Whether an input is a Parquet data set, by its name or by the files in it."""
    if place.path.endswith(".parquet"):
        return True
    endings = {PurePosixPath(file).suffix.lower() for file in files}
    return ".parquet" in endings and not endings & images.SUFFIXES


def of_kind(files: Iterable[str], *, parquet: bool) -> list[str]:
    """The Parquet files among these, or the picture files, by their endings."""
    endings = frozenset((".parquet",)) if parquet else images.SUFFIXES
    return [file for file in files if PurePosixPath(file).suffix.lower() in endings]


def files_of(place: Place) -> Iterator[dict[str, Any]]:
    """Gives {file, size, mtime, error} of all files below a place but hidden ones.

    A place may be a single file. Raises DataError where nothing is there, or where the
    store does not answer.
    """
    if not place.is_there():
        raise DataError(f"{place.name}: does not exist; check the name")
    if isinstance(place.files, LocalFileSystem) and not place.is_file():
        closed: list[Path] = []
        here = images.listed(place.path, _ENDINGS, closed)
        if Path(place.path) in closed:
            raise DataError(f"{place.name}: {_CLOSED}")
        yield from map(_of_disk, [*here.files, *here.passed_over])
        yield from map(_of_closed_folder, closed)
        return
    found = place.files.get_file_info([place.path])
    if not found[0].is_file:
        found = place.find()
    for info in found:
        below = info.path.removeprefix(place.path).split("/")
        if info.is_file and not any(part.startswith(".") for part in below):
            mtime = None if info.mtime is None else info.mtime_ns // 1000
            yield {"file": info.path, "size": info.size, "mtime": mtime, "error": None}


_ENDINGS = images.SUFFIXES | {".parquet"}
_CLOSED = "cannot be listed; check its rights, or leave it out"


def _of_closed_folder(folder: Path) -> dict[str, Any]:
    """A line that fails; its file ends with a slash."""
    return {"file": f"{folder}/", "size": None, "mtime": None, "error": _CLOSED}


def _of_disk(path: Path) -> dict[str, Any]:
    known: dict[str, Any] = {"file": str(path), "size": None, "mtime": None}
    try:
        status = path.stat()
    except OSError as error:
        return known | {"error": f"cannot be opened ({error.strerror}); check it"}
    if is_special(path):  # a pipe would be waited at for ever
        return known | {"error": NO_FILE}
    known |= {
        "size": status.st_size,
        "mtime": status.st_mtime_ns // 1000,
        "error": None,
    }
    try:
        str(path).encode()
    except UnicodeEncodeError:
        # Arrow and object stores have no such names.
        shown = str(path).encode(errors="backslashreplace").decode()
        known |= {"file": shown, "error": "its name is not UTF-8; rename it"}
    return known


def pictures(place: Place, number: int, files: Iterable[dict[str, Any]]) -> pa.Table:
    """The picture files of input `number`, by their endings -> SCHEMA."""
    lines = []
    for line in files:
        ending = os.path.splitext(line["file"])[1].lower()
        if ending not in images.SUFFIXES and not line["file"].endswith("/"):
            continue
        if (line["size"] or 0) > LARGEST:
            line = line | {"error": f"has {line['size']:,} bytes; cut it into parts"}
        below = line["file"].removeprefix(place.path).lstrip("/")
        name = below or os.path.basename(line["file"])
        lines.append({"path": name, "input": number, **line})
    return pa.Table.from_pylist(lines, schema=SCHEMA)


def checked(tables: list[pa.Table], inputs: list[Place], files: bool) -> pa.Table:
    """All pictures of all inputs, sorted by path.

    files: the result of each is a file at its path. Raises DataError where there are
    no pictures, two pictures have one path, or a result would lie among this command's
    own files.
    """
    listed = pa.concat_tables(tables).combine_chunks()
    if not len(listed):
        names = ", ".join(place.name for place in inputs)
        raise DataError(f"{names}: holds no pictures; check the name")
    listed = listed.take(pc.sort_indices(listed, sort_keys=[("path", "ascending")]))
    listed = listed.combine_chunks()
    paths = listed["path"].combine_chunks()
    twice = pc.indices_nonzero(pc.equal(paths[1:], paths[:-1]))
    if len(twice):
        n = twice[0].as_py()
        both = [_place_of(listed, row, inputs) for row in (n, n + 1)]
        raise DataError(
            f"{paths[n]}: two inputs have this path ({both[0]} and {both[1]}), and "
            "would be one result; give them to two commands with different OUTPUT"
        )
    if files:
        tops = pc.list_element(pc.split_pattern(paths, "/", max_splits=1), 0)
        ours = pc.indices_nonzero(pc.is_in(tops, pa.array(sorted(_OURS))))
        if len(ours):
            raise DataError(
                f"{paths[ours[0].as_py()]}: {tops[ours[0].as_py()]} is a name that "
                "this command uses in OUTPUT; rename it, or give the folder above it"
            )
    return listed


def _place_of(listed: pa.Table, row: int, inputs: list[Place]) -> str:
    line = listed.slice(row, 1).to_pylist()[0]
    where = inputs[line["input"]].spell(line["file"])
    if line["row"] is not None:
        where += f", row group {line['row_group']}, row {line['row']}"
    return where
