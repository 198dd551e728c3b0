"""How much memory a work needs at its peak."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak(work: Callable[[], object]) -> int | None:
    """Bytes of the process's resident set, at its largest while the work runs, above
    those before it.

    Linux keeps the largest size and lets it be reset; elsewhere None. Call it after
    the work has run once: graphs and weights are then part of what was before. Memory
    that was freed and kept for later is given back first.
    """
    if not (STATUS.exists() and RESET.exists()):
        return None
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    RESET.write_text("5")
    before = _field("VmRSS")
    work()
    return max(0, _field("VmHWM") - before)


def _field(name: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{STATUS} has no {name}")
