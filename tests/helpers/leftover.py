"""Names of what killed processes left, as a command that comes again finds them."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

from deblurgan_tf.storage import leftovers


def gone() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        return process.pid


def leftover_name(path: Path, process: int | None = None, machine: str = "") -> str:
    """A temporary name for `path`, of a process that is gone by default.

    From now on this process acts as one that begins: it has seen no folder yet.
    """
    leftovers._remove_once.cache_clear()
    number = gone() if process is None else process
    mark = machine or leftovers._machine()
    return f"{leftovers.PREFIX}{number}-{mark}{secrets.token_hex(4)}{path.suffix}"


def aged(path: Path, seconds: float) -> Path:
    """The file, as if it was written so long ago."""
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))
    return path
