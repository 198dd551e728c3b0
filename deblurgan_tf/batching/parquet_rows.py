"""Pictures that are rows of Parquet files: lists them and reads their bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deblurgan_tf.batching import columns
from deblurgan_tf.batching.listing import SCHEMA
from deblurgan_tf.batching.stores import Place
from deblurgan_tf.errors import DataError

_READ_AHEAD = 8 << 20  # bytes of a column in memory, however large the row group


def _open(place: Place, file: str) -> pq.ParquetFile:
    # Without pre_buffer a row group of gigabytes is read piece by piece.
    return pq.ParquetFile(
        place.files.open_input_file(file), pre_buffer=False, buffer_size=_READ_AHEAD
    )


def rows(
    place: Place,
    number: int,
    files: Iterable[dict[str, Any]],
    path_column: str,
    bytes_column: str,
) -> pa.Table:
    """The rows of the Parquet files of input `number` -> listing.SCHEMA.

    path_column, bytes_column: see `columns`. Where pictures lie in a struct and there
    is no column of paths, a row is named by its file and its number in it: what the
    struct says may be the same for many pictures. Raises DataError for a file that is
    damaged, lacks one of the two columns or has a row without a path.
    """
    tables = [SCHEMA.empty_table()]
    for line in sorted(files, key=lambda line: line["file"]):
        if line["file"].lower().endswith(".parquet"):
            name = place.spell(line["file"])
            try:
                tables += _rows_of(place, number, line, name, path_column, bytes_column)
            except (OSError, pa.ArrowException) as error:
                raise DataError(
                    f"{name}: is damaged, or no Parquet file ({error}); replace it or "
                    "leave it out"
                ) from error
    return pa.concat_tables(tables)


def _rows_of(
    place: Place,
    number: int,
    line: dict[str, Any],
    name: str,
    path_column: str,
    bytes_column: str,
) -> Iterator[pa.Table]:
    if line["error"]:
        raise DataError(f"{name}: {line['error']}")
    with _open(place, line["file"]) as file:
        paths_in = _columns(file.schema_arrow, name, path_column, bytes_column)
        first = 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            if paths_in is None:
                below = line["file"].removeprefix(place.path).lstrip("/") or name
                stem = os.path.splitext(below)[0]
                paths = pa.array(f"{stem}/{first + n:06d}" for n in range(count))
            else:
                table = file.read_row_group(group, columns=[".".join(paths_in)])
                paths = columns.values(table, paths_in)
            if paths.null_count:
                raise DataError(
                    f"{name}: row group {group} has a row without a {path_column}; "
                    "give every picture one"
                )
            first += count
            same = {
                "input": number,
                "file": line["file"],
                "size": line["size"],
                "mtime": line["mtime"],
                "row_group": group,
                "error": None,
            }
            made = {
                key: pa.repeat(pa.scalar(value, SCHEMA.field(key).type), count)
                for key, value in same.items()
            }
            made["path"] = pc.cast(paths, pa.string())
            made["row"] = pa.array(np.arange(count, dtype=np.int32))
            yield pa.table([made[key] for key in SCHEMA.names], schema=SCHEMA)


def _columns(
    schema: pa.Schema, name: str, path_column: str, bytes_column: str
) -> list[str] | None:
    """The column of the paths; None where rows are named by their numbers.

    Raises DataError where there is no column of bytes, or none of paths.
    """
    paths = columns.column(schema, path_column)
    place = columns.bytes_column(schema, bytes_column)
    in_struct = place is not None and len(place) > 1
    missing = {}
    if paths is None and not (in_struct and path_column == columns.PATH):
        missing[path_column] = "--path-column"
    if place is None:
        missing[bytes_column] = "--bytes-column"
    if missing:
        raise DataError(
            f"{name}: has no column {' and no column '.join(missing)} (it has "
            f"{', '.join(schema.names)}); name {'it' if len(missing) == 1 else 'them'} "
            f"with {' and '.join(missing.values())}"
        )
    assert place is not None
    if not columns.holds_bytes(schema, place):
        raise DataError(
            f"{name}: column {bytes_column} holds {schema.field(place[0]).type}, not "
            "the bytes of picture files; name another with --bytes-column"
        )
    return paths


def read(
    place: Place, unit: pa.Table, rows_at_once: int
) -> Iterator[tuple[pa.Table, pa.Field, pa.StructArray]]:
    """Gives (rows of `unit`, all columns of these rows as a struct) in parts.

    The struct comes with its field, whose metadata are those of the file. unit: rows of
    listing.SCHEMA, all of one row group. Raises what pyarrow raises for damaged data,
    after it gave the parts before the damage.
    """
    first = unit.slice(0, 1).to_pylist()[0]
    wanted = unit["row"].to_numpy()
    order = np.argsort(wanted)
    unit, wanted = unit.take(pa.array(order)), wanted[order]
    start = 0
    with _open(place, first["file"]) as file:
        schema = file.schema_arrow
        field = pa.field("row", pa.struct(list(schema)), metadata=schema.metadata)
        batches = file.iter_batches(rows_at_once, row_groups=[first["row_group"]])
        for batch in batches:
            low, high = np.searchsorted(wanted, [start, start + len(batch)])
            if high > low:
                chosen = batch.take(pa.array(wanted[low:high] - start))
                yield unit.slice(low, high - low), field, chosen.to_struct_array()
            start += len(batch)
