"""One command at a time works on an OUTPUT: a second one is refused.

On a disk the operating system holds the lock and releases it however the command ends.
An object store has no such locks: there the lock is an object that its owner refreshes
every REFRESH seconds. Whether an owner still works is seen by watching the object, not
by comparing clocks of different machines: an object that does not change for STALE
seconds was left by a command that was killed, and is taken over.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from deblurgan_tf.batching.stores import Place
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import DataError, RunError, WorkFailed
from deblurgan_tf.storage.atomic import make_folder

FILE = ".lock"
REFRESH = 20.0  # seconds
STALE = 120.0
"""Seconds without a change after which a lock object belongs to no one."""
LOOK_EVERY = 2.0
"""Seconds between two looks at a lock object that is watched; also the time between
writing an own one and reading it again, so that one of two commands that start together
sees the other's."""
_NO_FLOCK = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)

Check = Callable[[], None]
"""Raises WorkFailed where the lock was lost; call it between two pieces of work."""


@contextmanager
def locked(output: Place) -> Iterator[Check]:
    """Keeps other commands away from OUTPUT inside the block.

    Folders that are made for the lock are removed if nothing else was written there.
    Raises RunError where another command works on OUTPUT, and DataError where OUTPUT
    cannot be written to.
    """
    try:
        lock = _acquire(output)
    except OSError as error:
        raise DataError(
            f"{output.name}: cannot be written to ({error}); check the name and its "
            "rights"
        ) from error
    try:
        yield lock.check
    finally:
        lock.release()


def _acquire(output: Place) -> _FileLock | _ObjectLock:
    if output.kind == "local":
        try:
            return _FileLock(output)
        except OSError as error:
            if error.errno not in _NO_FLOCK:
                raise
    return _ObjectLock(output)


class _FileLock:
    """A file of OUTPUT that is locked by the operating system."""

    def __init__(self, output: Place) -> None:
        self.path = Path(output.at(FILE))
        self.made = [folder for folder in self.path.parents if not folder.exists()]
        self.file = self._open(output)
        self.file.truncate(0)
        self.file.write(json.dumps(_owner()).encode())
        self.file.flush()

    def _open(self, output: Place) -> IO[bytes]:
        """The locked file. Raises RunError where another process has locked it."""
        for _ in range(100):
            try:
                make_folder(self.path.parent)
                file = open(self.path, "a+b")  # noqa: SIM115 (until release)
            except FileNotFoundError:  # an owner that ended has removed its folder
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with file:
                    file.seek(0)
                    raise _refusal(output, file.read()) from None
            except OSError:
                file.close()
                raise
            if _lies_at(file, self.path):
                return file
            file.close()  # an owner that ended has removed this very file
        raise DataError(f"{self.path}: is removed again and again; find out by what")

    def check(self) -> None:
        """Nothing to check: it stays locked until it is released."""

    def release(self) -> None:
        self.path.unlink(missing_ok=True)
        self.file.close()
        for folder in self.made:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


class _ObjectLock:
    """An object of OUTPUT that a thread refreshes until it is released."""

    def __init__(self, output: Place) -> None:
        self.output = output
        self.owner = _owner() | {"key": secrets.token_hex(8), "refreshed": 0}
        self.lost = False
        self.ending = threading.Event()
        there = output.read_if_there(FILE)
        if there:  # an empty one is left where the disk turned out to have no flock
            _wait_until_stale(output, there)
        self._write()
        try:
            time.sleep(LOOK_EVERY)
            if not self._is_ours():
                raise _refusal(output, output.read_if_there(FILE))
        except BaseException:  # Ctrl-C too
            self._remove()
            raise
        self.thread = threading.Thread(target=self._refresh, daemon=True)
        self.thread.start()

    def check(self) -> None:
        """Raises WorkFailed where another command has the lock, or nobody has it."""
        if self.lost:
            raise WorkFailed(
                f"{self.output.name}: its lock was removed or taken over, so another "
                "command may work there; see that none does, and give the same command "
                "again"
            )

    def release(self) -> None:
        self.ending.set()
        self.thread.join()
        self._remove()

    def _remove(self) -> None:
        try:
            if self._is_ours():
                self.output.delete(FILE)
        except DataError as error:
            say(f"the lock {_file_of(self.output)} could not be removed: {error}")

    def _refresh(self) -> None:
        while not self.ending.wait(REFRESH):
            try:
                if not self._is_ours():
                    self.lost = True
                    return
                self._write()
            except (OSError, DataError):
                continue  # a network that is down for a moment; it is tried again

    def _is_ours(self) -> bool:
        there = self.output.read_if_there(FILE)
        return there is not None and _parsed(there).get("key") == self.owner["key"]

    def _write(self) -> None:
        self.owner["refreshed"] += 1
        self.output.overwrite(FILE, json.dumps(self.owner).encode())


def _lies_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _wait_until_stale(output: Place, there: bytes) -> None:
    """Returns when a lock object was removed, or did not change for STALE seconds.

    Raises RunError as soon as it changes: its owner is at work.
    """
    say(
        f"{output.name} is locked by {_described(there)}; waiting at most {STALE:.0f} "
        "seconds to see whether that command still runs"
    )
    end = time.monotonic() + STALE
    while time.monotonic() < end:
        time.sleep(LOOK_EVERY)
        now = output.read_if_there(FILE)
        if now is None:
            return
        if now != there:
            raise _refusal(output, now)


def _owner() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _parsed(data: bytes) -> dict[str, Any]:
    """The owner that a lock names; empty where it names none."""
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _described(data: bytes | None) -> str:
    owner = _parsed(data or b"")
    if not {"host", "process", "begun"} <= owner.keys():
        return "a command that is not known"
    return "process {process} on {host}, begun {begun}".format_map(owner)


def _refusal(output: Place, data: bytes | None) -> RunError:
    return RunError(
        f"{output.name}: another command works on this OUTPUT ({_described(data)}); "
        "wait for its end, or name another OUTPUT. Where you are sure that it does not "
        f"run any more, remove {_file_of(output)}"
    )


def _file_of(output: Place) -> str:
    return output.spell(output.at(FILE))
