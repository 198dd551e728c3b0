"""The whole check of one or two data sets: what `prepare check` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from deblurgan_tf.preparation.data_check import (
    Problem,
    examine,
    problems_within,
    report,
)
from deblurgan_tf.preparation.data_sets import DataSet
from deblurgan_tf.preparation.duplicates import duplicates, leaks, split_leaks
from deblurgan_tf.storage.json_files import write_json
from deblurgan_tf.storage.writing_errors import writing_to


class Checked(NamedTuple):
    """The problems, and the report that holds them and their numbers."""

    problems: list[Problem]
    report: dict[str, Any]


def check(
    sets: Sequence[DataSet],
    against: Sequence[DataSet],
    validation: int,
    advance: Callable[[], object],
) -> Checked:
    """Looks for all kinds of problems in one data set or in its two parts.

    Args:
        sets: the data set, or its parts train and validation.
        against: other data sets, of which no picture may be in `sets`.
        validation: how many pictures a training on a set without parts will hold out;
            they must not look like the others.
        advance: called after each picture that was read.
    """
    parts = [examine(each, advance) for each in sets]
    others = [examine(each, advance) for each in against]
    seen = [facts for part in others for facts in part.readable()]
    problems: list[Problem] = []
    for part in parts:
        problems += problems_within(part) + duplicates(part.readable())
        problems += leaks(part.readable(), seen)
    if len(parts) == 2:
        problems += leaks(parts[1].readable(), parts[0].readable())
    else:
        problems += split_leaks(parts[0], validation)
    return Checked(problems, report(problems, parts))


def write_report(file: Path, folder: Path, checked: Checked) -> None:
    """Writes the report as JSON.

    Raises:
        RunError: the file cannot be written.
    """
    with writing_to(file):
        write_json(file, {"folder": str(folder), **checked.report})
