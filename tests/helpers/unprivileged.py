"""Tests of rights: root, as which they may run, reads and writes everything."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

NOBODY = 65534


@contextlib.contextmanager
def unprivileged() -> Iterator[Path]:
    """An empty folder; inside, this process has no more rights than its owner."""
    folder = Path(tempfile.mkdtemp(prefix="unprivileged-"))
    usual = os.geteuid()
    try:
        if usual == 0:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        yield folder
    finally:
        os.seteuid(usual)
        for place, folders, _ in os.walk(folder):
            for name in folders:
                os.chmod(Path(place, name), 0o700)
        shutil.rmtree(folder)
