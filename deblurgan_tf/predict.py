"""Restore pictures: `python -m deblurgan_tf.predict --help`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.options import Precision, Tile, Tta
from deblurgan_tf.cli.stopping import stoppable
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.storage.resources import AUTO_MODEL

if TYPE_CHECKING:
    from deblurgan_tf.restoring.outcomes import Outcome

app = App()


@app.command(
    no_args_is_help=True,
    examples=(
        "python -m deblurgan_tf.predict photo.jpg --output restored",
        "python -m deblurgan_tf.predict photos 'more/*.png' --output restored "
        "--model runs/plates_paper --report report.json",
        "find . -name '*.jpg' | python -m deblurgan_tf.predict - --output restored",
        "python -m deblurgan_tf.predict street.jpg --output restored --plates --read",
    ),
)
def main(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="pictures, videos, folders or patterns; - reads paths from standard "
            "input",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="folder of the results")
    ],
    model: Annotated[
        str,
        typer.Option(
            help="auto, name of a shipped model, folder of a run, or .keras file"
        ),
    ] = AUTO_MODEL,
    plates: Annotated[
        bool,
        typer.Option(
            "--plates",
            help="find the number plates and restore only them; their crops are "
            "written to OUTPUT/plates, except those of videos",
        ),
    ] = False,
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H",
            help="restore only this box, in pixels, as a plate in every input; may be "
            "given several times",
        ),
    ] = None,
    read: Annotated[
        bool,
        typer.Option(
            "--read", help="with --plates or --box: read each plate before and after"
        ),
    ] = False,
    tile: Tile = None,
    tta: Tta = False,
    precision: Precision = "float32",
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="restore inputs that have a result again, also another one",
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="write the outcome of each input"),
    ] = None,
) -> None:
    """Restore blurred pictures and videos of any size.

    Each result keeps the name, format and metadata of its input; files of a folder keep
    their paths below it. A restored plate is an estimate, not evidence.

    Results that are there already are skipped; OUTPUT/.deblurgan.jsonl records what
    made each of them.

    Exit codes: 0 all inputs have their result, 1 some failed or have another result
    (the others are restored), 2 wrong usage or model, 130 and 143 stopped by Ctrl-C
    and SIGTERM.
    """
    # These import NumPy and OpenCV, which --help does not need.
    from deblurgan_tf.restoring.files import restore_files
    from deblurgan_tf.restoring.report import (
        outcome_lines,
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
                for line in outcome_lines(outcome):
                    say(line)
        finally:
            write_report(request, outcomes)
    for line in summary_lines(outcomes, output):
        say(line)
    if any(outcome.status == "failed" or outcome.wrong for outcome in outcomes):
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
