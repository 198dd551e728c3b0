"""The small CSV tables beside pictures: texts (file,text) and boxes (file,x,y,w,h)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from deblurgan_tf.errors import DataError
from deblurgan_tf.plates.boxes import Box
from deblurgan_tf.storage.csv_tables import read_rows, write_rows
from deblurgan_tf.storage.names import composed

NAMES = ("texts.csv", "plates.csv")
"""The tables of texts that a folder of pictures may have; the first one is used."""


class GivenPlate(NamedTuple):
    """A line of a table of boxes; `text` is None if it has none."""

    box: Box
    text: str | None


def texts_of(folder: Path) -> dict[str, str]:
    """{file relative to the folder: text}; empty without a table.

    The names are `storage.names.composed`.

    Raises:
        DataError: the table cannot be read or lacks the column `file`.
    """
    for name in NAMES:
        if (folder / name).is_file():
            rows = read_rows(folder / name, ("file",))
            return {
                composed(row["file"]): row["text"]
                for _, row in rows
                if row["file"] and row.get("text")
            }
    return {}


def boxes_of(path: Path) -> dict[str, list[GivenPlate]]:
    """{file: its boxes} from a table with the columns file,x,y,w,h and maybe text.

    The names are `storage.names.composed`.

    Raises:
        DataError: the table cannot be read, lacks a column or holds no box in a line.
    """
    found: dict[str, list[GivenPlate]] = {}
    for line, row in read_rows(path, ("file", "x", "y", "w", "h")):
        if not row["file"]:
            continue
        try:
            x, y, width, height = (int(row[key]) for key in ("x", "y", "w", "h"))
        except ValueError:
            raise DataError(
                f"{path}: line {line}: x, y, w and h must be whole pixels"
            ) from None
        if min(x, y) < 0 or min(width, height) < 1:
            raise DataError(
                f"{path}: line {line}: x and y count from 0, w and h are at least 1"
            )
        plate = GivenPlate(Box(x, y, width, height), row.get("text") or None)
        found.setdefault(composed(row["file"]), []).append(plate)
    return found


def write_texts(path: Path, texts: Mapping[str, str]) -> None:
    """Writes a table of texts, sorted by file."""
    write_rows(path, ("file", "text"), sorted(texts.items()))
