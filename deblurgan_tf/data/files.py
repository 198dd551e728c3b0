"""Sources that are folders: sharp pictures, and pairs of blurred and sharp ones."""

from __future__ import annotations

import fnmatch
import functools
import warnings
from pathlib import Path

from deblurgan_tf import images
from deblurgan_tf.config import Data, MixPart
from deblurgan_tf.data.soundness import Checked
from deblurgan_tf.data.source import (
    Crop,
    Item,
    Items,
    Pair,
    downsampled,
    scaled,
    split,
)
from deblurgan_tf.errors import DataError
from deblurgan_tf.storage.names import by_name


def folder(
    part: Data | MixPart, crop: Crop, validation: int, checked: Checked
) -> Items:
    """Sharp pictures in a folder and its subfolders; they are blurred on the device.

    crop: height and width that a picture must have, pixels; validation: how many are
    held out; checked: the pictures that are known to be sound. Others are decoded once;
    what cannot be used is left out, with a warning that names it. Raises DataError for
    a folder, or where no picture can be used.
    """
    root = _root(part)
    files = _chosen(root, root, part.include)
    if not files:
        which = f" that fit data.include {part.include!r}" if part.include else ""
        raise DataError(f"{root}: there are no pictures{which} in this folder")
    sizes = checked.sizes(files)
    items = [
        Item(
            name=file.relative_to(root).as_posix(),
            load=functools.partial(_load_sharp, file, part.scale),
            sharp_file=file.resolve(),
        )
        for file in _large_enough(list(sizes), sizes, crop, part.scale)
    ]
    return split(items, validation, str(root), paired=False)


def pairs(part: Data | MixPart, crop: Crop, validation: int, checked: Checked) -> Items:
    """Pairs of blurred and sharp pictures in a folder of the layout `part.layout`.

    crop, validation, checked: as for `folder`; of a pair, both must be sound. Raises
    DataError for a folder or for pictures that cannot be used, for example pairs whose
    pictures differ in size.
    """
    root = _root(part)
    if part.layout == "side_by_side":
        items = _side_by_side(root, crop, part.scale, checked)
    else:
        matched = _matched(root, part.layout)
        items = _two_files(root, matched, crop, part.scale, checked)
    return split(items, validation, str(root), paired=True)


def _chosen(folder: Path, root: Path, include: str | None = None) -> list[Path]:
    """The pictures of a folder; warns of other files that may be some.

    include: a pattern that the path below `root` must fit.
    """

    def fits(file: Path) -> bool:
        name = file.relative_to(root).as_posix()
        return include is None or fnmatch.fnmatch(name, include)

    found = images.listed(folder)
    notice = images.left_out([file for file in found.passed_over if fits(file)])
    if notice is not None:
        warnings.warn(f"{folder}: {notice}", stacklevel=4)
    return [file for file in found.files if fits(file)]


def _root(part: Data | MixPart) -> Path:
    if part.path is None:
        key = "data.path" if isinstance(part, Data) else "data.mix.N.path"
        raise DataError(
            f"source {part.source!r} needs a folder: give it with --set {key}=DIR"
        )
    root = Path(part.path)
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder")
    return root


def _large_enough(
    files: list[Path],
    sizes: dict[Path, tuple[int, int]],
    crop: Crop,
    scale: float,
) -> list[Path]:
    """The files that are at least as large as the crop; warns of the others, by name.

    sizes: (height, width) of each file. Raises DataError where no file is left.
    """

    def fits(file: Path) -> bool:
        height, width = scaled(sizes[file], scale)
        return height >= crop[0] and width >= crop[1]

    small = [file for file in files if not fits(file)]
    if len(small) == len(files):
        raise DataError(
            f"all {len(files)} pictures are smaller than the crop of {crop[0]}x"
            f"{crop[1]}; lower data.crop, for example to "
            f"{list(scaled(sizes[files[0]], scale))}"
        )
    if small:
        names = ", ".join(str(file) for file in small)
        warnings.warn(
            f"{len(small)} of {len(files)} pictures are smaller than the crop of "
            f"{crop[0]}x{crop[1]} and are left out: {names}",
            stacklevel=2,
        )
    return [file for file in files if fits(file)]


def _load_sharp(file: Path, scale: float) -> Pair:
    return None, downsampled(images.read_rgb(file), scale)


