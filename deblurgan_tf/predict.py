"""Restore pictures: `python -m deblurgan_tf.predict --help`."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from deblurgan_tf import images
from deblurgan_tf.inputs import InputError, Job, gather
from deblurgan_tf.pipeline import Outcome, Pipeline
from deblurgan_tf.resources import DEFAULT_MODEL

# TensorFlow takes seconds to import: the first picture is decoded meanwhile, and
# --help does without. So it is imported inside the functions that compute.
if TYPE_CHECKING:
    from deblurgan_tf.restorer import Restorer

console = Console(stderr=True)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def say(text: str, style: str | None = None) -> None:
    # A file's name may hold bytes that are not UTF-8.
    text = text.encode(errors="surrogateescape").decode(errors="replace")
    # Soft wrap: one line in a log file. No markup: a path may hold brackets.
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def restore_all(
    jobs: list[Job], model: str, options: dict[str, Any], overwrite: bool
) -> Iterator[Outcome]:
    """Restores what the jobs name; yields the outcomes as they come.

    options: what `restorer.load` takes. Raises what it raises before the first outcome.
    """
    wanted = [job for job in jobs if overwrite or not job.target.exists()]
    left = set(wanted)
    bar = Progress(
        TextColumn("restoring"),
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal,
    )
    with Pipeline(wanted) as pipeline:
        restorer = _load(model, options) if wanted else None
        yield from (Outcome(job, "skipped") for job in jobs if job not in left)
        if restorer is None:
            return
        with bar:
            task, finished = bar.add_task("", total=len(wanted)), 0

            def advance(share: float) -> None:
                bar.update(task, completed=finished + share)

            def restore(pixels: np.ndarray, outcome: Outcome) -> np.ndarray:
                plan = restorer.plan(*pixels.shape[:2])
                outcome.extra["tiles"] = plan.as_dict()
                return restorer.restore(pixels, advance)

            for finished, outcome in enumerate(pipeline.outcomes(restore), 1):
                bar.update(task, completed=finished)
                yield outcome


def _load(model: str, options: dict[str, Any]) -> Restorer:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # notices of CPU features
    from deblurgan_tf.devices import prepare_devices
    from deblurgan_tf.restorer import load

    prepare_devices()
    return load(model, **options)


@app.command(
    no_args_is_help=True,
    epilog="Examples: python -m deblurgan_tf.predict photo.jpg --output restored || "
    "python -m deblurgan_tf.predict photos 'more/*.png' --output restored --model "
    "runs/plates_paper --report report.json || find . -name '*.jpg' | python -m "
    "deblurgan_tf.predict - --output restored",
)
def main(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="pictures, folders, patterns, or - for paths on standard input",
        ),
    ],
    output: Annotated[Path, typer.Option(help="the folder of the results")],
    model: Annotated[
        str, typer.Option(help="a shipped model's name, a run's folder or a .keras")
    ] = DEFAULT_MODEL,
    tile: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            help="side of the tiles that large pictures are cut into  [default: 1024]",
        ),
    ] = None,
    tta: Annotated[
        bool, typer.Option("--tta", help="average over eight flips and quarter turns")
    ] = False,
    precision: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(help="bfloat16 is faster on some processors, and coarser"),
    ] = "float32",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="restore again what is there already")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="write what became of each input"),
    ] = None,
) -> None:
    """Restore blurred pictures of any size; each keeps its name, format and metadata.

    What lies in a folder keeps its path below it. Exit codes: 0 all went well, 1 some
    input failed (the others are done), 2 wrong usage or model, 130 and 143 stopped.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    options = {"precision": precision, "tta": tta, "tile": tile}
    outcomes: list[Outcome] = []
    try:
        jobs = gather(inputs, output, _listed() if "-" in inputs else ())
        _check_writable(output, report)
        for outcome in restore_all(jobs, model, options, overwrite):
            outcomes.append(outcome)
            if outcome.error is not None:
                say(f"failed: {outcome.error}", "red")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    # ModelError is one of them; its module would import TensorFlow for this line.
    except (InputError, images.PictureError, ValueError) as error:
        say(f"error: {error}", "bold red")
        raise typer.Exit(2) from None
    finally:
        signal.signal(signal.SIGTERM, before)
        if report is not None and outcomes:
            _write_report(report, outcomes, {"model": model, **options})
    counts = Counter(outcome.status for outcome in outcomes)
    words = ("restored", "skipped", "failed")
    told = ", ".join(f"{word} {counts[word]}" for word in words if counts[word])
    say(f"{told}; results in {output}")
    if counts["skipped"]:
        say("skipped were those with a result already; --overwrite makes them anew")
    if counts["failed"]:
        raise typer.Exit(1)


def _listed() -> Iterator[str]:
    """The paths on standard input, as the system spells them."""
    return (os.fsdecode(line) for line in sys.stdin.buffer)


def _check_writable(output: Path, report: Path | None) -> None:
    """Raises InputError now rather than after hours of work."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--output {output}: cannot be made ({error.strerror}); name a folder"
        ) from error
    if not os.access(output, os.W_OK | os.X_OK):
        raise InputError(f"--output {output}: cannot be written to; check its rights")
    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise InputError(f"--report {report}: name a file in a folder that exists")


def _write_report(path: Path, outcomes: list[Outcome], how: dict[str, Any]) -> None:
    lines = sorted((outcome.as_dict() for outcome in outcomes), key=_by_input)
    text = json.dumps({**how, "inputs": lines}, indent=2, ensure_ascii=False) + "\n"
    partial = path.with_name(f".{path.name}.partial")
    try:
        # A file's name may hold bytes that are not UTF-8.
        partial.write_text(text, encoding="utf-8", errors="surrogateescape")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _by_input(line: dict[str, Any]) -> str:
    return line["input"]


def _terminate(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    app()
