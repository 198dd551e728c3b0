"""Restore pictures: `python -m deblurgan_tf.predict --help`."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.options import Precision, Tile, Tta
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.terminal import counting_bar, say
from deblurgan_tf.errors import PictureError, UsageError
from deblurgan_tf.storage.resources import DEFAULT_MODEL, PLATES_MODEL

# TensorFlow takes seconds to import: the first picture is decoded meanwhile, and
# --help does without, and without NumPy and OpenCV. So they are imported inside the
# functions that need them.
if TYPE_CHECKING:
    import numpy as np

    from deblurgan_tf.inference.restorer import Restorer
    from deblurgan_tf.restoring.inputs import Job
    from deblurgan_tf.restoring.pipeline import Outcome

app = App()


def restore_all(
    jobs: list[Job], model: str, options: dict[str, Any], overwrite: bool, **what: Any
) -> Iterator[Outcome]:
    """Restores what the jobs name; yields the outcomes as they come.

    options: what `restorer.load` takes. what: the fields of a `Restoration` but the
    restorer. Raises what `load` raises before the first outcome.
    """
    from deblurgan_tf.restoring.pictures import Restoration
    from deblurgan_tf.restoring.pipeline import Outcome, Pipeline

    wanted = [job for job in jobs if overwrite or not job.target.exists()]
    pictures = [job for job in wanted if not job.is_video]
    bar = counting_bar("restoring")
    with Pipeline(pictures) as pipeline:
        restorer = _load(model, options) if wanted else None
        there = set(jobs) - set(wanted)
        yield from (Outcome(job, "skipped") for job in jobs if job in there)
        if restorer is None:
            return
        work = Restoration(restorer, **what)
        with bar:
            task, finished = bar.add_task("", total=len(wanted)), 0

            def advance(share: float) -> None:
                bar.update(task, completed=finished + share)

            def restore(pixels: np.ndarray, outcome: Outcome) -> np.ndarray:
                return work.picture(pixels, outcome, advance)

            films = (work.video(job, advance) for job in wanted if job.is_video)
            for outcome in chain(pipeline.outcomes(restore), films):
                finished += 1
                advance(0)
                yield outcome


def _load(model: str, options: dict[str, Any]) -> Restorer:
    import_tensorflow()
    from deblurgan_tf.devices import prepare_devices
    from deblurgan_tf.inference.restorer import load

    prepare_devices()
    return load(model, **options)


@app.command(
    no_args_is_help=True,
    epilog="Examples: python -m deblurgan_tf.predict photo.jpg --output restored || "
    "python -m deblurgan_tf.predict photos 'more/*.png' --output restored --model "
    "runs/plates_paper --report report.json || find . -name '*.jpg' | python -m "
    "deblurgan_tf.predict - --output restored || python -m deblurgan_tf.predict "
    "street.jpg --output restored --plates --read",
)
def main(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="pictures, videos, folders, patterns; - for paths on standard input",
        ),
    ],
    output: Annotated[Path, typer.Option(help="the folder of the results")],
    model: Annotated[
        str | None,
        typer.Option(
            help="a shipped model's name, a run's folder or a .keras  [default: "
            f"{DEFAULT_MODEL}; with --plates or --box {PLATES_MODEL}]"
        ),
    ] = None,
    plates: Annotated[
        bool,
        typer.Option(
            "--plates",
            help="find the number plates and restore them alone; their crops, but for "
            "videos, go to OUTPUT/plates",
        ),
    ] = False,
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H",
            help="restore this place as a plate in every input; may be repeated",
        ),
    ] = None,
    read: Annotated[
        bool,
        typer.Option(
            "--read", help="with --plates or --box: read them, before and after"
        ),
    ] = False,
    tile: Tile = None,
    tta: Tta = False,
    precision: Precision = "float32",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="restore again what is there already")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="write what became of each input"),
    ] = None,
) -> None:
    """Restore blurred pictures of any size, and videos; each keeps its name, format
    and metadata. A restored plate is an estimate, not evidence.

    What lies in a folder keeps its path below it. Exit codes: 0 all went well, 1 some
    input failed (the others are done), 2 wrong usage or model, 130 and 143 stopped.
    """
    from deblurgan_tf.errors import UsageError
    from deblurgan_tf.plates.boxes import parse_box

    before = signal.signal(signal.SIGTERM, _terminate)
    options = {"precision": precision, "tta": tta, "tile": tile}
    outcomes: list[Outcome] = []
    try:
        boxes = tuple(parse_box(text) for text in box or ())
        plates = plates or bool(boxes)
        if read and not plates:
            raise UsageError("--read reads number plates: add --plates or --box")
        if read or (plates and not boxes):
            _check_ocr()
        jobs = _gathered(inputs, output)
        _check_writable(output, report)
        _check_apart(jobs, output, report, plates)
        model = model or (PLATES_MODEL if plates else DEFAULT_MODEL)
        what = {"output": output, "plates": plates, "boxes": boxes, "read": read}
        for outcome in restore_all(jobs, model, options, overwrite, **what):
            outcomes.append(outcome)
            if outcome.error is not None:
                say(f"failed: {outcome.error}", "red")
            _tell_plates(outcome)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    # ModelError is one of them; its module would import TensorFlow for this line.
    except (UsageError, PictureError, ValueError) as error:
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


def _gathered(inputs: list[str], output: Path) -> list[Job]:
    from deblurgan_tf.restoring.inputs import gather

    try:
        return gather(inputs, output, _listed() if "-" in inputs else ())
    # A link to itself, a name that is too long, a folder that may not be entered.
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{error}; leave it out") from error


def _check_apart(
    jobs: list[Job], output: Path, report: Path | None, plates: bool
) -> None:
    """Raises UsageError where the report or a plate's crop could replace a picture."""
    pictures = {path.resolve() for job in jobs for path in job}
    if report is not None and report.resolve() in pictures:
        raise UsageError(f"--report {report}: is an input or a result; name another")
    crops = (output / "plates").resolve()
    for path in pictures if plates else ():
        named_so = re.search(r"-\d+-(before|after)\.png$", path.name)
        if named_so and path.is_relative_to(crops):
            raise UsageError(
                f"{path}: could be replaced by the crop of a plate; choose another "
                "--output"
            )


