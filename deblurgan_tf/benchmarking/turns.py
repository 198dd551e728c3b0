"""Seconds of several works that take turns.

Machines are noisy: what is compared runs in turn within one process, and medians and
ratios are what counts.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

Work = Callable[[], object]


def in_turn(works: dict[str, Work], rounds: int) -> dict[str, list[float]]:
    """Seconds of each round of each work; they take turns, so noise hits all alike.

    Each work runs once before, to compile, and must return when its result is there.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        gc.collect()
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - begun)
    return seconds
