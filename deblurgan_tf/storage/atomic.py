"""Writes files and folders whole or not at all, even when the power fails.

What a function here has written, and every name that leads to it, is on the disk when
the function returns. So what lists results is written after them, and never lists one
that a power cut took.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path

from deblurgan_tf.storage.leftovers import temporary_name as temporary_name
from deblurgan_tf.storage.regular import NO_TARGET, NoRegularFile, is_special

_MAKING = threading.Lock()  # held until a new folder's name is on the disk


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary name beside `path`, then renames what it wrote.

    `write` makes a file or a folder with the name that it is given. The name ends as
    `path` does, because Keras and Matplotlib choose the format by it. When `write`
    raises, its half-written file is removed and an earlier `path` stays as it was. A
    new file takes the mode of the file that it replaces.

    Raises OSError where the disk refuses, and NoRegularFile where `path` is a pipe or
    device: programs that read there would wait for ever.
    """
    if is_special(path):
        raise NoRegularFile(path, NO_TARGET)
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


def append(path: Path, data: bytes) -> None:
    """Adds bytes to the end of a file, which is made where there is none.

    It is one write: what two processes add does not mix.
    """
    new = not path.exists()
    with open(path, "ab", buffering=0) as file:
        written = file.write(data)
        if written != len(data):  # a disk that is almost full takes a part
            file.write(data[written:])  # and refuses the rest with its own error
        _flush(file.fileno())
    if new:
        _sync(path.parent)


def make_folder(path: Path) -> None:
    """Makes a folder and those above it; no error where it is there already."""
    with _MAKING:
        new = []
        for folder in (path, *path.parents):
            if folder.exists():
                break
            new.append(folder)
        path.mkdir(parents=True, exist_ok=True)
        for folder in new:
            _sync(folder.parent)


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
        _flush(handle)
    finally:
        os.close(handle)


def _flush(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems have no fsync.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
