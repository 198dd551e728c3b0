"""Restore pictures: `python -m deblurgan_tf.predict --help`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.options import Precision, Tile, Tta
from deblurgan_tf.cli.stopping import stoppable
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.storage.resources import DEFAULT_MODEL, PLATES_MODEL

if TYPE_CHECKING:
    from deblurgan_tf.restoring.outcomes import Outcome

app = App()


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
    # --help does without NumPy and OpenCV, which these import.
    from deblurgan_tf.restoring.files import restore_files
    from deblurgan_tf.restoring.report import (
        plate_lines,
        summary_lines,
        write_report,
    )
    from deblurgan_tf.restoring.requests import checked_request

    with stoppable():
        request = checked_request(
            inputs,
            output,
            model=model,
            options={"precision": precision, "tta": tta, "tile": tile},
            plates=plates,
            boxes=box or (),
            read=read,
            overwrite=overwrite,
            report=report,
        )
        outcomes: list[Outcome] = []
        try:
            for outcome in restore_files(request):
                outcomes.append(outcome)
                if outcome.error is not None:
                    say(f"{outcome.bug or ''}failed: {outcome.error}", "red")
                for line in plate_lines(outcome):
                    say(line)
        finally:
            write_report(request, outcomes)
    for line in summary_lines(outcomes, output):
        say(line)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
