"""Files and folders that are there whole or not at all, also after a power cut."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

PREFIX = ".deblurgan-"
LEFTOVERS = f"{PREFIX}*"  # a pattern for `Path.glob`: what killed processes left


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary name beside `path`, then renames what it wrote.

    `write` makes a file or a folder of the name it gets, which ends as `path` does
    (Keras and Matplotlib go by the ending). Where it raises, nothing is left and an
    earlier `path` stays as it was. A file that is replaced keeps its mode.
    """
    temporary = temporary_name(path)
    try:
        write(temporary)
        move_into_place(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file's bytes, see `write_atomically`."""
    write_atomically(path, lambda file: file.write_bytes(data))


def write_text(path: Path, text: str) -> None:
    """Writes a text as UTF-8; file names in it may hold bytes that are not."""
    write_bytes(path, text.encode(errors="surrogateescape"))


def temporary_name(path: Path) -> Path:
    """A new name in the folder of `path`; it tells which process it belongs to."""
    return path.with_name(f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")


def move_into_place(temporary: Path, path: Path) -> None:
    """Renames a file or a folder so that `path` survives a power cut.

    What `temporary` holds is written to the disk before the rename, and the folder that
    holds the name after it. A folder replaces an empty one only.
    """
    if temporary.is_dir():
        for parent, _, files in os.walk(temporary):
            for name in files:
                _sync(Path(parent, name))
            _sync(Path(parent))
    else:
        with contextlib.suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
        _sync(temporary)
    os.replace(temporary, path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    if os.name != "posix" and path.is_dir():
        return  # other systems cannot open folders
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems have no fsync.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
