"""What a folder is: pairs, sharp pictures, or train/ and validation/ of either."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from deblurgan_tf import images
from deblurgan_tf.errors import DataError
from deblurgan_tf.preparation.tables import NAMES


@dataclass(frozen=True)
class DataSet:
    """Pictures by their path below `sharp/`, `blurred/` or the folder itself.

    prefix: "train/" or "validation/" where the folder has these, else empty. kernels:
    by the path without its ending. blurred and kernels are empty for sharp pictures.
    """

    root: Path
    prefix: str
    sharp: dict[str, Path]
    blurred: dict[str, Path] = field(default_factory=dict)
    kernels: dict[str, Path] = field(default_factory=dict)
    paired: bool = False

    @property
    def table(self) -> Path | None:
        """The file of texts, if there is one."""
        return next((self.root / n for n in NAMES if (self.root / n).is_file()), None)

    def label(self, path: Path) -> str:
        """How a file is named in a report: its path below the folder that was given."""
        return self.prefix + path.relative_to(self.root).as_posix()


def recognise(folder: Path) -> list[DataSet]:
    """One data set, or two: those of train/ and validation/.

    Raises DataError where there are no pictures, or one half of the folders.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    halves = [folder / "train", folder / "validation"]
    there = [half for half in halves if half.is_dir()]
    if len(there) == 1:
        raise DataError(
            f"{folder}: has {there[0].name}/ but not its fellow; a data set in parts "
            "has train/ and validation/. Give the one folder, or add the other"
        )
    if there:
        return [_one(half, f"{half.name}/") for half in halves]
    return [_one(folder, "")]


def _one(root: Path, prefix: str) -> DataSet:
    blurred, sharp = root / "blurred", root / "sharp"
    if blurred.is_dir() != sharp.is_dir():
        raise DataError(
            f"{root}: has {'blurred' if blurred.is_dir() else 'sharp'}/ alone; pairs "
            "are in blurred/ and sharp/, with equal names"
        )
    if not sharp.is_dir():
        found = DataSet(root, prefix, _pictures(root))
    else:
        kernels = root / "kernels"
        found = DataSet(
            root,
            prefix,
            _pictures(sharp),
            _pictures(blurred),
            {
                path.relative_to(kernels).with_suffix("").as_posix(): path
                for path in sorted(kernels.rglob("*.npy"))
            },
            paired=True,
        )
    if not found.sharp and not found.blurred:
        raise DataError(f"{root}: there are no pictures in this folder")
    return found


def _pictures(root: Path) -> dict[str, Path]:
    return {path.relative_to(root).as_posix(): path for path in images.find(root)}
