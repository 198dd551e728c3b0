"""A folder of pairs that describes itself, grows, and refuses other arguments.

PAIRS/blurred, sharp (NAME.png), kernels (NAME.npy), texts.csv, pairs.yaml. A pair that
is there is not made again: the same command goes on where it was stopped.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from deblurgan_tf import images
from deblurgan_tf.config import changed_keys
from deblurgan_tf.errors import DataError, PictureError
from deblurgan_tf.preparation.files import side_by_side, write_bytes
from deblurgan_tf.preparation.pair_making import (
    Recipe,
    make_pair,
    place,
    scaled_to,
    write_pair,
)
from deblurgan_tf.preparation.tables import texts_of, write_texts
from deblurgan_tf.restoring.inputs import Job

PROTOCOL = "pairs.yaml"


class Sharp(NamedTuple):
    """A sharp picture. name: where its pair lies below PAIRS, without an ending; text:
    what can be read on it, if that is known.
    """

    name: str
    source: Path
    text: str | None


class Made(NamedTuple):
    """What became of a sharp picture; `error` is None where all went well."""

    sharp: Sharp
    error: str | None = None
    was_there: bool = False
    enlarged: bool = False


def named(jobs: Iterable[Job], pairs: Path) -> list[Sharp]:
    """The pictures among the jobs, with their texts, sorted by name.

    Raises DataError where two would have one name or a result would replace an input,
    DataError for a bad texts.csv.
    """
    tables: dict[Path, dict[str, str]] = {}
    found: dict[str, Sharp] = {}
    for job in jobs:
        if job.is_video:
            continue
        relative = job.target.relative_to(pairs)
        # The folder that was given, or the one that a given file lies in.
        root = job.source.parents[len(relative.parts) - 1]
        if root not in tables:
            tables[root] = texts_of(root)
        name = relative.with_suffix("").as_posix()
        sharp = Sharp(name, job.source, tables[root].get(relative.as_posix()))
        other = found.setdefault(name, sharp)
        if other is not sharp:
            raise DataError(
                f"{other.source} and {sharp.source} would both become {name}.png; "
                "rename one, or give them to two commands with different --output"
            )
    if not found:
        raise DataError("the inputs hold no pictures; give files or folders")
    sources = {sharp.source.resolve() for sharp in found.values()}
    for name in found:
        for target in place(pairs, name):
            if target.resolve() in sources:
                raise DataError(
                    f"{target} is an input and would be overwritten by a result; "
                    "choose another --output"
                )
    return sorted(found.values())


def begin(pairs: Path, recipe: Recipe, command: str) -> None:
    """Writes pairs.yaml, or checks that the one there has the same arguments."""
    path = pairs / PROTOCOL
    arguments = recipe.arguments()
    if path.exists():
        before = _protocol(path)["arguments"]
        changed = changed_keys(before, arguments)
        if changed:
            raise DataError(
                f"{pairs}: its pairs were made with other arguments; they differ in: "
                f"{', '.join(changed)}. Give the old values (they are in {path}) to go "
                "on, or another folder with --output"
            )
        return
    if pairs.is_dir() and any(pairs.iterdir()):
        raise DataError(
            f"{pairs}: is not empty and holds no {PROTOCOL}: its pairs were not made "
            "here; choose another folder with --output"
        )
    names = ("deblurgan_tf", "tensorflow", "numpy", "opencv-python-headless", "pillow")
    protocol = {
        "command": command,
        "arguments": arguments,
        "versions": {name: version(name) for name in names}
        | {"python": platform.python_version()},
    }
    text = yaml.safe_dump(protocol, sort_keys=False, default_flow_style=None)
    write_bytes(path, text.encode())


def make_all(sharps: Sequence[Sharp], pairs: Path, recipe: Recipe) -> Iterator[Made]:
    """Makes the pairs that are not there yet, several at a time, in order."""

    def make(sharp: Sharp) -> Made:
        where = place(pairs, sharp.name)
        try:
            picture = images.read_rgb(sharp.source)
            if where.complete():
                then, now = (
                    images.read_rgb(where.sharp),
                    scaled_to(picture, recipe.width),
                )
                if np.array_equal(then, now):
                    return Made(sharp, was_there=True)
                raise ValueError(
                    f"differs from {where.sharp}, which was made of it; delete "
                    f"{where.blurred} to make the pair anew"
                )
            write_pair(where, make_pair(picture, sharp.name, recipe))
        except PictureError as error:
            return Made(sharp, str(error))
        # Too small for its kernel, too large for the memory, the disk is full.
        except (ValueError, OSError, MemoryError) as error:
            return Made(sharp, f"{sharp.source}: {error}")
        enlarged = recipe.width is not None and recipe.width > picture.shape[1]
        return Made(sharp, enlarged=enlarged)

    yield from side_by_side(make, sharps)


def add_texts(pairs: Path, sharps: Iterable[Sharp]) -> None:
    """Writes texts.csv: what it holds already, and the texts of these."""
    texts = {f"{sharp.name}.png": sharp.text for sharp in sharps if sharp.text}
    if texts:
        write_texts(pairs / "texts.csv", texts_of(pairs) | texts)


def _protocol(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    if not isinstance(found, dict) or not isinstance(found.get("arguments"), dict):
        raise DataError(
            f"{path}: does not say how its pairs were made; choose another --output"
        )
    return found
