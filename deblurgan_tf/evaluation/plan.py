"""What there is to do: every method that is possible here, on every picture."""

from __future__ import annotations

import re
from pathlib import Path

from deblurgan_tf import images
from deblurgan_tf.errors import DataError, UsageError, did_you_mean
from deblurgan_tf.evaluation import methods
from deblurgan_tf.evaluation.kernel_files import read_kernel, support
from deblurgan_tf.evaluation.pairs import Pair, stem
from deblurgan_tf.evaluation.tasks import Settings, Task
from deblurgan_tf.storage.names import composed


def methods_named(text: str | None) -> list[str]:
    """`"a,b"` -> names of methods in the order of the tables; None: all.

    Raises:
        UsageError: there is no method of a name.
    """
    names = methods.NAMES if text is None else [x.strip() for x in text.split(",")]
    wrong = [name for name in names if name not in methods.NAMES]
    if wrong:
        raise UsageError(
            f"--methods: there is no {', '.join(map(repr, wrong))}; there are "
            f"{', '.join(methods.NAMES)}{did_you_mean(wrong[0], methods.NAMES)}"
        )
    return [name for name in methods.NAMES if name in names]


def folders_of_others(given: list[str]) -> dict[str, Path]:
    """`["NAME=DIR"]` of other programs' results -> {NAME: DIR}.

    Raises:
        UsageError: something else is given, a name is taken or a folder is missing.
    """
    folders: dict[str, Path] = {}
    for text in given:
        name, _, folder = text.partition("=")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", name) or not folder:
            raise UsageError(
                f"--restored {text}: give NAME=DIR; the name may have letters, digits "
                "and _ . + - only"
            )
        if name in methods.NAMES or name in folders:
            raise UsageError(
                f"--restored {text}: {name} is a method already; choose another name"
            )
        if not Path(folder).is_dir():
            raise UsageError(f"--restored {text}: {folder} is no folder")
        folders[name] = Path(folder)
    return folders


def possible(
    names: list[str], pairs: list[Pair], kernel_size: int
) -> tuple[list[str], list[str]]:
    """The methods that can work on these pairs, and notices about limits.

    kernel_size: the upper bound that blind methods get, pixels.
    """
    notices = []
    if all(pair.kernel is None for pair in pairs):
        left_out = [name for name in names if name in methods.NON_BLIND]
        if left_out:
            notices.append(
                f"{', '.join(left_out)}: left out; they need the true kernels, and "
                "these pictures have none in kernels/"
            )
        names = [name for name in names if name not in left_out]
    largest = _largest_kernel(pairs)
    if largest > kernel_size and set(names) & set(methods.BLIND):
        notices.append(
            f"the largest true kernel has {largest} pixels a side, and blind methods "
            f"look for one of at most {kernel_size}; give --kernel-size {largest}"
        )
    return names, notices


def plan(
    pairs: list[Pair],
    names: list[str],
    folders: dict[str, Path],
    output: Path,
    settings: Settings,
) -> list[Task]:
    """The tasks, picture by picture, so that pictures are complete early.

    names: methods; folders: of other programs' results, by their names; output: where
    restored pictures and kernels are written.

    Raises:
        UsageError: two pictures of another program differ in their suffix only.
    """
    restored = {name: _by_stem(folder) for name, folder in folders.items()}
    return [
        _task(name, pair, output, settings, restored)
        for pair in pairs
        for name in (*names, *folders)
    ]


def _task(
    name: str,
    pair: Pair,
    output: Path,
    settings: Settings,
    restored: dict[str, dict[str, Path]],
) -> Task:
    picture: Path | None = output / "restored" / name / f"{pair.stem}.png"
    kernel = None
    if name == "blurred":
        picture = pair.blurred
    elif name in restored:
        picture = restored[name].get(pair.stem)
    elif name in methods.BLIND:
        kernel = output / "kernels" / name / f"{pair.stem}.npy"
    return Task(name, pair, picture, kernel, settings)


def _by_stem(folder: Path) -> dict[str, Path]:
    """{name without suffix: file}; other programs may write another format."""
    files: dict[str, Path] = {}
    for file in images.find(folder):
        name = composed(stem(file.relative_to(folder).as_posix()))
        if name in files:
            raise UsageError(
                f"{files[name]} and {file} are both named {name}; remove one"
            )
        files[name] = file
    return files


def _largest_kernel(pairs: list[Pair]) -> int:
    """The side of the largest true kernel, in pixels; 0 where none is known."""
    sides = []
    for pair in pairs:
        if pair.kernel is not None:
            try:
                sides.append(support(read_kernel(pair.kernel)))
            except DataError:
                continue  # reported where a method needs this kernel
    return max(sides, default=0)
