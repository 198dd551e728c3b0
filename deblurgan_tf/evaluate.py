"""Set methods side by side on pairs: `python -m deblurgan_tf.evaluate --help`."""

from __future__ import annotations

import importlib.util
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.stopping import terminate
from deblurgan_tf.cli.terminal import counting_bar, say
from deblurgan_tf.errors import (
    DataError,
    ModelError,
    PictureError,
    RunError,
    UsageError,
)
from deblurgan_tf.evaluation.names import NAMES
from deblurgan_tf.storage.resources import DEFAULT_MODEL

# SciPy, OpenCV and TensorFlow take up to seconds to import; --help does without.
if TYPE_CHECKING:
    from deblurgan_tf.evaluation import report
    from deblurgan_tf.evaluation.pairs import Pair
    from deblurgan_tf.evaluation.records import Records
    from deblurgan_tf.evaluation.tasks import Task

EVERY = 15.0  # seconds between two lines about the progress where there is no bar
KILLED = (
    "its process was killed, as the system does when memory runs out; use fewer "
    "--workers or leave the picture out"
)

app = App()


@app.command(
    no_args_is_help=True,
    epilog="Examples: python -m deblurgan_tf.evaluate --data pairs --output comparison "
    "|| python -m deblurgan_tf.evaluate --data pairs --output comparison --methods "
    "blurred,deblurgan,wiener --model runs/plates_paper || python -m "
    "deblurgan_tf.evaluate --data pairs --output comparison --restored maxim=maxim_out",
)
def main(
    data: Annotated[
        Path,
        typer.Option(
            metavar="PAIRS",
            help="a folder with blurred/ and sharp/ of equal names, and what is known: "
            "kernels/NAME.npy, texts.csv (file,text), boxes.csv "
            "(file,x,y,width,height)",
        ),
    ],
    output: Annotated[Path, typer.Option(help="the folder of the results")],
    model: Annotated[
        str,
        typer.Option(help="of deblurgan: a shipped model's name, a run or a .keras"),
    ] = DEFAULT_MODEL,
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
            help="pictures of the same names, restored by another program; may be "
            "repeated",
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
        typer.Option(metavar="SECONDS", help="for blind methods: time a picture"),
    ] = 600.0,
    count: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="measure N pictures, evenly spread over the names"
        ),
    ] = None,
    detect: Annotated[
        bool,
        typer.Option(
            "--detect",
            help="find plates in whole photos, and compare with boxes.csv or with "
            "those found in the sharp ones; default where there is a boxes.csv",
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
            help="processes side by side; default: one a processor",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="do again what is done already")
    ] = False,
) -> None:
    """Restore pairs by many methods, measure the results, and set them side by side:
    results.json, results.md and comparison.png.

    The same command goes on where it was stopped. Exit codes: 0 all went well, 1 some
    picture failed (the others are done), 2 wrong usage or model, 130 and 143 stopped.
    """
    from deblurgan_tf.errors import UsageError
    from deblurgan_tf.evaluation import report
    from deblurgan_tf.evaluation.pairs import even, read_pairs
    from deblurgan_tf.evaluation.plan import chosen, others, plan, usable
    from deblurgan_tf.evaluation.protocol import describe
    from deblurgan_tf.evaluation.records import Records, locked
    from deblurgan_tf.evaluation.tasks import Settings

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        names, folders = chosen(methods), others(restored or [])
        _check_numbers(kernel_size, limit, count, rows, processes)
        pairs, notices = read_pairs(data)
        whole = len(pairs)
        pairs = [pairs[n] for n in even(whole, count or whole)]
        names, more = usable(names, pairs, kernel_size)
        if not names and not folders:
            raise UsageError("; ".join(more))
        read, detect, ocr = _ocr(pairs, detect)
        notices += more + ocr
        _check_output(output, data, folders)
        settings = Settings(
            size=kernel_size,
            limit=limit,
            read=read,
            detect=detect,
            model=_model_hash(model) if "deblurgan" in names else None,
        )
        for notice in notices:
            say(notice, "yellow")
        processes = processes or _processors()
        tasks = plan(pairs, names, folders, output, settings)
        with locked(output):
            records = Records(output, {x.key for x in tasks} if overwrite else ())
            results = _results(tasks, records, model, processes)
            about = describe(
                {"data": str(data), "pictures": len(pairs), "pictures_there": whole},
                shlex.join(["python", *sys.orig_argv[1:]]),
                settings,
                model if settings.model else None,
                processes,
                notices,
            )
            report.write(output, tasks, results, about, rows)
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here")
        raise typer.Exit(130) from None
    except (DataError, UsageError, RunError, PictureError) as error:
        say(f"error: {error}", "bold red")
        raise typer.Exit(2) from None
    except OSError as error:
        say(f"error: {error}; mend it, and the same command goes on", "bold red")
        raise typer.Exit(2) from None
    finally:
        signal.signal(signal.SIGTERM, before)
    failures = sum("error" in result for result in results.values())
    failed = f", failed {failures}" if failures else ""
    say(f"measured {len(results) - failures}{failed}; results in {output}")
    if failures:
        raise typer.Exit(1)