def _load_pair(blurred: Path, sharp: Path, scale: float) -> Pair:
    return (
        downsampled(images.read_rgb(blurred), scale),
        downsampled(images.read_rgb(sharp), scale),
    )


def _load_halves(file: Path, scale: float) -> Pair:
    picture = images.read_rgb(file)
    middle = picture.shape[1] // 2
    return downsampled(picture[:, :middle], scale), downsampled(
        picture[:, middle:], scale
    )


def _matched(root: Path, layout: str) -> dict[str, tuple[Path, Path]]:
    """Name -> (blurred, sharp), sorted by name.

    Raises DataError where folders are missing, and for all pictures without a
    mate, by name.
    """
    if layout == "folders":
        folders = {"": (root / "blurred", root / "sharp")}
        expected = "the folders blurred/ and sharp/"
    else:
        blurred_name = {"gopro": "blur", "gopro_gamma": "blur_gamma"}[layout]
        folders = {
            f"{sharp.parent.relative_to(root).as_posix()}/": (
                sharp.parent / blurred_name,
                sharp,
            )
            for sharp in sorted(root.rglob("sharp"))
            if sharp.is_dir()
        }
        expected = f"folders {blurred_name}/ and sharp/ in each sequence"
    if not folders or not all(x.is_dir() for both in folders.values() for x in both):
        raise DataError(
            f"{root}: needs {expected} (data.layout: {layout}; others: folders, gopro, "
            "gopro_gamma, side_by_side)"
        )
    found: dict[str, tuple[Path, Path]] = {}
    alone = []
    for prefix, (blurred_folder, sharp_folder) in folders.items():
        blurred, sharp = (_by_name(x) for x in (blurred_folder, sharp_folder))
        alone += [blurred[name] for name in blurred.keys() - sharp.keys()]
        alone += [sharp[name] for name in sharp.keys() - blurred.keys()]
        for name in blurred.keys() & sharp.keys():
            found[prefix + name] = (blurred[name], sharp[name])
    if alone:
        raise DataError(
            f"{root}: pictures without a mate of the same name; add it or remove "
            "them:\n" + "\n".join(str(file) for file in sorted(alone))
        )
    if not found:
        raise DataError(f"{root}: there are no pictures in this folder")
    return dict(sorted(found.items()))


def _by_name(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their paths below it."""
    files = _chosen(folder, folder)
    return by_name(((x.relative_to(folder).as_posix(), x) for x in files), folder)


def _two_files(
    root: Path,
    matched: dict[str, tuple[Path, Path]],
    crop: Crop,
    scale: float,
    checked: Checked,
) -> list[Item]:
    sizes = checked.sizes([x for both in matched.values() for x in both], pairs=True)
    matched = {
        name: both
        for name, both in matched.items()
        if all(file in sizes for file in both)
    }
    if not matched:
        raise DataError(f"{root}: no pair has two pictures that can be read")
    unequal = [both for both in matched.values() if sizes[both[0]] != sizes[both[1]]]
    if unequal:
        raise DataError(
            f"{root}: pairs whose two pictures differ in size:\n"
            + "\n".join(
                f"{blurred} {sizes[blurred]}, {sharp} {sizes[sharp]}"
                for blurred, sharp in unequal
            )
        )
    large = set(
        _large_enough([sharp for _, sharp in matched.values()], sizes, crop, scale)
    )
    return [
        Item(
            name=name,
            load=functools.partial(_load_pair, blurred, sharp, scale),
            sharp_file=sharp.resolve(),
        )
        for name, (blurred, sharp) in matched.items()
        if sharp in large
    ]


def _side_by_side(root: Path, crop: Crop, scale: float, checked: Checked) -> list[Item]:
    found = _chosen(root, root)
    if not found:
        raise DataError(f"{root}: there are no pictures in this folder")
    sizes = checked.sizes(found)
    files = list(sizes)
    odd = [file for file in files if sizes[file][1] % 2]
    if odd:
        raise DataError(
            f"{root}: pictures of an odd width are not two of equal size side by "
            "side:\n" + "\n".join(str(file) for file in odd)
        )
    halves = {file: (size[0], size[1] // 2) for file, size in sizes.items()}
    return [
        Item(
            name=file.relative_to(root).as_posix(),
            load=functools.partial(_load_halves, file, scale),
            sharp_file=file.resolve(),
        )
        for file in _large_enough(files, halves, crop, scale)
    ]
