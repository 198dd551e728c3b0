"""Reads the bytes of pictures, in tasks beside the actors that restore them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa

from deblurgan_tf.batching import manifest, parquet_rows
from deblurgan_tf.batching.stores import Place, open_place
from deblurgan_tf.errors import first_line

FETCHERS = 8  # threads: the answer of a store takes long, the bytes do not
BLOCK = [
    ("path", pa.string()),
    ("name", pa.string()),  # for messages
    ("size", pa.int64()),
    ("mtime", manifest.TIME),
    ("error", pa.string()),  # why there are no bytes
    ("folder", pa.string()),  # of a row's file, as far as it tells values of columns
]
"""The columns that actors get. Files have a column `data` too, Parquet rows a column
`row` with all columns of the row."""


def read_files(unit: pa.Table, inputs: list[str]) -> pa.Table:
    """Rows of listing.SCHEMA -> BLOCK and `data`.

    A file that cannot be read has an error and no data.
    """
    lines = unit.to_pylist()
    places = [open_place(uri) for uri in inputs]

    def fetch(line: dict[str, Any]) -> tuple[bytes | None, str | None]:
        place = places[line["input"]]
        if line["error"]:
            return None, line["error"]
        try:
            return _contents(place, line["file"]), None
        # Libraries of stores raise many kinds of errors; each fails one picture alone.
        except Exception as error:
            reason = first_line(error)
            return None, f"cannot be read ({reason}); check the file and its rights"

    with ThreadPoolExecutor(FETCHERS) as fetchers:
        fetched = list(fetchers.map(fetch, lines))
    names = [places[line["input"]].spell(line["file"]) for line in lines]
    errors = pa.array([error for _, error in fetched], pa.string())
    block = _block(unit, names, errors)
    return block.append_column(
        "data", pa.array([data for data, _ in fetched], pa.large_binary())
    )


def _contents(place: Place, file: str) -> bytes:
    with place.files.open_input_stream(file, compression=None) as stream:
        return stream.read()


def read_rows(unit: pa.Table, inputs: list[str], batch: int) -> Iterator[pa.Table]:
    """Rows of listing.SCHEMA of one row group -> BLOCK and `row`, in parts.

    The metadata of the field `row` are those of the file. Rows that cannot be read have
    an error and no column `row`.
    """
    place = open_place(inputs[unit["input"][0].as_py()])
    done = 0
    try:
        for part, field, columns in parquet_rows.read(place, unit, batch):
            nothing = pa.nulls(len(part), pa.string())
            folder = _hive_folder(place, part)
            block = _block(part, _names(place, part), nothing, folder)
            yield block.append_column(field, columns.cast(field.type))
            done += len(part)
    # For a damaged page Arrow, its codecs and the store raise many kinds of errors.
    except Exception as error:
        lost = unit.sort_by("row").slice(done)
        reason = first_line(error)
        message = f"its row group cannot be read ({reason}); replace the Parquet file"
        errors = pa.array([message] * len(lost), pa.string())
        yield _block(lost, _names(place, lost), errors)


def _names(place: Place, part: pa.Table) -> list[str]:
    file = place.spell(part["file"][0].as_py())
    return [f"{file}: {path}" for path in part["path"].to_pylist()]


def _hive_folder(place: Place, part: pa.Table) -> str:
    """The folders NAME=VALUE of the rows' file: columns that the file does not hold."""
    below = part["file"][0].as_py().removeprefix(place.path)
    return "/".join(x for x in below.split("/")[:-1] if "=" in x)


def _block(
    unit: pa.Table, names: list[str], errors: pa.Array, folder: str = ""
) -> pa.Table:
    columns = [unit["path"], pa.array(names), unit["size"], unit["mtime"], errors]
    columns.append(pa.array([folder] * len(unit), pa.string()))
    return pa.table(columns, schema=pa.schema(BLOCK))
