"""Who is on the page: a folder for each visit, which is removed when the visit ends."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deblurgan_tf.errors import UsageError

IDLE = 3600.0
"""Seconds without any request after which a visit has ended. The browser says when a
page is closed; this is for those that did not."""
STRAY = 600.0
"""Seconds after which an upload that nobody asked anything of is removed."""


class VisitOver(UsageError):
    """The visit's files are gone: the page was closed, or left alone for long."""

    def __init__(self) -> None:
        super().__init__(
            "The picture is no longer on the server: the connection was interrupted, "
            "or the page was left alone for long. Drop the picture again."
        )


@dataclass(eq=False)
class Visit:
    """One visitor's page. Everything that is kept of it lies in `folder`."""

    folder: Path
    picture: Path | None = None
    corner: tuple[int, int] | None = None
    """Where the visitor tapped first, x and y in pixels of the picture."""
    used: float = field(default_factory=time.monotonic)
    over: bool = False

    def save(self, slot: str, files: dict[str, bytes]) -> list[Path]:
        """Writes files by their names, in the place of the slot's last ones.

        Their paths are new each time: a browser takes a known address from its cache.
        Raises VisitOver where the visit has ended meanwhile.
        """
        place = self.folder / f"{slot}-{secrets.token_hex(4)}"
        try:
            self.clear(slot)
            place.mkdir()
            for name, data in files.items():
                (place / name).write_bytes(data)
        except FileNotFoundError:
            raise VisitOver from None
        return [place / name for name in files]

    def clear(self, slot: str) -> None:
        """Removes what lies in a slot."""
        for old in self.folder.glob(f"{slot}-*"):
            shutil.rmtree(old, ignore_errors=True)

    def check(self) -> None:
        """Raises VisitOver once the visitor has left: long work ends early with it."""
        if self.over:
            raise VisitOver


class Visits:
    """All visits, by the key that the browser sends; for use by several threads.

    root: the folder that uploads go to. Whatever lies in it and belongs to no visit is
    removed by `sweep`.
    """

    def __init__(self, root: Path):
        self.root = root
        # Served files are found by their path alone, so it cannot be guessed.
        self.folders = root / f"visits-{secrets.token_hex(8)}"
        self.folders.mkdir(parents=True)
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._visits)

    def open(self, key: str) -> Visit:
        """The visit of this key, a new one where there is none."""
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
        for key in list(self._visits):
            self.close(key)

    def adopt(self, key: str, upload: Path) -> Path:
        """Moves an uploaded file, and makes it the visit's picture; the last one goes.

        Raises VisitOver where the file is not there any more, and UsageError for one
        that is no upload.
        """
        real, root = upload.resolve(), self.root.resolve()
        if not real.is_relative_to(root) or real.is_relative_to(self.folders.resolve()):
            raise UsageError(f"{upload.name}: was not uploaded; drop it onto the page")
        visit = self.open(key)
        try:
            (path,) = visit.save("picture", {upload.name: b""})
            upload.replace(path)
        except FileNotFoundError:
            raise VisitOver from None
        # Uploads of one content lie in one folder, whoever they are from.
        if upload.parent != self.root:
            with suppress(OSError):
                upload.parent.rmdir()
        visit.picture, visit.corner = path, None
        return path

    def sweep(self, now: float | None = None) -> None:
        """Ends visits that are idle, and removes uploads that nobody came for.

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
                pass  # its visitor came for it
