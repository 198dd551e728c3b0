"""A folder of pairs that describes itself, can grow, and refuses other arguments.

PAIRS/blurred, sharp (NAME.png), kernels (NAME.npy), texts.csv, pairs.yaml. A pair that
exists is not made again: the same command continues where it was stopped.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from deblurgan_tf import images
from deblurgan_tf.config import changed_keys
from deblurgan_tf.config.yaml_text import read_yaml
from deblurgan_tf.data.holdout import hold_out
from deblurgan_tf.errors import DataError, PictureError
from deblurgan_tf.preparation.pair_making import (
    Recipe,
    make_pair,
    place,
    scaled_to,
    write_pair,
)
from deblurgan_tf.preparation.tables import texts_of, write_texts
from deblurgan_tf.restoring.inputs import Job
from deblurgan_tf.storage.atomic import write_text
from deblurgan_tf.storage.names import composed
from deblurgan_tf.storage.places import resolved
from deblurgan_tf.storage.provenance import OPENCV, versions
from deblurgan_tf.storage.side_by_side import side_by_side
from deblurgan_tf.storage.writing_errors import writing_to

PROTOCOL = "pairs.yaml"


class Sharp(NamedTuple):
    """A sharp picture that is given.

    name: the path of its pair below PAIRS, without a suffix. text: what can be read on
    the picture, if that is known.
    """

    name: str
    source: Path
    text: str | None


class Made(NamedTuple):
    """The end of one picture's work; `error` is None where all went well."""

    sharp: Sharp
    error: str | None = None
    was_there: bool = False  # its pair existed already
    enlarged: bool = False  # it was narrower than the recipe's width
    seen: images.Seen | None = None  # None where the picture cannot be read


def named(jobs: Iterable[Job], pairs: Path) -> list[Sharp]:
    """The pictures with their texts, sorted by name.

    Raises:
        DataError: two pictures would have one name, a result would replace an input,
            or a table of texts cannot be used.
    """
    tables: dict[Path, dict[str, str]] = {}
    found: dict[str, Sharp] = {}
    for job in jobs:
        relative = job.target.relative_to(pairs)
        # The folder that was given, or the one that a given file lies in.
        root = job.source.parents[len(relative.parts) - 1]
        if root not in tables:
            tables[root] = texts_of(root)
        name = relative.with_suffix("").as_posix()
        sharp = Sharp(name, job.source, tables[root].get(composed(relative.as_posix())))
        other = found.setdefault(composed(name), sharp)
        if other is not sharp:
            raise DataError(
                f"{other.source} and {sharp.source} would both become {name}.png; "
                "rename one, or give them to two commands with different --output"
            )
    sources = {resolved(sharp.source) for sharp in found.values()}
    for sharp in found.values():
        for target in place(pairs, sharp.name):
            if resolved(target) in sources:
                raise DataError(
                    f"{target} is an input and would be overwritten by a result; "
                    "choose another --output"
                )
    return sorted(found.values())


def chosen(sharps: Sequence[Sharp], count: int | None) -> Sequence[Sharp]:
    """`count` pictures, chosen by a hash of their names, in order; None: all."""
    if count is None:
        return sharps
    names = hold_out((each.name for each in sharps), count)
    return [each for each in sharps if each.name in names]


def begin(pairs: Path, recipe: Recipe, command: str) -> None:
    """Writes pairs.yaml, or checks that the one in the folder has the same arguments.

    Raises:
        DataError: the folder's pairs were made in another way.
        RunError: the file cannot be written.
    """
    path = pairs / PROTOCOL
    arguments = recipe.arguments()
    if path.exists():
        before = _protocol(path)["arguments"]
        changed = changed_keys(before, arguments)
        if changed:
            raise DataError(
                f"{pairs}: its pairs were made with other arguments; they differ in: "
                f"{', '.join(changed)}. Give the old values (they are in {path}) to "
                "continue, or another folder with --output"
            )
        return
    if pairs.is_dir() and any(pairs.iterdir()):
        raise DataError(
            f"{pairs}: is not empty and holds no {PROTOCOL}: its pairs were not made "
            "here; choose another folder with --output"
        )
    names = ("deblurgan_tf", "tensorflow", "numpy", *OPENCV, "pillow")
    protocol = {
        "command": command,
        "arguments": arguments,
        "versions": versions(*names) | {"python": platform.python_version()},
    }
    text = yaml.safe_dump(protocol, sort_keys=False, default_flow_style=None)
    with writing_to(path):
        write_text(path, text)


def make_all(sharps: Sequence[Sharp], pairs: Path, recipe: Recipe) -> Iterator[Made]:
    """Makes the pairs that do not exist yet, several at the same time, in order.

    A picture that cannot be used does not stop the others.
    """

    def make(sharp: Sharp) -> Made:
        where = place(pairs, sharp.name)
        try:
            read = images.read(sharp.source)
            seen = images.Seen(sharp.source, read.format, read.notices)
            picture = images.eight_bits(read.pixels)
            if where.complete():
                before = images.read_rgb(where.sharp)
                if np.array_equal(before, scaled_to(picture, recipe.width)):
                    return Made(sharp, was_there=True, seen=seen)
                raise DataError(
                    f"differs from {where.sharp}, which was made of it; delete "
                    f"{where.blurred} to make the pair again"
                )
            write_pair(where, make_pair(picture, sharp.name, recipe))
        except PictureError as error:
            return Made(sharp, str(error))
        except (DataError, OSError) as error:  # too small, or the disk is full
            return Made(sharp, f"{sharp.source}: {error}")
        except MemoryError:
            return Made(sharp, f"{sharp.source}: not enough memory; make it smaller")
        enlarged = recipe.width is not None and recipe.width > picture.shape[1]
        return Made(sharp, enlarged=enlarged, seen=seen)

    yield from side_by_side(make, sharps)


def add_texts(pairs: Path, sharps: Iterable[Sharp]) -> None:
    """Adds the texts of these pictures to texts.csv.

    Raises:
        DataError: the texts.csv that exists cannot be read.
        RunError: it cannot be written.
    """
    texts = {
        f"{composed(sharp.name)}.png": sharp.text for sharp in sharps if sharp.text
    }
    if texts:
        known = texts_of(pairs)
        with writing_to(pairs):
            write_texts(pairs / "texts.csv", known | texts)


def _protocol(path: Path) -> dict[str, Any]:
    try:
        found = read_yaml(path.read_text(encoding="utf-8"), None)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    if not isinstance(found, dict) or not isinstance(found.get("arguments"), dict):
        raise DataError(
            f"{path}: does not say how its pairs were made; choose another --output"
        )
    return found
