"""Restores the pictures of a batch; small ones of one size are restored together."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError, UserError

if TYPE_CHECKING:
    from deblurgan_tf.inference.restorer import Restorer

Row = dict[str, Any]  # a row of the manifest that is filled in step by step


class Decoded(NamedTuple):
    """A picture that waits for others of its size."""

    number: int  # in the batch
    picture: images.Picture


def restore_all(
    lines: Sequence[dict[str, Any]],
    data: Sequence[bytes | None],
    rows: Sequence[Row],
    restorer: Restorer,
    done: Callable[[int, bytes], object],
    check: Callable[[str, images.Picture], None] | None = None,
) -> None:
    """Fills in the rows, and calls `done` with the number and bytes of each result.

    A row's seconds are those of decoding, encoding and its share of restoring. Any
    error of a picture fails its row alone: a million must not stop because of one.

    lines: name and error of each picture. data: its file's bytes, or None with an
    error. check: is called with the name and the decoded picture, and raises for one
    that must not be restored.
    """
    names = [line["name"] for line in lines]
    batch = _Batch(names, rows, restorer, done, check)
    for number, content in enumerate(data):
        batch.add(number, content, lines[number]["error"])
    batch.finish()


@dataclass
class _Batch:
    """The pictures of a batch; those that wait for others of their size."""

    names: list[str]
    rows: Sequence[Row]
    restorer: Restorer
    done: Callable[[int, bytes], object]
    check: Callable[[str, images.Picture], None] | None
    waiting: dict[tuple[Any, ...], list[Decoded]] = field(default_factory=dict)

    def add(self, number: int, content: bytes | None, missing: str | None) -> None:
        """Decodes a picture; restores it as soon as enough of its size wait.

        missing: why there is no content.
        """
        row, name = self.rows[number], self.names[number]
        row["seconds"] = 0.0
        with _timed(row):
            try:
                if content is None:
                    raise PictureError(missing or "has no bytes; leave it out")
                picture = images.decode(content, name)
                row["height"], row["width"] = picture.pixels.shape[:2]
                row["format"] = picture.format
                row["notices"] = "\n".join(picture.notices) or None
                if self.check is not None:
                    self.check(name, picture)
                room = self.restorer.together(row["height"], row["width"])
            except Exception as error:
                fail(row, _message(name, error))
                return
        kind = (picture.pixels.shape, picture.pixels.dtype)
        self.waiting.setdefault(kind, []).append(Decoded(number, picture))
        if len(self.waiting[kind]) == room:
            self._restore(self.waiting.pop(kind))

    def finish(self) -> None:
        """Restores the pictures that still wait."""
        for group in self.waiting.values():
            self._restore(group)

    def _restore(self, group: list[Decoded]) -> None:
        begun = time.perf_counter()
        try:
            pixels = self.restorer.restore_together([x.picture.pixels for x in group])
        except Exception as error:
            if len(group) > 1:  # perhaps because of one of them
                for each in group:
                    self._restore([each])
                return
            number = group[0].number
            self.rows[number]["seconds"] += time.perf_counter() - begun
            fail(self.rows[number], _message(self.names[number], error))
            return
        share = (time.perf_counter() - begun) / len(group)
        for (number, picture), restored in zip(group, pixels, strict=True):
            self.rows[number]["seconds"] += share
            self._encode(number, picture, restored)

    def _encode(self, number: int, picture: images.Picture, pixels: np.ndarray) -> None:
        row = self.rows[number]
        with _timed(row):
            try:
                encoded = images.encode(picture.with_pixels(pixels))
            except Exception as error:
                fail(row, _message(self.names[number], error))
                return
        row["status"] = "restored"
        row["output_sha256"] = hashlib.sha256(encoded).hexdigest()
        self.done(number, encoded)


@contextmanager
def _timed(row: Row) -> Iterator[None]:
    """Adds the time of the block to the row's seconds."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        row["seconds"] += time.perf_counter() - begun


def fail(row: Row, error: str) -> None:
    """Notes that the row's picture could not be restored, and why."""
    row |= {"status": "failed", "error": error, "output": None, "output_sha256": None}


def _message(name: str, error: Exception) -> str:
    text = str(error)
    if isinstance(error, MemoryError):
        text = "not enough memory; use fewer actors, or a machine with more memory"
    elif not isinstance(error, UserError):
        text = f"{type(error).__name__}: {text}"
    return text if name in text else f"{name}: {text}"
