"""Temporary names that tell whose they are, and what killed processes left of them.

A name is `.deblurgan-PID-RANDOM` and the ending of what it becomes. The first half of
RANDOM stands for the machine (or container), because a number of a process says nothing
about the processes of another one that writes to the same folder.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import secrets
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = ".deblurgan-"
LONGEST_ENDING = 16  # bytes of an ending that a format may be chosen by
A_DAY = 86_400
"""Seconds after which a file of another machine, where nobody can ask for its process,
counts as left."""

_NAME = re.compile(
    r"\.?deblurgan-(?:demo-)?([1-9][0-9]*)-([0-9a-f]{8})[0-9a-f]{8}(\..*)?", re.DOTALL
)
_BEGUN = time.time()


def temporary_name(path: Path) -> Path:
    """A new hidden name in the folder of `path`, with the number of this process.

    It is legal wherever that of `path` is: an ending that is no format's is left out.
    The first name in a folder removes the folder's leftovers, see `remove_leftovers`:
    what a killed command left goes when it comes again.
    """
    _remove_once(os.path.abspath(path.parent), os.getpid())
    ending = path.suffix if len(os.fsencode(path.suffix)) <= LONGEST_ENDING else ""
    return path.with_name(f"{PREFIX}{_own_mark()}{ending}")


@contextlib.contextmanager
def temporary_folder(place: Path | None = None, hidden: bool = True) -> Iterator[Path]:
    """A new folder in `place`, which only this user may enter; removed at the end.

    place: the system's folder for temporary files by default. hidden: its name begins
    with a dot. Raises OSError where it cannot be made.
    """
    root = Path(tempfile.gettempdir()) if place is None else place
    folder = temporary_name(root / "any")
    if not hidden:
        folder = root / f"deblurgan-demo-{_own_mark()}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_temporary(name: str) -> bool:
    """Whether a name is one that this module gives."""
    return _NAME.fullmatch(name) is not None


def remove_leftovers(folder: Path, *, locked: bool = False) -> None:
    """Removes what processes that are gone left in a folder; never anything else.

    That are files and folders with the names that `temporary_name` gives, of this user,
    whose process is gone. Those of another machine must be older than a day. locked:
    nobody else may write to the folder now, so all files of such names are left ones.
    Nothing is said where the folder is not there or refuses.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for path in (folder / name for name in names if is_temporary(name)):
        with contextlib.suppress(OSError):
            if locked or _is_left(path):
                _remove(path)


@functools.lru_cache(maxsize=4096)
def _remove_once(folder: str, process: int) -> None:
    """Removes once in each process: a forked one inherits what its parent knows."""
    remove_leftovers(Path(folder))


def _own_mark() -> str:
    return f"{os.getpid()}-{_machine()}{secrets.token_hex(4)}"


@functools.cache
def _machine() -> str:
    """Eight hexadecimal digits for this machine, or this container on it."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):  # only Linux has it
        parts.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def _is_left(path: Path) -> bool:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    process, machine = int(match[1]), match[2]
    there = path.lstat()
    if hasattr(os, "geteuid") and there.st_uid != os.geteuid():
        return False
    if not (stat.S_ISREG(there.st_mode) or stat.S_ISDIR(there.st_mode)):
        return False
    # Windows ends a process that is asked by os.kill whether it lives.
    if machine != _machine() or os.name != "posix":
        return time.time() - there.st_mtime > A_DAY
    if process == os.getpid():  # in a container, each process may be number 1
        return there.st_mtime < _BEGUN
    return not _lives(process)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
