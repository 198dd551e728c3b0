"""The peak memory of a work."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak(work: Callable[[], object]) -> int | None:
    """Growth of the process's resident set while the work runs, at its peak, in bytes.

    None on systems other than Linux, which records the largest size and lets it be
    reset. Run the work once before: graphs and weights then exist already and do not
    count. Freed memory that the C library keeps is given back to the system first.
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
