"""What a folder holds: pairs, sharp pictures, or train/ and validation/ of either."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from deblurgan_tf import images
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import DataError
from deblurgan_tf.preparation.tables import NAMES
from deblurgan_tf.storage.names import by_name


@dataclass(frozen=True)
class DataSet:
    """Pictures by their path below `sharp/`, `blurred/` or the folder itself.

    The paths are `storage.names.composed`. prefix: "train/" or "validation/" if the
    folder has these parts, else empty.
    kernels: by their path below `kernels/` without the suffix. A set of sharp pictures
    only has neither blurred pictures nor kernels.
    """

    root: Path
    prefix: str
    sharp: dict[str, Path]
    blurred: dict[str, Path] = field(default_factory=dict)
    kernels: dict[str, Path] = field(default_factory=dict)
    paired: bool = False

    @property
    def table(self) -> Path | None:
        """The table of texts, if there is one."""
        return next((self.root / n for n in NAMES if (self.root / n).is_file()), None)

    def label(self, path: Path) -> str:
        """The name of a file in a report: its path below the folder that was given."""
        return self.prefix + path.relative_to(self.root).as_posix()


def recognise(folder: Path) -> list[DataSet]:
    """One data set, or two: those of train/ and validation/.

    Raises:
        DataError: there are no pictures, or only one of two folders that belong
            together.
        PictureError: a folder cannot be listed.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    parts = [folder / "train", folder / "validation"]
    there = [part for part in parts if part.is_dir()]
    if len(there) == 1:
        [missing] = {part.name for part in parts} - {there[0].name}
        raise DataError(
            f"{folder}: has {there[0].name}/ but not {missing}/; a data set in parts "
            f"has both. Give {there[0]}, or add {missing}/"
        )
    if there:
        return [_one(part, f"{part.name}/") for part in parts]
    return [_one(folder, "")]


def _one(root: Path, prefix: str) -> DataSet:
    blurred, sharp = root / "blurred", root / "sharp"
    if blurred.is_dir() != sharp.is_dir():
        raise DataError(
            f"{root}: has only {'blurred' if blurred.is_dir() else 'sharp'}/; pairs "
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
            by_name(
                (
                    (path.relative_to(kernels).with_suffix("").as_posix(), path)
                    for path in sorted(kernels.rglob("*.npy"))
                ),
                kernels,
            ),
            paired=True,
        )
    if not found.sharp and not found.blurred:
        raise DataError(f"{root}: there are no pictures in this folder")
    return found


def _pictures(root: Path) -> dict[str, Path]:
    """The pictures below a folder; one line names other files that may be some."""
    found = images.listed(root)
    notice = images.left_out(found.passed_over)
    if notice is not None:
        say(notice, "yellow")
    return by_name(((x.relative_to(root).as_posix(), x) for x in found.files), root)
