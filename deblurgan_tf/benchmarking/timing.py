"""Seconds of several works that run alternately.

Machines are noisy: what is compared runs alternately within one process, and only
medians and ratios should be compared.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

Work = Callable[[], object]
"""What is timed; it returns when its result is complete."""


def seconds_of(works: dict[str, Work], rounds: int) -> dict[str, list[float]]:
    """Seconds of each round of each work, by the works' names.

    In a round each work runs once, so that noise of the machine hits all alike. Before
    the first round each runs once without being timed, to compile.
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
