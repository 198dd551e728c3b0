"""The picture files of a folder, and which of its files are none by their names."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images.picture import FORMATS, SUFFIXES

_DOCUMENTS = (
    "cfg csv db html index ini json jsonl keras lock log md npy npz parquet py rst sh "
    "toml tsv txt xml yaml yml"
)
_NO_PICTURES = frozenset(f".{ending}" for ending in _DOCUMENTS.split())
"""Endings of files that lie beside pictures, and that nobody takes for one."""
_NAMED = 3  # files that a notice names


class Listing(NamedTuple):
    """The files below a folder, sorted; hidden ones are in neither list."""

    files: list[Path]
    """Those whose endings were asked for."""
    passed_over: list[Path]
    """Others that may be pictures too: of an unknown ending, or of none."""


def listed(
    folder: str | os.PathLike[str], endings: frozenset[str] = SUFFIXES
) -> Listing:
    """The files below a folder with these endings, in any case, and the others.

    Hidden files and folders are skipped; linked folders are not followed. The order is
    the same whether a system stores accents composed or apart. Raises PictureError when
    the folder is not one.
    """
    root = Path(folder)
    if not root.is_dir():
        raise PictureError(f"{root}: not a folder; check the name")
    found: list[Path] = []
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in files if not name.startswith(".")]
    found.sort(key=_composed)
    return Listing(
        [path for path in found if path.suffix.lower() in endings],
        [path for path in found if path.suffix.lower() not in endings | _NO_PICTURES],
    )


def find(
    folder: str | os.PathLike[str], endings: frozenset[str] = SUFFIXES
) -> list[Path]:
    """The `files` of `listed` alone."""
    return listed(folder, endings).files


def left_out(paths: Sequence[Path | str]) -> str | None:
    """One line about files that were passed over; None for none of them.

    Their endings are counted and the first of them are named.
    """
    if not paths:
        return None
    endings = Counter(Path(path).suffix.lower() or "no ending" for path in paths)
    kinds = ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common())
    names = ", ".join(str(path) for path in paths[:_NAMED])
    more = len(paths) - _NAMED
    if more > 0:
        names += f" and {more:,} more"
    return (
        f"left out, because their names do not end as those of pictures do: {kinds} "
        f"({names}); convert or rename them to have them read"
    )


def otherwise_named(
    files: Iterable[tuple[Path | str, str]], count: int, *, written: bool = False
) -> str | None:
    """One line about all files whose names do not tell their formats; None for none.

    files: each with the format of its content. count: how many pictures there are.
    written: results are written under these names too.
    """
    found = [
        (path, kind)
        for path, kind in files
        if FORMATS.get(Path(path).suffix.lower()) != kind
    ]
    if not found:
        return None
    path, kind = found[0]
    done = "read, and written," if written else "read"
    return (
        f"{len(found):,} of {count:,} pictures are {done} by their content, which is "
        f"not what their names say (the first: {path} is a {kind})"
    )


def _composed(path: Path) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", part) for part in path.parts)
