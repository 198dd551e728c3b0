"""One evaluation, from the options of the command `evaluate` to the files it writes."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.errors import UsageError
from deblurgan_tf.evaluation import network, report, workers
from deblurgan_tf.evaluation.pairs import Pair, evenly_spread, read_pairs
from deblurgan_tf.evaluation.plan import (
    folders_of_others,
    methods_named,
    plan,
    possible,
)
from deblurgan_tf.evaluation.protocol import describe
from deblurgan_tf.evaluation.records import Records, locked
from deblurgan_tf.evaluation.tasks import Result, Settings, Task, file_hash, perform
from deblurgan_tf.storage.installation import install_command
from deblurgan_tf.storage.output_folder import make_output_folder
from deblurgan_tf.storage.places import resolved
from deblurgan_tf.storage.writing_errors import writing_to

KILLED = (
    "its process was killed, as the system does when memory runs out; use fewer "
    "--workers or omit the picture"
)


@dataclass(frozen=True)
class Options:
    """The options of the command, as they were given."""

    data: Path
    output: Path
    model: str
    methods: str | None
    restored: list[str]
    kernel_size: int
    limit: float
    count: int | None
    detect: bool
    rows: int
    processes: int | None
    overwrite: bool
    command: str


@dataclass(frozen=True)
class Evaluation:
    """What is to be done."""

    options: Options
    tasks: list[Task]
    settings: Settings
    pictures: int
    pictures_there: int  # in the folder; `count` may leave some out
    processes: int
    notices: list[str]  # what will not be measured, and why


class Work:
    """The tasks of an evaluation: results that are there already, and the rest.

    results: what is done, by `Task.key`; it grows while `finish` runs. outdated: how
    many earlier results cannot be used, since inputs or options changed.
    """

    def __init__(self, evaluation: Evaluation, records: Records) -> None:
        self.evaluation = evaluation
        self.records = records
        self.results: report.Results = {}
        self.outdated = sum(records.outdated(task) for task in evaluation.tasks)
        self._left: list[Task] = []
        for task in evaluation.tasks:
            task, result = records.state(task)
            if result is None:
                self._left.append(task)
            else:
                self.results[task.key] = result

    def finish(self) -> Iterator[tuple[Task, Result]]:
        """Performs the rest; yields each result when it is on the disk.

        Raises:
            ModelError: the model cannot be used.
            RunError: the results cannot be written.
        """
        by_network: list[Task] = []
        by_others: list[Task] = []
        for task in self._left:
            waits = task.method == "deblurgan" and not task.restored
            (by_network if waits else by_others).append(task)
        options = self.evaluation.options
        for task, result in chain(
            network.perform_all(by_network, options.model),
            workers.run(perform, by_others, self.evaluation.processes),
        ):
            if result is None:
                result = {"error": KILLED}
            with writing_to(options.output):
                self.records.add(task, result)
            self.results[task.key] = result
            yield task, result

    def write_report(self) -> None:
        """Writes results.json, results.md and comparison.png; all must be done.

        Raises:
            RunError: the files cannot be written.
        """
        evaluation, options = self.evaluation, self.evaluation.options
        protocol = describe(
            {
                "data": str(options.data),
                "pictures": evaluation.pictures,
                "pictures_there": evaluation.pictures_there,
            },
            options.command,
            evaluation.settings,
            options.model if evaluation.settings.model else None,
            evaluation.processes,
            evaluation.notices,
        )
        with writing_to(options.output):
            report.write(
                options.output, evaluation.tasks, self.results, protocol, options.rows
            )


def prepare(options: Options) -> Evaluation:
    """Checks everything that can be checked before hours of work; makes the folder.

    Raises:
        UsageError: options that are wrong or do not go together.
        DataError: the pairs cannot be used.
        ModelError: there is no such model.
        PictureError: a folder of pictures cannot be read.
    """
    names = methods_named(options.methods)
    others = folders_of_others(options.restored)
    _check_numbers(options)
    pairs, notices = read_pairs(options.data)
    there = len(pairs)
    pairs = [pairs[n] for n in evenly_spread(there, options.count or there)]
    names, limits = possible(names, pairs, options.kernel_size)
    if not names and not others:
        raise UsageError("; ".join(limits))
    read, detect, without_ocr = _plates(pairs, options.detect)
    _check_output(options.output, options.data, others)
    settings = Settings(
        size=options.kernel_size,
        limit=options.limit,
        read=read,
        detect=detect,
        model=_model_hash(options.model) if "deblurgan" in names else None,
    )
    return Evaluation(
        options=options,
        tasks=plan(pairs, names, others, options.output, settings),
        settings=settings,
        pictures=len(pairs),
        pictures_there=there,
        processes=options.processes or _processors(),
        notices=notices + limits + without_ocr,
    )


@contextlib.contextmanager
def opened(evaluation: Evaluation) -> Iterator[Work]:
    """The work on an evaluation; its folder is locked until the end.

    Raises:
        RunError: another evaluation works in the folder, or it cannot be written to.
    """
    options = evaluation.options
    again = {task.key for task in evaluation.tasks} if options.overwrite else ()
    with locked(options.output):
        with writing_to(options.output):
            records = Records(options.output, again)
        yield Work(evaluation, records)


def _model_hash(model: str) -> str | None:
    import_tensorflow()
    from deblurgan_tf.models import files as model_files

    return file_hash(model_files.find(model))


def _plates(pairs: list[Pair], detect: bool) -> tuple[bool, bool, list[str]]:
    """Whether plates are read, whether they are found, and why they cannot be."""
    read = any(pair.text is not None for pair in pairs)
    find = detect or any(pair.boxes is not None for pair in pairs)
    if (read or find) and importlib.util.find_spec("rapidocr") is None:
        notice = "reading and finding plates: left out; they need the extra ocr"
        return False, False, [f"{notice} ({install_command('ocr')})"]
    return read, find, []


def _check_numbers(options: Options) -> None:
    size, limit = options.kernel_size, options.limit
    if size < 3 or size % 2 == 0:
        raise UsageError(f"--kernel-size {size}: must be odd, 3 or more")
    if not limit > 0:
        raise UsageError(f"--limit {limit:g}: must be above 0 seconds")
    for option, value in {
        "--count": options.count,
        "--rows": options.rows,
        "--workers": options.processes,
    }.items():
        if value is not None and value < 1:
            raise UsageError(f"{option} {value}: must be 1 or more")


def _check_output(output: Path, data: Path, others: dict[str, Path]) -> None:
    """Makes the folder of the results; no result may replace an input."""
    if resolved(output) == resolved(data):
        raise UsageError(f"--output {output}: is the folder of --data; name another")
    for name, folder in others.items():
        if resolved(folder).is_relative_to(resolved(output / "restored")):
            raise UsageError(
                f"--restored {name}={folder}: lies in --output, whose results replace "
                "each other; copy it elsewhere, or name another --output"
            )
    for folder in (data / "blurred", data / "sharp", data / "kernels"):
        if resolved(output).is_relative_to(resolved(folder)):
            raise UsageError(
                f"--output {output}: lies in {folder}, which is an input; "
                "name another folder"
            )
    make_output_folder(output)


def _processors() -> int:
    """Those that this process may use: a container may have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