def _results(
    tasks: list[Task], records: Records, model: str, processes: int
) -> report.Results:
    """The results of all tasks: those of before, and those that are still to do."""
    from deblurgan_tf.cli.progress import spoken
    from deblurgan_tf.cli.terminal import console

    results: report.Results = {}
    left = []
    outdated = sum(records.outdated(task) for task in tasks)
    for task in tasks:
        task, line = records.state(task)
        if line is None:
            left.append(task)
        else:
            results[task.key] = line
    if results:
        say(f"{len(results)} of {len(tasks)} were done before and are kept")
    if outdated:
        say(
            f"{outdated} results of before are of other pictures, options, model or "
            "version and are made anew"
        )
    bar = counting_bar("{task.description}")
    begun = told = time.monotonic()
    with bar:
        shown = bar.add_task("evaluating", total=len(tasks), completed=len(results))
        for task, result in _done(left, records, model, processes):
            results[task.key] = result
            if "error" in result:
                say(
                    f"failed: {task.method}, {task.pair.name}: {result['error']}", "red"
                )
            bar.update(shown, completed=len(results))
            if not console.is_terminal and time.monotonic() - told > EVERY:
                told = time.monotonic()
                done = f"{len(results)} of {len(tasks)} done"
                say(f"{done}, {spoken(told - begun)} elapsed")
    return results


def _done(
    tasks: list[Task], records: Records, model: str, processes: int
) -> Iterator[tuple[Task, dict[str, Any]]]:
    """(task, its result) as they come; each is on the disk before it is yielded."""
    from deblurgan_tf.evaluation import workers
    from deblurgan_tf.evaluation.tasks import perform

    networks: list[Task] = []
    others: list[Task] = []
    for task in tasks:
        waits = task.method == "deblurgan" and not task.restored
        (networks if waits else others).append(task)
    for task, result in chain(
        _by_network(networks, model), workers.run(perform, others, processes)
    ):
        if result is None:
            result = {"error": KILLED}
        records.add(task, result)
        yield task, result


def _by_network(tasks: list[Task], model: str) -> Iterator[tuple[Task, dict[str, Any]]]:
    if not tasks:
        return
    from deblurgan_tf.errors import ModelError
    from deblurgan_tf.evaluation import network
    from deblurgan_tf.evaluation.tasks import perform

    try:
        for task, seconds in network.restore_all(tasks, model):
            if isinstance(seconds, str):
                yield task, {"error": seconds}
            else:
                yield task, perform(replace(task, restored=True, seconds=seconds))
    except ModelError as error:
        raise UsageError(str(error)) from error


def _model_hash(model: str) -> str | None:
    import_tensorflow()
    from deblurgan_tf.evaluation.tasks import file_hash
    from deblurgan_tf.models import files as model_files

    try:
        return file_hash(model_files.find(model))
    except ModelError as error:
        raise UsageError(str(error)) from error


def _ocr(pairs: list[Pair], detect: bool) -> tuple[bool, bool, list[str]]:
    """Whether plates are read, whether they are found, and why they cannot be."""
    read = any(pair.text is not None for pair in pairs)
    find = detect or any(pair.boxes is not None for pair in pairs)
    if (read or find) and importlib.util.find_spec("rapidocr") is None:
        from deblurgan_tf.plates import detection as plates

        notice = "reading and finding plates: left out; they need the extra ocr"
        return False, False, [f"{notice} ({plates.INSTALL})"]
    return read, find, []


def _check_numbers(
    kernel_size: int, limit: float, count: int | None, rows: int, processes: int | None
) -> None:
    if kernel_size < 3 or kernel_size % 2 == 0:
        raise UsageError(f"--kernel-size {kernel_size}: must be odd, 3 or more")
    if not limit > 0:
        raise UsageError(f"--limit {limit:g}: must be above 0 seconds")
    for option, value in {
        "--count": count,
        "--rows": rows,
        "--workers": processes,
    }.items():
        if value is not None and value < 1:
            raise UsageError(f"{option} {value}: must be 1 or more")


def _check_output(output: Path, data: Path, restored: dict[str, Path]) -> None:
    """Raises UsageError now rather than after hours of work; makes the folder."""
    if output.resolve() == data.resolve():
        raise UsageError(f"--output {output}: is the folder of --data; name another")
    for name, folder in restored.items():
        if folder.resolve().is_relative_to((output / "restored").resolve()):
            raise UsageError(
                f"--restored {name}={folder}: lies in --output, whose results replace "
                "each other; copy it elsewhere, or name another --output"
            )
    for folder in (data / "blurred", data / "sharp", data / "kernels"):
        if output.resolve().is_relative_to(folder.resolve()):
            raise UsageError(
                f"--output {output}: lies in {folder}, which is an input; "
                "name another folder"
            )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"--output {output}: cannot be made ({error.strerror}); name a folder"
        ) from error
    if not os.access(output, os.W_OK | os.X_OK):
        raise UsageError(f"--output {output}: cannot be written to; check its rights")


def _processors() -> int:
    """Those that this process may use: a container may have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    app()
