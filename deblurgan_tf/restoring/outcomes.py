"""What became of one input: restored, skipped or failed, and why."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import Any

from deblurgan_tf.errors import UserError
from deblurgan_tf.restoring.inputs import Job

NO_PLATE = "no plate found"
HARDLY_CHANGED = "hardly changed"


@dataclass
class Outcome:
    """What became of one input; `as_dict` is its line of the report."""

    job: Job
    status: str = "failed"
    """"restored", "unchanged", "skipped" (its result was there before) or "failed"."""
    why: str | None = None
    """Why it is unchanged, or what speaks against the result that is there."""
    wrong: bool = False
    """The result that is there is known to be another one than is asked for."""
    model: str | None = None
    """The name of the model that made the result."""
    size: tuple[int, int] | None = None
    """Width and height of the upright picture, pixels."""
    format: str | None = None
    """The format of a picture by its content, as `images.FORMATS` names it."""
    notices: tuple[str, ...] = ()
    """What was missing in a picture's file, or is left out of the result."""
    seconds: float = 0.0
    """Time to decode, restore and encode it."""
    error: str | None = None
    """Why it failed; the text names the file."""
    bug: str | None = None
    """The traceback, where it failed by a fault of this package."""
    extra: dict[str, Any] = field(default_factory=dict)
    """More fields of the report: tiles, plates, frames."""

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON takes them."""
        return {
            "input": str(self.job.source),
            "output": None if self.status == "failed" else str(self.job.target),
            "status": self.status,
            "why": self.why,
            "model": self.model,
            "size": None if self.size is None else list(self.size),
            "seconds": round(self.seconds, 3),
            "error": self.error,
            **({"notices": list(self.notices)} if self.notices else {}),
            **self.extra,
        }


def failed(outcome: Outcome, error: Exception) -> Outcome:
    """Notes an error of any kind: one bad file must not stop the others."""
    text = str(error)
    name = str(outcome.job.source)
    if isinstance(error, MemoryError):
        text = "not enough memory; make the picture smaller or free some"
    elif not isinstance(error, UserError):
        text = f"{type(error).__name__}: {text}"
        outcome.bug = "".join(traceback.format_exception(error))
    named = name in text or str(outcome.job.target) in text
    outcome.error = text if named else f"{name}: {text}"
    outcome.status, outcome.why = "failed", None
    return outcome
