"""A folder of pairs to measure on: pictures, kernels, texts and boxes.

PAIRS/blurred/NAME.png  PAIRS/sharp/NAME.png  equal names; subfolders are allowed
PAIRS/kernels/NAME.npy                        true kernels, where they are known
PAIRS/texts.csv                               file,text: the text of a plate
PAIRS/boxes.csv                               file,x,y,width,height: where plates are
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import DataError, UsageError
from deblurgan_tf.plates.boxes import Box, parse_box
from deblurgan_tf.plates.texts import plate_text
from deblurgan_tf.storage.csv_tables import read_rows
from deblurgan_tf.storage.names import by_name, composed


@dataclass(frozen=True)
class Pair:
    """The files of one picture and what is known about it; None: not known."""

    name: str
    """The path below blurred/, with slashes; `storage.names.composed`."""
    blurred: Path
    sharp: Path | None
    kernel: Path | None
    text: str | None
    boxes: tuple[Box, ...] | None

    @property
    def stem(self) -> str:
        """The name without its suffix; files made from the picture are named so."""
        return stem(self.name)


def stem(name: str) -> str:
    """`"street/a.png"` -> `"street/a"`."""
    return PurePosixPath(name).with_suffix("").as_posix()


def read_pairs(root: Path) -> tuple[list[Pair], list[str]]:
    """The pairs of a folder, sorted by name, and notices about what is not used.

    A blurred picture without a sharp one of its name is a pair that cannot be measured.
    A sharp picture without a blurred one is left out.

    Raises:
        DataError: blurred/, sharp/ or pictures are missing, two pictures differ in
            their suffix only, or a table cannot be read.
    """
    folders = root / "blurred", root / "sharp"
    if not all(folder.is_dir() for folder in folders):
        raise DataError(
            f"{root}: needs the folders blurred/ and sharp/ with pictures of equal "
            "names; python -m deblurgan_tf.prepare blur makes them from sharp pictures"
        )
    notices: list[str] = []
    blurred, sharp = (_pictures(folder, notices) for folder in folders)
    if not blurred:
        raise DataError(f"{folders[0]}: there are no pictures in this folder")
    texts, boxes = _texts(root / "texts.csv"), _boxes(root / "boxes.csv")
    kernels = _kernels(root / "kernels")
    pairs = []
    for name, file in blurred.items():
        pairs.append(
            Pair(
                name=name,
                blurred=file,
                sharp=sharp.get(name),
                kernel=kernels.get(stem(name)),
                text=texts.get(name),
                boxes=boxes.get(name),
            )
        )
    named: dict[str, Iterable[str]] = {
        "sharp": sharp,
        "texts.csv": texts,
        "boxes.csv": boxes,
    }
    for where, names in named.items():
        left_out = sorted(set(names) - blurred.keys())
        if left_out:
            notices.append(
                f"{root / where}: {len(left_out)} of its pictures have no blurred one "
                f"and are left out (the first is {left_out[0]})"
            )
    return pairs, notices


def evenly_spread(length: int, count: int) -> list[int]:
    """`count` positions of 0 to length - 1 at equal distances; all if there are fewer.

    Names often begin with what a picture shows: the first pictures are much alike.
    """
    return [round(x) for x in np.linspace(0, length - 1, min(count, length))]


def _pictures(folder: Path, notices: list[str]) -> dict[str, Path]:
    """The pictures of a folder by their paths below it; adds what is left out."""
    found = images.listed(folder)
    left_out = images.left_out(found.passed_over)
    if left_out is not None:
        notices.append(left_out)
    named = ((file.relative_to(folder).as_posix(), file) for file in found.files)
    files = by_name(named, folder)
    known: dict[str, str] = {}
    for name in files:
        other = known.setdefault(stem(name), name)
        if other != name:
            raise DataError(
                f"{folder}: {other} and {name} differ in their suffix only, and their "
                "results would have one name; rename or remove one"
            )
    return files


def _kernels(folder: Path) -> dict[str, Path]:
    """Kernels by the names of their pictures without suffix."""
    found = sorted(folder.rglob("*.npy"))
    return by_name(((stem(x.relative_to(folder).as_posix()), x) for x in found), folder)


def _texts(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    texts: dict[str, str] = {}
    for line, row in read_rows(file, ("file", "text")):
        name = composed(row["file"])
        if name in texts:
            raise DataError(f"{file}, line {line}: {row['file']} is there already")
        text = plate_text(row["text"])
        if not text:
            raise DataError(
                f"{file}, line {line}: the text {row['text']!r} has no letter or "
                "digit; write the text of the plate, or remove the line"
            )
        texts[name] = text
    return texts


def _boxes(file: Path) -> dict[str, tuple[Box, ...]]:
    """{picture: its boxes}; a line without numbers means that it has no plate."""
    if not file.exists():
        return {}
    boxes: dict[str, tuple[Box, ...]] = {}
    for line, row in read_rows(file, ("file", "x", "y", "width", "height")):
        numbers = [row[key].strip() for key in ("x", "y", "width", "height")]
        name = composed(row["file"])
        known = boxes.setdefault(name, ())
        if any(numbers):
            try:
                box = parse_box(",".join(numbers))
            except UsageError as error:
                raise DataError(f"{file}, line {line}: {error}") from error
            boxes[name] = (*known, box)
    return boxes
