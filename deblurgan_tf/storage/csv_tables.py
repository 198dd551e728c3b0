"""Small CSV tables beside pictures; the first line names the columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from deblurgan_tf.errors import DataError
from deblurgan_tf.storage.atomic import write_bytes
from deblurgan_tf.storage.regular import open_regular


def read_rows(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table as (line number, {column: value}), in their order.

    The table may have more columns than `columns`. A value that a line does not have is
    an empty string.

    Raises:
        DataError: the file cannot be read, is not well-formed or lacks a column.
    """
    try:
        # A table that a spreadsheet saved may begin with a byte order mark.
        with (
            open_regular(path) as file,
            io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as stream,
        ):
            reader = csv.DictReader(stream, restval="", strict=True)
            missing = [x for x in columns if x not in (reader.fieldnames or ())]
            if missing:
                raise DataError(
                    f"{path}: has no column {', '.join(missing)}; its first line must "
                    f"name the columns {','.join(columns)}"
                )
            return [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def write_rows(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Writes a table atomically; None becomes an empty field.

    Bytes of a file's name that are not UTF-8 become question marks, so that the table
    stays readable.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode(errors="replace"))
