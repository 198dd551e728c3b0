"""What `predict` is asked for: inputs, output and options, checked before any work."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deblurgan_tf.errors import MissingExtra, UsageError
from deblurgan_tf.plates.boxes import Box, parse_box
from deblurgan_tf.restoring.inputs import Job, gather
from deblurgan_tf.restoring.records import Recipe
from deblurgan_tf.storage.installation import install_command
from deblurgan_tf.storage.model_names import chosen, find, sha256
from deblurgan_tf.storage.output_file import check_output_file
from deblurgan_tf.storage.output_folder import make_output_folder
from deblurgan_tf.storage.places import resolved
from deblurgan_tf.storage.resources import AUTO_MODEL


@dataclass(frozen=True)
class Request:
    """The inputs, where their results go, and how they are restored.

    model: a name or a path. sha256: of its file. options: what `restorer.load` takes
    beside the model. plates: restore number plates alone: those in `boxes`, or all that
    are found. read: read them too. overwrite: restore again what has a result.
    """

    jobs: list[Job]
    output: Path
    model: str = AUTO_MODEL
    sha256: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    plates: bool = False
    boxes: tuple[Box, ...] = ()
    read: bool = False
    overwrite: bool = False
    report: Path | None = None

    @property
    def recipe(self) -> Recipe:
        """What the results depend on beside their inputs."""
        places = [list(box) for box in self.boxes]
        options = {**self.options, "plates": self.plates, "boxes": places}
        return Recipe(chosen(self.model), self.sha256, options)


def checked_request(
    inputs: Sequence[str],
    output: Path,
    *,
    model: str,
    options: dict[str, Any],
    plates: bool,
    boxes: Sequence[str],
    read: bool,
    overwrite: bool,
    report: Path | None,
) -> Request:
    """A request that can begin, from what the command line says; makes `output`.

    inputs: as `gather` takes them; "-" stands for the paths on standard input. boxes:
    texts "x,y,w,h".

    Raises UsageError for what is wrong or does not go together, MissingExtra where
    plates cannot be found or read, and ModelError where there is no such model.
    """
    places = tuple(parse_box(text) for text in boxes)
    plates = plates or bool(places)
    if read and not plates:
        raise UsageError("--read reads number plates: add --plates or --box")
    if read or (plates and not places):
        check_ocr()
    file = find(model)
    jobs = gather(inputs, output, _listed() if "-" in inputs else ())
    _check_writable(output, report)
    _check_apart(jobs, output, report, plates)
    return Request(
        jobs=jobs,
        output=output,
        model=model,
        sha256=sha256(file),
        options=options,
        plates=plates,
        boxes=places,
        read=read,
        overwrite=overwrite,
        report=report,
    )


def check_ocr(option: str = "--box") -> None:
    """Raises MissingExtra without the extra `ocr`: now, not once for every input.

    option: names the places of plates, and works without the extra.
    """
    if importlib.util.find_spec("rapidocr") is None:
        raise MissingExtra(
            "finding and reading plates needs the extra ocr; install it with "
            f"{install_command('ocr')}, or give the places with {option}"
        )


def _listed() -> Iterator[str]:
    """The paths on standard input, as the system spells them."""
    for line in sys.stdin.buffer:
        if b"\0" in line:
            raise UsageError("the list holds zero bytes: give find -print, not -print0")
        yield os.fsdecode(line)


def _check_writable(output: Path, report: Path | None) -> None:
    """Raises UsageError now rather than after hours of work."""
    make_output_folder(output)
    if report is not None:
        check_output_file("--report", report)


def _check_apart(
    jobs: list[Job], output: Path, report: Path | None, plates: bool
) -> None:
    """Raises UsageError where the report or a plate's crop could replace a picture."""
    pictures = {resolved(path) for job in jobs for path in job}
    if report is not None and resolved(report) in pictures:
        raise UsageError(f"--report {report}: is an input or a result; name another")
    crops = resolved(output / "plates")
    for path in pictures if plates else ():
        named_so = re.search(r"-\d+-(before|after)\.png$", path.name)
        if named_so and path.is_relative_to(crops):
            raise UsageError(
                f"{path}: could be replaced by the crop of a plate; choose another "
                "--output"
            )
