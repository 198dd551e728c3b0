"""What `predict` shows of its outcomes, and the report that it writes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deblurgan_tf import images
from deblurgan_tf.errors import WorkFailed
from deblurgan_tf.restoring.outcomes import Outcome
from deblurgan_tf.restoring.requests import Request
from deblurgan_tf.storage.json_files import write_json


def plate_lines(outcome: Outcome) -> Iterator[str]:
    """A line for each plate of a restored picture, or one that says there is none."""
    if outcome.job.is_video or "plates" not in outcome.extra:
        return
    found = outcome.extra["plates"]
    if not found:
        yield f"{outcome.job.source}: no plate found; --box x,y,w,h names the place"
    for plate in found:
        place = ",".join(map(str, plate["box"]))
        text = ""
        if "text_after" in plate:
            text = (
                f": read {plate['text_before'] or 'nothing'} "
                f"({plate['confidence_before']:.2f}) before, "
                f"{plate['text_after'] or 'nothing'} "
                f"({plate['confidence_after']:.2f}) after"
            )
        yield f"{outcome.job.source}: plate at {place}{text}"


def summary_lines(outcomes: list[Outcome], output: Path) -> Iterator[str]:
    """How many inputs were restored, skipped and failed, after notices about files."""
    yield from images.alike((each.job.source, each.notices) for each in outcomes)
    formats = [
        (each.job.source, each.format)
        for each in outcomes
        if each.format is not None and each.status != "failed"
    ]
    notice = images.otherwise_named(formats, len(formats), written=True)
    if notice is not None:
        yield notice
    counts = Counter(outcome.status for outcome in outcomes)
    words = ("restored", "skipped", "failed")
    parts = ", ".join(f"{word} {counts[word]}" for word in words if counts[word])
    yield f"{parts}; results in {output}"
    if counts["skipped"]:
        yield "skipped inputs have a result already; --overwrite restores them again"


def write_report(request: Request, outcomes: list[Outcome]) -> None:
    """Writes the request's report as JSON, if it has one and there are outcomes.

    The file holds the model, its options, and `inputs`, a list sorted by name. Raises
    WorkFailed when the disk refuses.
    """
    if request.report is None or not outcomes:
        return
    lines = sorted((outcome.as_dict() for outcome in outcomes), key=_input_of)
    report = {"model": request.model, **request.options, "inputs": lines}
    try:
        write_json(request.report, report)
    except OSError as error:
        raise WorkFailed(
            f"--report {request.report}: cannot be written ({error.strerror}); the "
            f"results are in {request.output}"
        ) from error


def _input_of(line: dict[str, Any]) -> str:
    return str(line["input"])
