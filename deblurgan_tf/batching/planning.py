"""What is left to do, and the portions in which it is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BATCH_BYTES = 32 << 20
"""The files of a portion have at most this many bytes, which bounds the memory that
waiting portions take; a larger file is a portion alone."""


class Plan(NamedTuple):
    """What a run has to do, and what it leaves as it is."""

    left: pa.Table
    """Rows of listing.SCHEMA: the pictures to restore."""
    restored: int
    """How many pictures are restored and unchanged."""
    failed: pa.Table
    """Rows of manifest.SCHEMA: pictures that failed and are not tried again."""


def plan(listed: pa.Table, known: pa.Table, retry_failed: bool) -> Plan:
    """Compares the listed pictures with the manifest's rows, one row a path.

    A picture is done where its row says restored, and its file still has the size and
    the time of change that the row has. All others are left to do. A picture that
    failed and whose file is unchanged is left to do only if `retry_failed`.
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
    # A store that has no times of change gives null both times.
    neither = pc.and_(pc.is_null(one), pc.is_null(other))
    return pc.or_(pc.fill_null(pc.equal(one, other), False), neither)


def _and(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(one, pc.fill_null(other, False))


def units(left: pa.Table, batch: int) -> Iterator[pa.Table]:
    """Cuts `left` into portions that are fetched together.

    A portion of files has at most `batch` of them, and at most BATCH_BYTES where they
    are more than one. A portion of Parquet rows is one row group.
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
    for start, stop in pairwise(bounds):
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
