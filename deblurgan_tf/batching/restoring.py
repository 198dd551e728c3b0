"""Restores the pictures of a batch; small ones of one size are restored together."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError

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
    waiting: dict[tuple[Any, ...], list[Decoded]] = {}

    def restore(group: list[Decoded]) -> None:
        begun = time.perf_counter()
        try:
            pixels = restorer.restore_together([x.picture.pixels for x in group])
        except Exception as error:
            if len(group) > 1:  # perhaps because of one of them
                for each in group:
                    restore([each])
                return
            number = group[0].number
            _timed(rows[number], begun)
            fail(rows[number], _message(lines[number]["name"], error))
            return
        share = (time.perf_counter() - begun) / len(group)
        for (number, picture), restored in zip(group, pixels, strict=True):
            rows[number]["seconds"] += share
            encode(number, picture, restored)

    def encode(number: int, picture: images.Picture, pixels: np.ndarray) -> None:
        row, begun = rows[number], time.perf_counter()
        try:
            encoded = images.encode(picture.with_pixels(pixels))
        except Exception as error:
            fail(row, _message(lines[number]["name"], error))
            return
        finally:
            _timed(row, begun)
        row["status"] = "restored"
        row["output_sha256"] = hashlib.sha256(encoded).hexdigest()
        done(number, encoded)

    for number, (line, content, row) in enumerate(zip(lines, data, rows, strict=True)):
        begun = time.perf_counter()
        row["seconds"] = 0.0
        try:
            if content is None:
                reason = line["error"] or "has no bytes; leave it out"
                raise PictureError(reason)
            picture = images.decode(content, line["name"])
            row["height"], row["width"] = picture.pixels.shape[:2]
            if check is not None:
                check(line["name"], picture)
            room = restorer.together(row["height"], row["width"])
        except Exception as error:
            fail(row, _message(line["name"], error))
            continue
        finally:
            _timed(row, begun)
        kind = (picture.pixels.shape, picture.pixels.dtype)
        waiting.setdefault(kind, []).append(Decoded(number, picture))
        if len(waiting[kind]) == room:
            restore(waiting.pop(kind))
    for group in waiting.values():
        restore(group)


def fail(row: Row, error: str) -> None:
    """Notes that the row's picture could not be restored, and why."""
    row |= {"status": "failed", "error": error, "output": None, "output_sha256": None}


def _timed(row: Row, begun: float) -> None:
    row["seconds"] += time.perf_counter() - begun


def _message(name: str, error: Exception) -> str:
    text = str(error)
    if isinstance(error, MemoryError):
        text = "not enough memory; use fewer actors, or a machine with more memory"
    elif not isinstance(error, PictureError):
        text = f"{type(error).__name__}: {text}"
    return text if name in text else f"{name}: {text}"
