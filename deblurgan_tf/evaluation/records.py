"""What is done already: OUTPUT/records.jsonl, one object a line.

    {"method", "file", "restoring", "picture", "seconds", "measuring", "scores"}
    {"method", "file", "restoring", "error", "limit"}    out of time

`restoring` and `measuring` are the hashes of `tasks.Task`, `picture` is the SHA-256 of
the restored file. A line is valid as long as they are the same. In the scores null is
infinity; what was not measured is absent. The last line of a picture is the valid one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from deblurgan_tf.errors import RunError
from deblurgan_tf.evaluation.tasks import Result, Task, file_hash
from deblurgan_tf.storage.atomic import append, write_text
from deblurgan_tf.storage.json_lines import read_lines
from deblurgan_tf.storage.leftovers import remove_leftovers
from deblurgan_tf.storage.writing_errors import writing_to


@contextlib.contextmanager
def locked(output: Path) -> Iterator[None]:
    """Keeps a second evaluation out of the folder until this one ends.

    Raises:
        RunError: another process holds the lock, or the folder cannot be written to.
    """
    with contextlib.ExitStack() as stack:
        with writing_to(output):
            file = stack.enter_context(open(output / ".lock", "a"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{output}: another evaluation is at work in this folder; wait for it, "
                "or name another --output"
            ) from None
        yield


class Records:
    """The lines of one folder, in memory and on the disk.

    Args:
        output: the folder of the results; hold its lock.
        again: the (method, file) to do again: their lines are dropped.
    """

    def __init__(self, output: Path, again: Collection[tuple[str, str]] = ()) -> None:
        self.file = output / "records.jsonl"
        # Left by processes that were killed while they wrote.
        for folder in ("restored", "kernels"):
            for place, _, _ in os.walk(output / folder):
                remove_leftovers(Path(place))
        self.lines: dict[tuple[str, str], dict[str, Any]] = {}
        for line in read_lines(self.file, _fits):
            key = line["method"], line["file"]
            if key not in again:
                self.lines[key] = line
        # Without half a line at the end, and without lines that are not valid any more.
        write_text(self.file, "".join(_line(x) for x in self.lines.values()))

    def state(self, task: Task) -> tuple[Task, Result | None]:
        """The task, marked as restored if it is, and its result if it is complete."""
        line = self.lines.get(task.key)
        if line is None or line["restoring"] != task.restoring:
            return task, None
        if "error" in line:
            too_long = line["limit"] >= task.settings.limit
            return task, line if too_long else None
        files = (task.picture, task.kernel)
        if not all(file is None or file.exists() for file in files):
            return task, None
        # A process may have been killed between writing the picture and its line.
        if line.get("picture") != file_hash(task.picture):
            return task, None
        task = replace(task, restored=True, seconds=line["seconds"])
        complete = line["measuring"] == task.measuring
        return task, _with_infinity(line) if complete else None

    def outdated(self, task: Task) -> bool:
        """Whether there is a line of other pictures, options, model or version."""
        line = self.lines.get(task.key)
        return line is not None and line["restoring"] != task.restoring

    def add(self, task: Task, result: Result) -> None:
        """Writes a result to the disk, unless it is a failure that may be mended.

        Failures are tried again by the next command. Only a picture that ran out of
        time is kept, since it would take that time again.
        """
        if "scores" in result:
            picture = file_hash(task.picture)
            more = {"measuring": task.measuring, "picture": picture}
            self._add(task, {**more, **result})
        elif "limit" in result:
            self._add(task, result)

    def _add(self, task: Task, more: dict[str, Any]) -> None:
        method, file = task.key
        line = {"method": method, "file": file, "restoring": task.restoring, **more}
        append(self.file, _line(line).encode())
        self.lines[task.key] = line


def _fits(line: dict[str, Any]) -> bool:
    """Whether a line has what `state` reads; the pictures of others are done again."""
    if not all(isinstance(line.get(x), str) for x in ("method", "file", "restoring")):
        return False
    if "error" in line:
        return isinstance(line.get("limit"), int | float)
    scores = line.get("scores")
    return (
        isinstance(line.get("seconds", ""), int | float | None)
        and isinstance(line.get("measuring"), str)
        and isinstance(scores, dict)
        and all(isinstance(x, int | float | str | None) for x in scores.values())
    )


def _line(line: dict[str, Any]) -> str:
    scores = {
        name: None if value == math.inf else value
        for name, value in line.get("scores", {}).items()
    }
    more = {"scores": scores} if "scores" in line else {}
    return json.dumps({**line, **more}, allow_nan=False) + "\n"


def _with_infinity(line: dict[str, Any]) -> Result:
    scores = {
        name: math.inf if value is None else value
        for name, value in line["scores"].items()
    }
    return {**line, "scores": scores}
