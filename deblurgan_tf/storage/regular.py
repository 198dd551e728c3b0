"""Files that can be read to their end: no pipes, sockets and devices."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader

NO_FILE = "is no regular file but a pipe, socket or device; save its content as a file"
NO_TARGET = (
    "is no regular file but a pipe, socket or device, which is not replaced; name "
    "another file"
)
# A pipe that nobody writes to would wait in `open` for ever, and a thread that waits
# there is deaf to signals. Windows has no such pipes in folders.
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)


class NoRegularFile(OSError):
    """There is a pipe, a socket or a device; `strerror` is `why`."""

    def __init__(self, path: str | os.PathLike[str], why: str = NO_FILE) -> None:
        super().__init__(errno.EINVAL, why, os.fspath(path))


def open_regular(path: str | os.PathLike[str], buffering: int = -1) -> BufferedReader:
    """`open(path, "rb")` for regular files alone; it never waits for a writer.

    buffering: bytes that are read at a time, 2 at least.

    Raises OSError as `open`, and NoRegularFile.
    """
    file = open(path, "rb", buffering, opener=_opener)  # noqa: SIM115
    assert isinstance(file, BufferedReader)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise NoRegularFile(path)
    return file


def is_special(path: str | os.PathLike[str]) -> bool:
    """Whether there is a pipe, a socket or a device at `path`."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _opener(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | _AT_ONCE)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise NoRegularFile(path) from error
        raise
