"""What `predict` shows of its outcomes, and the report that it writes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deblurgan_tf import images
from deblurgan_tf.errors import WorkFailed
from deblurgan_tf.restoring.outcomes import HARDLY_CHANGED, NO_PLATE, Outcome
from deblurgan_tf.restoring.requests import Request
from deblurgan_tf.storage.json_files import write_json


def outcome_lines(outcome: Outcome) -> Iterator[str]:
    """What is said of one input: its plates, and why it is unchanged."""
    source = outcome.job.source
    if not outcome.job.is_video:
        for plate in outcome.extra.get("plates", ()):
            place = ",".join(map(str, plate["box"]))
            text = ""
            if "text_after" in plate:
                before, after = _reading(plate, "before"), _reading(plate, "after")
                text = f": read {before} before, {after} after"
            yield f"{source}: plate at {place}{text}"
    if outcome.status == "unchanged" and outcome.why == NO_PLATE:
        yield f"{source}: no plate found; --box x,y,w,h names the place"
    if outcome.status == "unchanged" and outcome.why == HARDLY_CHANGED:
        other = "photos" if outcome.model == "plates" else "plates"
        yield (
            f"{source}: nearly as it was: it is sharp, or its blur is none that "
            f"{outcome.model} can undo; try --model {other}, or --box x,y,w,h around "
            "the part that counts"
        )


def _reading(plate: dict[str, Any], when: str) -> str:
    text, confidence = plate[f"text_{when}"], plate[f"confidence_{when}"]
    if confidence is None:
        return text or "nothing"
    return f"{text} ({confidence:.2f})"


def summary_lines(outcomes: list[Outcome], output: Path) -> Iterator[str]:
    """How many inputs have which status, after what is to know about the files."""
    done = [each for each in outcomes if each.status in ("restored", "unchanged")]
    seen = [
        images.Seen(each.job.source, each.format, each.notices)
        for each in done
        if each.format is not None
    ]
    yield from images.about(seen, written=True)
    yield from images.alike(
        (each.job.source, each.notices) for each in done if each.job.is_video
    )
    yield from _doubt_lines(outcomes)
    counts = Counter(outcome.status for outcome in outcomes)
    words = ("restored", "unchanged", "skipped", "failed")
    parts = ", ".join(f"{word} {counts[word]}" for word in words if counts[word])
    yield f"{parts}; results in {output}"
    if any(each.status == "skipped" and each.why is None for each in outcomes):
        yield "skipped inputs have a result already; --overwrite restores them again"


def _doubt_lines(outcomes: list[Outcome]) -> Iterator[str]:
    """What speaks against results that are there, a line for each doubt."""
    doubts: dict[str, list[Path]] = {}
    for outcome in outcomes:
        if outcome.status == "skipped" and outcome.why is not None:
            doubts.setdefault(outcome.why, []).append(outcome.job.target)
    for doubt, targets in doubts.items():
        if len(targets) == 1:
            yield f"{targets[0]}: is there, but {doubt}; --overwrite makes it anew"
        else:
            yield (
                f"{len(targets)} results are there, but {doubt}, {targets[0]} first; "
                "--overwrite makes them anew"
            )


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
