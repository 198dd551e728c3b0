"""What is done already: OUTPUT/records.jsonl, one object a line.

    {"method", "file", "restoring", "picture", "seconds", "measuring", "scores"}
    {"method", "file", "restoring", "error", "limit"}    out of time

`restoring` and `measuring` are the hashes of `tasks.Task`, `picture` that of the
restored file: a line counts while they are the same. In the scores null is infinity;
what was not measured is not there. Of two lines for one picture the later one holds.
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
from deblurgan_tf.evaluation.tasks import Task, file_hash
from deblurgan_tf.storage.atomic import write_text
from deblurgan_tf.storage.json_lines import read_lines


@contextlib.contextmanager
def locked(output: Path) -> Iterator[None]:
    """Keeps a second evaluation out of the same folder; released on any end."""
    with open(output / ".lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{output}: another evaluation is at work in this folder; wait for it, "
                "or name another --output"
            ) from None
        yield


class Records:
    """The lines of one folder, in memory and on the disk."""

    def __init__(self, output: Path, anew: Collection[tuple[str, str]] = ()):
        """anew: the (method, file) whose lines are dropped."""
        self.file = output / "records.jsonl"
        for half in output.glob("restored/**/.*.tmp"):
            half.unlink()  # of a process that was killed while it wrote
        self.lines: dict[tuple[str, str], dict[str, Any]] = {}
        for line in read_lines(self.file):
            key = line["method"], line["file"]
            if key not in anew:
                self.lines[key] = line
        # Without half a line at the end, and without what later lines replaced.
        write_text(self.file, "".join(_line(x) for x in self.lines.values()))

    def state(self, task: Task) -> tuple[Task, dict[str, Any] | None]:
        """The task, marked as restored where it is, and its line where nothing is left
        to do for it.
        """
        line = self.lines.get(task.key)
        if line is None or line["restoring"] != task.restoring:
            return task, None
        if "error" in line:
            over = line["limit"] >= task.settings.limit
            return task, line if over else None
        files = (task.picture, task.kernel)
        if not all(file is None or file.exists() for file in files):
            return task, None
        # A killed run may have replaced the picture and not its line.
        if line.get("picture") != file_hash(task.picture):
            return task, None
        task = replace(task, restored=True, seconds=line["seconds"])
        whole = line["measuring"] == task.measuring
        return task, _with_infinity(line) if whole else None

    def outdated(self, task: Task) -> bool:
        """There is a line, but of other pictures, options, model or version."""
        line = self.lines.get(task.key)
        return line is not None and line["restoring"] != task.restoring

    def add(self, task: Task, result: dict[str, Any]) -> None:
        """Keeps what `tasks.perform` returned. Failures are not kept: whatever was
        wrong may be mended before the next start. Those for time are: they cost it.
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
        with open(self.file, "a", encoding="utf-8") as stream:
            stream.write(_line(line))
            stream.flush()
            os.fsync(stream.fileno())
        self.lines[task.key] = line


def _line(line: dict[str, Any]) -> str:
    scores = {
        name: None if value == math.inf else value
        for name, value in line.get("scores", {}).items()
    }
    more = {"scores": scores} if "scores" in line else {}
    return json.dumps({**line, **more}, allow_nan=False) + "\n"


def _with_infinity(line: dict[str, Any]) -> dict[str, Any]:
    scores = {
        name: math.inf if value is None else value
        for name, value in line["scores"].items()
    }
    return {**line, "scores": scores}
