"""What made the results in an output folder: one record file in it.

A line for each result, the last one counts: its name below the folder, its bytes, the
model and the options that it was made with, and its input's size and time. A line is
written when its result is safe on the disk. A result whose line says something else
than what is asked for now is not trusted, and not replaced without being asked to.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deblurgan_tf.errors import WorkFailed
from deblurgan_tf.restoring.inputs import Job
from deblurgan_tf.storage.atomic import append
from deblurgan_tf.storage.json_lines import ends_whole, read_lines

FILE = ".deblurgan.jsonl"


@dataclass(frozen=True)
class Recipe:
    """How results are made: the model's name, its file's SHA-256, the options."""

    model: str
    sha256: str
    options: dict[str, Any]


@dataclass(frozen=True)
class There:
    """A result that is there already.

    model: what it was made by, where that is known. doubt: what speaks against it, as
    the end of "is there, but ..."; None where it is what is asked for. wrong: it is
    known to be another one.
    """

    model: str | None = None
    doubt: str | None = None
    wrong: bool = False


class Records:
    """The record file of an output folder."""

    def __init__(self, output: Path, recipe: Recipe) -> None:
        """Reads what is there; lines that a killed process left half are left out.

        Raises WorkFailed when the disk refuses.
        """
        self.output = output
        self.recipe = recipe
        self.file = output / FILE
        self._adding = threading.Lock()
        try:
            self.lines = {line["result"]: line for line in read_lines(self.file, _fits)}
            self._whole = ends_whole(self.file)  # whether the last line is
        except OSError as error:
            raise self._refused("read", error) from error

    def there(self, job: Job) -> There | None:
        """What is known of a job's result; None where there is no such file."""
        try:
            if not job.target.is_file():
                return None
            bytes_there = job.target.stat().st_size
        except OSError:
            return None
        record = self.lines.get(self._name(job))
        if record is None:
            return There(doubt="without a record of what made it")
        known = str(record.get("model"))
        doubt = self._difference(record, bytes_there, job)
        return There(known, doubt, wrong=doubt is not None)

    def add(self, job: Job, status: str) -> None:
        """Notes that a job's result was made just now; many threads may call it.

        Raises WorkFailed when the disk refuses.
        """
        name = self._name(job)
        try:
            bytes_there = job.target.stat().st_size
        except FileNotFoundError:
            return  # moved away as soon as it was there: nothing is left to record
        record = {
            "result": name,
            "bytes": bytes_there,
            "status": status,
            "model": self.recipe.model,
            "model_sha256": self.recipe.sha256,
            "options": self.recipe.options,
            "input": _state_of(job.source),
        }
        line = json.dumps(record) + "\n"
        with self._adding:
            whole, self._whole = self._whole, False  # a full disk takes half a line
            try:
                # One write: the lines of two commands do not mix.
                append(self.file, (line if whole else f"\n{line}").encode())
            except OSError as error:
                raise self._refused("written", error) from error
            self._whole = True
            self.lines[name] = record

    def _difference(
        self, record: dict[str, Any], bytes_there: int, job: Job
    ) -> str | None:
        """What a record says else than is asked for; None if nothing."""
        if record.get("bytes") != bytes_there:
            return "changed since it was made"
        if record.get("model_sha256") != self.recipe.sha256:
            name = record.get("model")
            same = name == self.recipe.model
            return f"made by {'other weights of ' if same else ''}{name}"
        if record.get("options") != self.recipe.options:
            return "made with other options"
        if record.get("input") != _state_of(job.source):
            return "made of another input, or of an earlier state of it"
        return None

    def _name(self, job: Job) -> str:
        return job.target.relative_to(self.output).as_posix()

    def _refused(self, what: str, error: OSError) -> WorkFailed:
        return WorkFailed(
            f"{self.file}: cannot be {what} ({error.strerror}); mend it, the results "
            "before it are whole"
        )


def _fits(line: dict[str, Any]) -> bool:
    return isinstance(line.get("result"), str)


def _state_of(source: Path) -> dict[str, int] | None:
    """The bytes and the time of change, in nanoseconds, of an input."""
    try:
        status = source.stat()
    except OSError:
        return None
    return {"bytes": status.st_size, "time": status.st_mtime_ns}
