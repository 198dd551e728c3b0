"""The small CSV files beside pictures: texts (file,text) and boxes (file,x,y,w,h)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from deblurgan_tf.errors import DataError
from deblurgan_tf.plates.boxes import Box
from deblurgan_tf.preparation.files import write_bytes

NAMES = ("texts.csv", "plates.csv")
"""Where texts are looked for in a folder of pictures; the first that is there."""


class GivenPlate(NamedTuple):
    """A line of a file of boxes; `text` is None where the column is missing."""

    box: Box
    text: str | None


def texts_of(folder: Path) -> dict[str, str]:
    """File name, relative to the folder -> text; empty without such a file."""
    for name in NAMES:
        if (folder / name).is_file():
            rows = _rows(folder / name, ("file",))
            return {row["file"]: row["text"] for _, row in rows if row.get("text")}
    return {}


def boxes_of(path: Path) -> dict[str, list[GivenPlate]]:
    """The boxes of each file, from a CSV file with the columns file,x,y,w,h[,text].

    Raises DataError for a file that cannot be read, a missing column or a box that is
    none.
    """
    found: dict[str, list[GivenPlate]] = {}
    for line, row in _rows(path, ("file", "x", "y", "w", "h")):
        try:
            x, y, width, height = (int(row[key]) for key in ("x", "y", "w", "h"))
        except (TypeError, ValueError):
            raise DataError(
                f"{path}: line {line}: x, y, w and h must be whole pixels"
            ) from None
        if min(x, y) < 0 or min(width, height) < 1:
            raise DataError(
                f"{path}: line {line}: x and y count from 0, w and h are at least 1"
            )
        plate = GivenPlate(Box(x, y, width, height), row.get("text") or None)
        found.setdefault(row["file"], []).append(plate)
    return found


def write_texts(path: Path, texts: Mapping[str, str]) -> None:
    """Writes file,text, sorted by file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("file", "text"))
    writer.writerows(sorted(texts.items()))
    write_bytes(path, out.getvalue().encode())


def _rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """(line, row) of a CSV file that has these columns."""
    try:
        # Spreadsheets begin their files with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    reader = csv.DictReader(io.StringIO(text))
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise DataError(
            f"{path}: lacks the columns {', '.join(missing)}; the first line names "
            f"them: {','.join(columns)}"
        )
    return [(reader.line_num, row) for row in reader if row["file"]]
