"""Restores the pictures of a batch, small ones of one size together."""

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

Row = dict[str, Any]  # a line of the manifest that is being filled in


class Decoded(NamedTuple):
    """A picture that waits for others of its size; its number in the batch."""

    number: int
    picture: images.Picture


def restore_all(
    lines: Sequence[dict[str, Any]],
    data: Sequence[bytes | None],
    rows: Sequence[Row],
    restorer: Restorer,
    done: Callable[[int, bytes], object],
    check: Callable[[str, images.Picture], None] | None = None,
) -> None:
    """Fills in the rows, and gives each restored file to `done` with its number.

    A row's seconds are those of decoding, encoding and its share of restoring. Any
    error of a picture is its row's alone: a million must not die of one.

    check: raises for a picture that must not be restored.
    """
    waiting: dict[tuple[Any, ...], list[Decoded]] = {}

    def restore(group: list[Decoded]) -> None:
        begun = time.perf_counter()
        try:
            pixels = restorer.restore_together([x.picture.pixels for x in group])
        except Exception as error:
            if len(group) > 1:  # one of them may be to blame
                for each in group:
                    restore([each])
                return
            number = group[0].number
            _timed(rows[number], begun)
            fail(rows[number], _told(lines[number]["name"], error))
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
            fail(row, _told(lines[number]["name"], error))
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
            fail(row, _told(line["name"], error))
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


def _told(name: str, error: Exception) -> str:
    text = str(error)
    if isinstance(error, MemoryError):
        text = "not enough memory; give actors fewer, or the machine more"
    elif not isinstance(error, PictureError):
        text = f"{type(error).__name__}: {text}"
    return text if name in text else f"{name}: {text}"
