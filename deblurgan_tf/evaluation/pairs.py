"""A folder of pairs to measure on: pictures, kernels, texts and boxes.

PAIRS/blurred/NAME.png  PAIRS/sharp/NAME.png  the same names, in folders too
PAIRS/kernels/NAME.npy                        true kernels, where they are known
PAIRS/texts.csv                               file,text: what stands on a plate
PAIRS/boxes.csv                               file,x,y,width,height: where plates are
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import DataError, UsageError
from deblurgan_tf.plates.boxes import Box, parse_box
from deblurgan_tf.plates.detection import plate_text


@dataclass(frozen=True)
class Pair:
    """The files of one picture and what is known of it; None where it is not known."""

    name: str
    """The path below blurred/, with slashes."""
    blurred: Path
    sharp: Path | None
    kernel: Path | None
    text: str | None
    boxes: tuple[Box, ...] | None

    @property
    def stem(self) -> str:
        """The name without its ending: that of the files made from the picture."""
        return stem(self.name)


def stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def read_pairs(root: Path) -> tuple[list[Pair], list[str]]:
    """The pairs below a folder, sorted by name, and notices of what is not used.

    A blurred picture without a sharp one of its name is a pair that cannot be
    measured; a sharp one without a blurred one is left out. Raises DataError for a
    folder without blurred/ and sharp/ or without pictures, for two pictures that differ
    in their ending alone, and for tables that cannot be read.
    """
    folders = root / "blurred", root / "sharp"
    if not all(folder.is_dir() for folder in folders):
        raise DataError(
            f"{root}: needs the folders blurred/ and sharp/ with pictures of equal "
            "names; python -m deblurgan_tf.prepare blur makes them from sharp pictures"
        )
    blurred, sharp = (_pictures(folder) for folder in folders)
    if not blurred:
        raise DataError(f"{folders[0]}: there are no pictures in this folder")
    texts, boxes = _texts(root / "texts.csv"), _boxes(root / "boxes.csv")
    pairs = []
    for name, file in blurred.items():
        kernel = root / "kernels" / f"{stem(name)}.npy"
        pairs.append(
            Pair(
                name=name,
                blurred=file,
                sharp=sharp.get(name),
                kernel=kernel if kernel.is_file() else None,
                text=texts.get(name),
                boxes=boxes.get(name),
            )
        )
    notices = []
    tables: dict[str, Iterable[str]] = {"texts.csv": texts, "boxes.csv": boxes}
    for where, names in {"sharp": sharp, **tables}.items():
        left_out = sorted(set(names) - blurred.keys())
        if left_out:
            notices.append(
                f"{root / where}: {len(left_out)} of its pictures have no blurred one "
                f"and are left out (the first is {left_out[0]})"
            )
    return pairs, notices


def even(length: int, count: int) -> list[int]:
    """`count` positions of 0 to length - 1, evenly spread; all where there are fewer.

    Names often begin with what they show, and the first ones are then all alike.
    """
    return [round(x) for x in np.linspace(0, length - 1, min(count, length))]


def read_kernel(file: Path) -> np.ndarray:
    """A kernel: float64 (h, w). Raises ValueError, naming the file, for anything else.

    Its sides, signs and sum are judged by the methods that use it.
    """
    try:
        kernel = np.load(file, allow_pickle=False)
        if not isinstance(kernel, np.ndarray) or kernel.ndim != 2:
            raise ValueError("it holds no array (h, w)")
        kernel = kernel.astype(np.float64)
        if not np.isfinite(kernel).all() or not kernel.any():
            raise ValueError("its values are not finite, or all 0")
        return kernel
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{file}: not a kernel ({error}); save it with numpy.save"
        ) from error


def support(kernel: np.ndarray) -> int:
    """The odd side of the smallest square round the middle that holds the kernel."""
    middle = np.array(kernel.shape) // 2
    return 2 * int(np.abs(np.argwhere(kernel) - middle).max(initial=0)) + 1


def _pictures(folder: Path) -> dict[str, Path]:
    files = {file.relative_to(folder).as_posix(): file for file in images.find(folder)}
    known: dict[str, str] = {}
    for name in files:
        other = known.setdefault(stem(name), name)
        if other != name:
            raise DataError(
                f"{folder}: {other} and {name} differ in their ending alone, and their "
                "results would have one name; rename or remove one"
            )
    return files


def _texts(file: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for line, row in _rows(file, ("file", "text")):
        if row["file"] in texts:
            raise DataError(f"{file}, line {line}: {row['file']} is there already")
        text = plate_text(row["text"])
        if not text:
            raise DataError(
                f"{file}, line {line}: the text {row['text']!r} has no A-Z or 0-9; "
                "write what stands on the plate, or remove the line"
            )
        texts[row["file"]] = text
    return texts


def _boxes(file: Path) -> dict[str, tuple[Box, ...]]:
    """A line without numbers says that a picture was looked at and has no plate."""
    boxes: dict[str, tuple[Box, ...]] = {}
    for line, row in _rows(file, ("file", "x", "y", "width", "height")):
        numbers = [row[key].strip() for key in ("x", "y", "width", "height")]
        known = boxes.setdefault(row["file"], ())
        if any(numbers):
            try:
                box = parse_box(",".join(numbers))
            except UsageError as error:
                raise DataError(f"{file}, line {line}: {error}") from error
            boxes[row["file"]] = (*known, box)
    return boxes


def _rows(file: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a table with these columns; nothing without the file."""
    if not file.exists():
        return
    try:
        # A table saved by a spreadsheet may begin with a byte order mark.
        with open(file, encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, restval="", strict=True)
            missing = [x for x in columns if x not in (reader.fieldnames or ())]
            if missing:
                raise DataError(
                    f"{file}: has no column {', '.join(missing)}; its first line must "
                    f"name the columns {','.join(columns)}"
                )
            for row in reader:
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read ({error})") from error
