"""What reaches the disk, and in which order."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def recorded_calls() -> Iterator[list[tuple[str, str]]]:
    """Records ("fsync", path) and ("replace", target), in their order."""
    made: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def recorded_fsync(handle):
        made.append(("fsync", os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def recorded_replace(source, target):
        made.append(("replace", str(target)))
        replace(source, target)

    os.fsync, os.replace = recorded_fsync, recorded_replace
    try:
        yield made
    finally:
        os.fsync, os.replace = fsync, replace
