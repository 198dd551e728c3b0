"""Writes files and folders whole or not at all, even when the power fails."""

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
LONGEST_ENDING = 16  # bytes of an ending that a format may be chosen by
LEFTOVERS = f"{PREFIX}*"  # a pattern for `Path.glob`: what killed processes left


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary name beside `path`, then renames what it wrote.

    `write` makes a file or a folder with the name that it is given. The name ends as
    `path` does, because Keras and Matplotlib choose the format by it. When `write`
    raises, its half-written file is removed and an earlier `path` stays as it was. A
    new file takes the mode of the file that it replaces.
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
    """Writes a file of these bytes, see `write_atomically`."""
    write_atomically(path, lambda file: file.write_bytes(data))


def copy_file(source: Path, path: Path) -> None:
    """Copies the bytes of a file, see `write_atomically`."""
    write_atomically(path, lambda file: shutil.copyfile(source, file))


def write_text(path: Path, text: str) -> None:
    """Writes a file of this text in UTF-8, see `write_atomically`.

    File names in the text may hold bytes that are not UTF-8; they are written as they
    are on the disk.
    """
    write_bytes(path, text.encode(errors="surrogateescape"))


def temporary_name(path: Path) -> Path:
    """A new hidden name in the folder of `path`, with the number of this process.

    It is legal wherever that of `path` is: an ending that is no format's is left out.
    """
    ending = path.suffix if len(os.fsencode(path.suffix)) <= LONGEST_ENDING else ""
    return path.with_name(f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}{ending}")


def move_into_place(temporary: Path, path: Path) -> None:
    """Renames a file or a folder so that `path` is whole even when the power fails.

    The contents of `temporary` reach the disk before the rename, and the new name
    reaches it before this returns. A folder replaces only an empty folder.
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
        return  # Windows cannot open folders
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems have no fsync.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
