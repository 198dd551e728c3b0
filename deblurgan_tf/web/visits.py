"""The visits to the page: each has a folder, which is removed when the visit ends."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from deblurgan_tf.errors import UsageError

IDLE = 3600.0
"""Seconds without any request after which a visit has ended. The browser reports when a
page is closed; this is for browsers that did not."""
STRAY = 600.0
"""Seconds after which an upload that belongs to no visit is removed."""


class VisitOver(UsageError):
    """The visit's files are gone: the page was closed, or left alone for long."""

    def __init__(self) -> None:
        super().__init__(
            "The picture is no longer on the server: the connection was interrupted, "
            "or the page was left alone for long. Drop the picture again."
        )


@dataclass(eq=False)
class Visit:
    """One visitor's page. All its files lie in `folder`."""

    folder: Path
    picture: Path | None = None
    model: str | None = None
    """The model of the picture itself: a sample knows it; None for other pictures."""
    corner: tuple[int, int] | None = None
    """Where the visitor tapped first, x and y in pixels of the picture."""
    used: float = field(default_factory=time.monotonic)
    over: bool = False

    def save(self, slot: str, files: dict[str, bytes]) -> list[Path]:
        """Writes files (name -> contents), which replace the earlier ones of the slot.

        Their paths are new each time: a browser takes a known address from its cache.
        Raises VisitOver where the visit has ended meanwhile.
        """
        place = self.folder / f"{slot}-{secrets.token_hex(4)}"
        with self.own_files():
            self.clear(slot)
            place.mkdir()
            for name, data in files.items():
                (place / name).write_bytes(data)
        return [place / name for name in files]

    @contextmanager
    def own_files(self) -> Iterator[None]:
        """Inside, a file of the visit that is missing raises VisitOver.

        The visit has ended meanwhile, and its folder is removed. Any other missing file
        is a fault, and its FileNotFoundError passes.
        """
        try:
            yield
        except FileNotFoundError as error:
            if not _lies_in(error.filename, self.folder):
                raise
            raise VisitOver from None

    def clear(self, slot: str) -> None:
        """Removes the files of a slot."""
        for old in self.folder.glob(f"{slot}-*"):
            shutil.rmtree(old, ignore_errors=True)

    def check(self) -> None:
        """Raises VisitOver once the visit has ended, so that long work ends early."""
        if self.over:
            raise VisitOver


class Visits:
    """All visits, by the key that the browser sends; for use by several threads.

    root: the folder of uploads. `sweep` removes what belongs to no visit there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        # Whoever knows the path of a file gets it, so nobody may be able to guess it.
        self.folders = root / f"visits-{secrets.token_hex(8)}"
        self.folders.mkdir(parents=True)
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._visits)

    def open(self, key: str) -> Visit:
        """The visit of this key; a new one where there is none."""
        with self._lock:
            visit = self._visits.get(key)
            if visit is None:
                folder = self.folders / secrets.token_hex(16)
                folder.mkdir()
                visit = self._visits[key] = Visit(folder)
            visit.used = time.monotonic()
            return visit

    def close(self, key: str) -> None:
        """Ends a visit and removes its files; nothing happens where there is none."""
        with self._lock:
            visit = self._visits.pop(key, None)
        if visit is not None:
            visit.over = True
            shutil.rmtree(visit.folder, ignore_errors=True)

    def close_all(self) -> None:
        """Ends all visits."""
        for key in list(self._visits):
            self.close(key)

    def adopt(self, key: str, upload: Path) -> Path:
        """Moves an uploaded file into its visit, where it replaces the picture.

        Raises VisitOver where the file is gone, and UsageError for one that is no
        upload.
        """
        real, root = upload.resolve(), self.root.resolve()
        if not real.is_relative_to(root) or real.is_relative_to(self.folders.resolve()):
            raise UsageError(f"{upload.name}: was not uploaded; drop it onto the page")
        visit = self.open(key)
        (path,) = visit.save("picture", {upload.name: b""})
        try:
            upload.replace(path)
        except FileNotFoundError:  # both paths belong to the visit
            raise VisitOver from None
        if upload.parent != self.root:
            with suppress(OSError):  # not empty: the visitor has dropped several
                upload.parent.rmdir()
        visit.picture, visit.model, visit.corner = path, None, None
        return path

    def had(self, file: str | bytes | os.PathLike[str] | int | None) -> bool:
        """Whether a path is that of an upload or of a visit's file, now or earlier."""
        return _lies_in(file, self.root)

    def sweep(self, now: float | None = None) -> None:
        """Ends visits that are idle, and removes uploads that belong to no visit.

        now: seconds of time.monotonic.
        """
        now = time.monotonic() if now is None else now
        with self._lock:
            idle = [k for k, visit in self._visits.items() if now - visit.used > IDLE]
        for key in idle:
            self.close(key)
        wall = time.time() + now - time.monotonic()
        for stray in self.root.iterdir():
            try:
                if stray != self.folders and wall - stray.stat().st_mtime > STRAY:
                    shutil.rmtree(stray) if stray.is_dir() else stray.unlink()
            except FileNotFoundError:
                pass  # its visit has taken it


def _lies_in(file: str | bytes | os.PathLike[str] | int | None, folder: Path) -> bool:
    """Whether the file that an OSError names lies in a folder."""
    if file is None or isinstance(file, int):
        return False
    return Path(os.fsdecode(file)).resolve().is_relative_to(folder.resolve())