def _listed() -> Iterator[str]:
    """The paths on standard input, as the system spells them."""
    for line in sys.stdin.buffer:
        if b"\0" in line:
            raise UsageError("the list holds zero bytes: give find -print, not -print0")
        yield os.fsdecode(line)


def _check_ocr() -> None:
    """Raises UsageError now, not once for every input."""
    if importlib.util.find_spec("rapidocr") is None:
        raise UsageError(
            "finding and reading plates needs the extra ocr; install it with "
            "pip install 'deblurgan_tf[ocr]', or name the places with --box"
        )


def _tell_plates(outcome: Outcome) -> None:
    if outcome.job.is_video or "plates" not in outcome.extra:
        return
    found = outcome.extra["plates"]
    if not found:
        say(f"{outcome.job.source}: no plate found; --box x,y,w,h names the place")
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
        say(f"{outcome.job.source}: plate at {place}{text}")


def _check_writable(output: Path, report: Path | None) -> None:
    """Raises UsageError now rather than after hours of work."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"--output {output}: cannot be made ({error.strerror}); name a folder"
        ) from error
    if not os.access(output, os.W_OK | os.X_OK):
        raise UsageError(f"--output {output}: cannot be written to; check its rights")
    if report is not None and (
        report.is_dir()
        or not report.parent.is_dir()
        or not os.access(report.parent, os.W_OK | os.X_OK)
    ):
        raise UsageError(
            f"--report {report}: name a file in a folder that "
            "exists and can be written to"
        )


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
