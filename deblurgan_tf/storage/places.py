"""Which place on the disk a path means."""

from __future__ import annotations

import os
from pathlib import Path


def resolved(path: str | os.PathLike[str]) -> Path:
    """The absolute path without links; it need not exist.

    As `Path.resolve`, but a link to itself, which that raises RuntimeError for before
    Python 3.13, stays as it is: opening it fails by name.
    """
    return Path(os.path.realpath(path))
