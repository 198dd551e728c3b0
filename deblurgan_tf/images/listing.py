"""The picture files of a folder, and which of its files are none by their names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images.picture import SUFFIXES
from deblurgan_tf.storage.names import composed

_DOCUMENTS = (
    "cfg csv db html index ini json jsonl keras lock log md npy npz parquet py rst sh "
    "toml tsv txt xml yaml yml"
)
_NO_PICTURES = frozenset(f".{ending}" for ending in _DOCUMENTS.split())
"""Endings of files that lie beside pictures, and that nobody takes for one."""


class Listing(NamedTuple):
    """The files below a folder, sorted; hidden ones are in neither list."""

    files: list[Path]
    """Those whose endings were asked for."""
    passed_over: list[Path]
    """Others that may be pictures too: of an unknown ending, or of none."""


def listed(
    folder: str | os.PathLike[str],
    endings: frozenset[str] = SUFFIXES,
    closed: list[Path] | None = None,
) -> Listing:
    """The files below a folder with these endings, in any case, and the others.

    Hidden files and folders are skipped; linked folders are not followed. The order is
    the same whether a system stores accents composed or apart.

    closed: gets the folders that cannot be listed, for example by their rights.

    Raises PictureError when the folder is not one, and without `closed` for the first
    that cannot be listed.
    """
    root = Path(folder)
    if not root.is_dir():
        raise PictureError(f"{root}: not a folder; check the name")
    found: list[Path] = []

    def refuse(error: OSError) -> None:
        place = Path(error.filename or root)
        if closed is None:
            raise PictureError(f"{place}: {cannot_be_listed(error)}") from error
        closed.append(place)

    for place, folders, files in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in files if not name.startswith(".")]
    found.sort(key=lambda path: [composed(part) for part in path.parts])
    return Listing(
        [path for path in found if path.suffix.lower() in endings],
        [path for path in found if passed_over(path, endings)],
    )


def cannot_be_listed(error: OSError) -> str:
    """Why the files of a folder are not known, for the end of a message."""
    return f"cannot be listed ({error.strerror}); check its rights, or leave it out"


def passed_over(
    path: str | os.PathLike[str], endings: frozenset[str] = SUFFIXES
) -> bool:
    """Whether a file that is not read may be a picture: of another ending, or none."""
    return Path(path).suffix.lower() not in endings | _NO_PICTURES


def find(
    folder: str | os.PathLike[str], endings: frozenset[str] = SUFFIXES
) -> list[Path]:
    """The `files` of `listed` alone."""
    return listed(folder, endings).files
