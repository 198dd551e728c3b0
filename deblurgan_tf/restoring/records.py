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
        self.lines: dict[str, dict[str, Any]] = {}
        self._whole = True  # whether the last line is
        self._adding = threading.Lock()
        try:
            text = self.file.read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._refused("read", error) from error
        self._whole = not text or text.endswith("\n")
        for line in text.split("\n"):
            try:
                record = json.loads(line)
                self.lines[record["result"]] = record
            except (ValueError, KeyError, TypeError):
                continue

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
        record = {
            "result": name,
            "bytes": job.target.stat().st_size,
            "status": status,
            "model": self.recipe.model,
            "model_sha256": self.recipe.sha256,
            "options": self.recipe.options,
            "input": _state_of(job.source),
        }
        line = json.dumps(record) + "\n"
        with self._adding:
            try:
                # One write: the lines of two commands do not mix.
                append(self.file, (line if self._whole else f"\n{line}").encode())
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


def _state_of(source: Path) -> dict[str, int] | None:
    """The bytes and the time of change, in nanoseconds, of an input."""
    try:
        status = source.stat()
    except OSError:
        return None
    return {"bytes": status.st_size, "time": status.st_mtime_ns}
