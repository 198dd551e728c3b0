"""Pictures that are rows of Parquet files: lists them and reads their bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

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

    Raises DataError for a file that is damaged, lacks one of the two columns or
    has a row without a path.
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
        schema = file.schema_arrow
        wanted = {path_column: "--path-column", bytes_column: "--bytes-column"}
        for column, option in wanted.items():
            if column not in schema.names:
                raise DataError(
                    f"{name}: has no column {column} (it has {', '.join(schema.names)}"
                    f"); name it with {option}"
                )
        kind = schema.field(bytes_column).type
        if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
            raise DataError(
                f"{name}: column {bytes_column} holds {kind}, not the bytes of "
                "picture files; name another with --bytes-column"
            )
        for group in range(file.num_row_groups):
            column = file.read_row_group(group, columns=[path_column])[path_column]
            if column.null_count:
                raise DataError(
                    f"{name}: row group {group} has a row without a {path_column}; "
                    "give every picture one"
                )
            count = len(column)
            same = {
                "input": number,
                "file": line["file"],
                "size": line["size"],
                "mtime": line["mtime"],
                "row_group": group,
                "error": None,
            }
            columns = {
                key: pa.repeat(pa.scalar(value, SCHEMA.field(key).type), count)
                for key, value in same.items()
            }
            columns["path"] = pc.cast(column, pa.string()).combine_chunks()
            columns["row"] = pa.array(np.arange(count, dtype=np.int32))
            yield pa.table([columns[key] for key in SCHEMA.names], schema=SCHEMA)


def read(
    place: Place, unit: pa.Table, bytes_column: str, rows_at_once: int
) -> Iterator[tuple[pa.Table, pa.StructArray]]:
    """Gives (rows of `unit`, all columns of these rows as a struct) in parts.

    unit: rows of listing.SCHEMA, all of one row group. Raises what pyarrow raises for
    damaged data, after it gave the parts before the damage.
    """
    first = unit.slice(0, 1).to_pylist()[0]
    wanted = unit["row"].to_numpy()
    order = np.argsort(wanted)
    unit, wanted = unit.take(pa.array(order)), wanted[order]
    start = 0
    with _open(place, first["file"]) as file:
        batches = file.iter_batches(rows_at_once, row_groups=[first["row_group"]])
        for batch in batches:
            low, high = np.searchsorted(wanted, [start, start + len(batch)])
            if high > low:
                chosen = batch.take(pa.array(wanted[low:high] - start))
                yield unit.slice(low, high - low), chosen.to_struct_array()
            start += len(batch)
