"""What became of every picture: one row each, in Parquet, in OUTPUT/manifest.

A batch is committed by a file of its own, a part, which is written after the batch's
pictures. `compact` makes one file of all parts, with the last row of each path.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deblurgan_tf.batching.stores import Place
from deblurgan_tf.errors import DataError

FOLDER = "manifest"
WHOLE = "manifest.parquet"
# Microseconds: Python's datetime has no finer ones.
TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("path", pa.string()),  # below INPUT, or the path column's value
        ("status", pa.string()),  # restored | failed
        ("error", pa.string()),
        ("height", pa.int32()),  # upright
        ("width", pa.int32()),
        ("format", pa.string()),  # of the content, whatever the name says
        ("notices", pa.string()),  # what was missing in it or left out, one a line
        ("seconds", pa.float32()),  # decoding, restoring and encoding
        ("input_sha256", pa.string()),
        ("output_sha256", pa.string()),
        ("output", pa.string()),  # the file in OUTPUT that holds the result
        ("size", pa.int64()),  # bytes of the file that held the input
        ("mtime", TIME),  # when that file was changed
        ("finished", TIME),  # by the worker's clock
        ("run", pa.int64()),  # which run of the command, from 1; null in version 0.1
    ]
)


class Manifest(NamedTuple):
    """What OUTPUT/manifest holds."""

    last: pa.Table
    """The last row of each path, sorted by path."""
    replaced: pa.Table
    """The earlier rows of these paths."""
    names: list[str]
    """The files that were read, below OUTPUT."""

    def next_run(self) -> int:
        """The number of the run that goes on from here: 1, or one more than the last.

        Rows are ordered by it and by no clock: those of the workers may differ.
        """
        return (pc.max(self.last["run"]).as_py() or 0) + 1


def table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows as dicts, absent keys null -> SCHEMA."""
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def batch_name(run: int, inputs: Iterable[tuple[str, str]]) -> str:
    """The name of a batch's part, from the run and its pictures' (path, SHA-256).

    A batch that is done again within one run finds or replaces its own part. Another
    run, which may try the same pictures again, writes other parts.
    """
    digest = hashlib.sha256(str(run).encode())
    for path, sha256 in inputs:
        digest.update(f"{path}\0{sha256}\0".encode())
    return f"part-{digest.hexdigest()[:24]}.parquet"


def commit(output: Place, name: str, rows: pa.Table) -> None:
    """Writes a batch's part. Raises OSError where the store refuses."""
    output.write(f"{FOLDER}/{name}", parquet(rows))


def committed(output: Place, name: str) -> pa.Table | None:
    """The part of that name, if an earlier attempt has written it."""
    if not output.holds(f"{FOLDER}/{name}"):
        return None
    return pq.read_table(io.BytesIO(output.read(f"{FOLDER}/{name}")), schema=SCHEMA)


def parquet(rows: pa.Table) -> bytes:
    """The contents of a Parquet file of these rows."""
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()


def load(output: Place) -> Manifest:
    """Reads all parts. Raises DataError for a damaged one."""
    names = sorted(
        f"{FOLDER}/{info.base_name}"
        for info in output.find(FOLDER, recursive=False)
        if info.is_file and info.base_name.endswith(".parquet")
    )
    tables = []
    for name in names:
        try:
            # A column that a file does not have is null.
            read = pq.read_table(io.BytesIO(output.read(name)), schema=SCHEMA)
        except pa.ArrowException as error:
            raise DataError(
                f"{output.spell(output.at(name))}: is damaged, or no part of a "
                f"manifest ({error}); remove it, and its pictures are done again"
            ) from error
        tables.append(read)
    last, replaced = last_rows(pa.concat_tables(tables) if tables else table([]))
    return Manifest(last, replaced, names)


def last_rows(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """(the row of each path that was written last, the others), sorted by path.

    The row of the latest run counts. Rows of version 0.1 have no run: they come before
    all others, and are ordered by the time that they were finished.
    """
    keys = [
        ("path", "ascending"),
        ("run", "descending"),  # null is behind all numbers
        ("finished", "descending"),
        ("status", "descending"),
    ]
    rows = rows.take(pc.sort_indices(rows, sort_keys=keys)).combine_chunks()
    if not len(rows):
        return rows, rows
    paths = rows["path"].combine_chunks()
    first = np.ones(len(rows), bool)
    first[1:] = pc.not_equal(paths[1:], paths[:-1]).to_numpy(zero_copy_only=False)
    return rows.filter(pa.array(first)), rows.filter(pa.array(~first))


def compact(output: Place, last: pa.Table, names: list[str]) -> None:
    """Makes one file of the files `names`, whose rows are `last`.

    A run that is killed meanwhile may leave two rows of a path; the next run's `load`
    and `compact` remove one of them. Changes nothing where there is one file already.
    """
    whole = f"{FOLDER}/{WHOLE}"
    if names in ([], [whole]):
        return
    output.write(whole, parquet(last))
    for name in names:
        if name != whole:
            output.delete(name)
