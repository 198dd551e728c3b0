"""Files that are written whole or not at all, and work on many files side by side."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file under a temporary name and renames it; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def side_by_side(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`map` in threads, results in order; few more than the processors are begun.

    Decoding, resampling and Fourier transforms leave Python's lock, so threads are
    enough, and a hundred thousand files take no more memory than a dozen.
    """
    workers = os.cpu_count() or 1
    rest = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        begun: list[Future[R]] = [
            pool.submit(work, item) for item in islice(rest, 2 * workers)
        ]
        try:
            while begun:
                yield begun.pop(0).result()
                begun += [pool.submit(work, item) for item in islice(rest, 1)]
        finally:
            pool.shutdown(cancel_futures=True)
