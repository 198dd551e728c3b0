"""What is left to do, and in which portions it is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BATCH_BYTES = 32 << 20
"""Files of at most this many bytes travel together, so that what waits in memory is
bounded; a larger file travels alone."""


class Plan(NamedTuple):
    left: pa.Table
    """Rows of listing.SCHEMA that have to be done."""
    restored: int
    failed: pa.Table
    """Rows of manifest.SCHEMA of listed pictures that failed, and are left at that."""


def plan(listed: pa.Table, known: pa.Table, retry_failed: bool) -> Plan:
    """Sets the listed pictures against the manifest's rows, one of each path.

    A picture is done where its row says restored, and the file that held it has the
    size and the time of change that it had then. Otherwise it is done (again), but for
    one that failed and is unchanged: only if `retry_failed`.
    """
    rows = pc.index_in(listed["path"], known["path"].combine_chunks())
    rows = rows.combine_chunks() if isinstance(rows, pa.ChunkedArray) else rows
    there = known.take(rows)
    unchanged = pc.and_(
        _same(listed["size"], there["size"]), _same(listed["mtime"], there["mtime"])
    )
    unchanged = pc.and_(pc.is_valid(there["status"]), unchanged)
    restored = _and(unchanged, pc.equal(there["status"], "restored"))
    failed = _and(unchanged, pc.equal(there["status"], "failed"))
    done = restored if retry_failed else pc.or_(restored, failed)
    return Plan(
        left=listed.filter(pc.invert(done)).combine_chunks(),
        restored=pc.sum(restored).as_py() or 0,
        failed=there.filter(failed) if not retry_failed else there.slice(0, 0),
    )


def _same(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    # A store that tells no time of change tells none both times.
    neither = pc.and_(pc.is_null(one), pc.is_null(other))
    return pc.or_(pc.fill_null(pc.equal(one, other), False), neither)


def _and(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(one, pc.fill_null(other, False))


def units(left: pa.Table, batch: int) -> Iterator[pa.Table]:
    """Portions of `left` that are fetched together.

    Of files at most `batch`, and at most BATCH_BYTES where they are more than one; of
    Parquet the rows of one row group.
    """
    if not len(left):
        return
    if left["row_group"].null_count == 0:
        keys = [(key, "ascending") for key in ("input", "file", "row_group", "row")]
        left = left.take(pc.sort_indices(left, sort_keys=keys)).combine_chunks()
        files = left["file"].combine_chunks().dictionary_encode().indices.to_numpy()
        places = np.stack(
            [left["input"].to_numpy(), files, left["row_group"].to_numpy()]
        )
        cuts = np.flatnonzero((places[:, 1:] != places[:, :-1]).any(axis=0)) + 1
        bounds = [0, *cuts.tolist(), len(left)]
    else:
        bounds = _bounds(pc.fill_null(left["size"], 0).to_pylist(), batch)
    for start, stop in zip(bounds, bounds[1:], strict=False):
        yield left.slice(start, stop - start)


def _bounds(sizes: list[int], batch: int) -> list[int]:
    bounds, held = [0], 0
    for number, size in enumerate(sizes):
        count = number - bounds[-1]
        if count and (count >= batch or held + size > BATCH_BYTES):
            bounds.append(number)
            held = 0
        held += size
    return [*bounds, len(sizes)]
