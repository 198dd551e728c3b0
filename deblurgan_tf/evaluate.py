"""Compare methods on pairs: `python -m deblurgan_tf.evaluate --help`."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.stopping import stoppable
from deblurgan_tf.cli.terminal import counting_bar, say
from deblurgan_tf.evaluation.names import NAMES
from deblurgan_tf.storage.model_names import chosen
from deblurgan_tf.storage.resources import AUTO_MODEL

# SciPy, OpenCV and TensorFlow take up to seconds to import; --help does without.
if TYPE_CHECKING:
    from deblurgan_tf.evaluation.session import Work
    from deblurgan_tf.evaluation.tasks import Result, Task

EVERY = 15.0  # seconds between two lines about the progress where there is no bar

app = App()


@app.command(
    no_args_is_help=True,
    examples=(
        "python -m deblurgan_tf.evaluate --data pairs --output comparison",
        "python -m deblurgan_tf.evaluate --data pairs --output comparison "
        "--methods blurred,deblurgan,wiener --model runs/plates_paper",
        "python -m deblurgan_tf.evaluate --data pairs --output comparison "
        "--restored maxim=maxim_out",
    ),
)
def main(
    data: Annotated[
        Path,
        typer.Option(
            metavar="PAIRS",
            help="a folder with blurred/ and sharp/ of equal names, and optionally "
            "kernels/NAME.npy, texts.csv (file,text), boxes.csv "
            "(file,x,y,width,height)",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="the folder of the results")
    ],
    model: Annotated[
        str,
        typer.Option(
            help="for deblurgan: auto, a shipped model's name, a run or a .keras file"
        ),
    ] = AUTO_MODEL,
    methods: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...", help=f"some of {', '.join(NAMES)}; default: all"
        ),
    ] = None,
    restored: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIR",
            help="a folder of pictures of the same names, restored by another program; "
            "may be repeated",
        ),
    ] = None,
    kernel_size: Annotated[
        int,
        typer.Option(
            metavar="PIXELS",
            help="for blind methods: an upper bound of the kernel's side, odd",
        ),
    ] = 31,
    limit: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="for blind methods: time limit for each picture"
        ),
    ] = 600.0,
    count: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="measure only N pictures, evenly spread over the names"
        ),
    ] = None,
    detect: Annotated[
        bool,
        typer.Option(
            "--detect",
            help="find plates in whole photos, and compare with boxes.csv or with "
            "those found in the sharp photos; default if there is a boxes.csv",
        ),
    ] = False,
    rows: Annotated[
        int, typer.Option(metavar="N", help="pictures in comparison.png")
    ] = 6,
    processes: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            help="processes at the same time; default: one for each processor",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="do everything again, also what is done")
    ] = False,
) -> None:
    """Restore blurred pictures by several methods and compare the results.

    Writes results.json, results.md and comparison.png into OUTPUT. The same command
    continues where it was stopped. Exit codes: 0 all went well, 1 some picture failed
    (the others are done), 2 wrong usage, pairs or model, 130 and 143 stopped.
    """
    from deblurgan_tf.evaluation import session

    options = session.Options(
        data=data,
        output=output,
        model=chosen(model),
        methods=methods,
        restored=restored or [],
        kernel_size=kernel_size,
        limit=limit,
        count=count,
        detect=detect,
        rows=rows,
        processes=processes,
        overwrite=overwrite,
        command=shlex.join(["python", *sys.orig_argv[1:]]),
    )
    with stoppable("stopped; run the same command again to resume"):
        evaluation = session.prepare(options)
        for notice in evaluation.notices:
            say(notice, "yellow")
        with session.opened(evaluation) as work:
            _finish(work)
            work.write_report()
    failures = sum("error" in result for result in work.results.values())
    failed = f", failed {failures}" if failures else ""
    say(f"measured {len(work.results) - failures}{failed}; results in {output}")
    if failures:
        raise typer.Exit(1)


def _finish(work: Work) -> None:
    """Performs what is left: with a bar on a terminal, with lines elsewhere."""
    from deblurgan_tf.cli.progress import spoken
    from deblurgan_tf.cli.terminal import console

    results, total = work.results, len(work.evaluation.tasks)
    if results:
        say(f"{len(results)} of {total} were done before and are kept")
    if work.outdated:
        say(
            f"{work.outdated} earlier results are of other pictures, options, model or "
            "version and are done again"
        )
    bar = counting_bar("{task.description}")
    begun = last_line = time.monotonic()
    with bar:
        shown = bar.add_task("evaluating", total=total, completed=len(results))
        for task, result in work.finish():
            _say_failure(task, result)
            bar.update(shown, completed=len(results))
            if not console.is_terminal and time.monotonic() - last_line > EVERY:
                last_line = time.monotonic()
                done = f"{len(results)} of {total} done"
                say(f"{done}, {spoken(last_line - begun)} elapsed")


def _say_failure(task: Task, result: Result) -> None:
    if "error" in result:
        say(f"failed: {task.method}, {task.pair.name}: {result['error']}", "red")
    if "traceback" in result:  # a fault of this package
        say(result["traceback"])


if __name__ == "__main__":
    app()
