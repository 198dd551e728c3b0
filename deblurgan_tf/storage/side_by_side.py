"""Work on many files by several threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`map` by one thread a processor: the results in order, at once or soon after.

    Decoding, resampling and Fourier transforms release Python's lock, so threads are
    enough. At most two items a thread are in work, so that a hundred thousand files
    take no more memory than a dozen. What `work` raises is raised here.
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
