"""Make and check data sets: `python -m deblurgan_tf.prepare blur | plates | ...`."""

from __future__ import annotations

import contextlib
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.stopping import stoppable
from deblurgan_tf.cli.terminal import counting_bar, say
from deblurgan_tf.errors import DataError, UsageError
from deblurgan_tf.preparation.limits import Limits
from deblurgan_tf.storage.output_file import check_output_file
from deblurgan_tf.storage.places import resolved

# NumPy, OpenCV and TensorFlow take up to seconds to import: --help does without, and
# wrong usage as far as it can.
if TYPE_CHECKING:
    from deblurgan_tf.config import Blur
    from deblurgan_tf.images import Seen
    from deblurgan_tf.preparation.checking import Checked
    from deblurgan_tf.preparation.pairs_folder import Made

SHOWN = 10  # problems of a kind on the terminal; --report has them all

app = App(
    "Make and check data sets: plates out of photos, pairs out of sharp pictures."
)
Sources = Annotated[
    list[str],
    typer.Argument(
        help="pictures, folders, patterns; - for paths on standard input",
        show_default=False,
    ),
]


@app.command(
    no_args_is_help=True,
    examples=(
        "python -m deblurgan_tf.prepare blur crops --output pairs --count 40 --seed 1",
        "python -m deblurgan_tf.prepare blur photos --output pairs --kind linear "
        "--canvas 33 --length 25 --noise 0,2 --width 640",
    ),
)
def blur(
    sharp: Sources,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="PAIRS", help="folder of the pairs"),
    ],
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1)] = 0,
    count: Annotated[
        int | None,
        typer.Option(
            min=1, help="only N pictures, chosen by a hash of their names", metavar="N"
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(
            min=16, max=32767, help="scale the sharp pictures to this width first"
        ),
    ] = None,
    kind: Annotated[
        Literal["trajectory", "linear", "defocus"],
        typer.Option(help="camera shake, straight lines or discs"),
    ] = "trajectory",
    canvas: Annotated[int, typer.Option(help="largest side of a kernel, odd")] = 65,
    length: Annotated[
        float,
        typer.Option(
            help="of a whole trajectory; the largest, for other kinds; pixels"
        ),
    ] = 60.0,
    intensity: Annotated[
        str, typer.Option(help="how shaky the camera is; one of these values a picture")
    ] = "0.003,0.005,0.007,0.008,0.009,0.01",
    exposures: Annotated[
        str,
        typer.Option(help="shares of the trajectory; one of these values a picture"),
    ] = "0.1,0.5,1",
    noise: Annotated[
        str,
        typer.Option(help="standard deviation in grey levels of 255, or a range: 0,2"),
    ] = "0,2",
    gamma: Annotated[
        float, typer.Option(help="the blur acts on value^gamma; 2.2: linear light")
    ] = 1.0,
) -> None:
    """Blur sharp pictures: pairs with their kernels, for evaluate and for training.

    Writes PAIRS/blurred, sharp (PNG), kernels (float64 .npy), texts.csv if there is a
    texts.csv or plates.csv (file,text) beside the pictures, and pairs.yaml. The kernel
    and the noise of a picture depend only on the seed and its name. The same command
    continues where it was stopped, or adds new pictures. Exit codes: 0 all went well, 1
    some picture failed (the others are done), 2 wrong usage, 130 and 143 stopped.
    """
    how = _blur(
        kind=kind, canvas=canvas, length=length, gamma=gamma,
        intensity=_numbers("--intensity", intensity),
        exposures=_numbers("--exposures", exposures),
        noise=_numbers("--noise", noise, 2),
    )  # fmt: skip
    from deblurgan_tf.preparation.inputs import pictures_given

    jobs = pictures_given(sharp, output)
    import_tensorflow()
    from deblurgan_tf.preparation import pairs_folder
    from deblurgan_tf.preparation.pair_making import Recipe

    recipe = Recipe(seed, how, width)
    command = shlex.join(["deblurgan_tf.prepare", *sys.argv[1:]])
    sharps = pairs_folder.chosen(pairs_folder.named(jobs, output), count)
    pairs_folder.begin(output, recipe, command)
    made = []
    with _progress("blurring", len(sharps)) as advance:
        for each in pairs_folder.make_all(sharps, output, recipe):
            advance()
            made.append(each)
            if each.error is not None:
                say(f"failed: {each.error}", "red")
    _say_seen([each.seen for each in made if each.seen is not None])
    pairs_folder.add_texts(output, (x.sharp for x in made if x.error is None))
    _say_made(made, output, width)
    if any(each.error is not None for each in made):
        raise typer.Exit(1)


@app.command(
    no_args_is_help=True,
    examples=(
        "python -m deblurgan_tf.prepare plates photos --output crops --read",
        "python -m deblurgan_tf.prepare plates photos --output crops "
        "--boxes plates.csv",
    ),
)
def plates(
    photos: Sources,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="folder of the crops"),
    ],
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="file,x,y,w,h[,text]: where the plates are; without it they are "
            "detected (extra ocr)",
        ),
    ] = None,
    read: Annotated[
        bool,
        typer.Option(
            "--read", help="read them (extra ocr); drop those whose text no plate has"
        ),
    ] = False,
    min_width: Annotated[float, typer.Option(help="of a plate, pixels")] = Limits.width,
    max_edge_width: Annotated[
        float, typer.Option(help="of its sharpest edges, pixels at a width of 192")
    ] = Limits.edge_width,
    min_score: Annotated[
        float, typer.Option(help="of the plate detector, 0 to 1")
    ] = Limits.score,
) -> None:
    """Cut number plates out of photos, straighten them, drop the bad ones.

    Writes DIR/PHOTO-1.png ..., texts.csv if texts are known, and report.csv: a line for
    each place with its box, whether it was kept, the reason if not, the width of its
    edges, and the slopes of its rows and strokes in degrees. Exit codes: 0 all went
    well, 1 some photo failed (the others are done), 2 wrong usage, 130 and 143 stopped.
    """
    from deblurgan_tf.preparation import plates_folder
    from deblurgan_tf.preparation.inputs import pictures_given
    from deblurgan_tf.preparation.tables import boxes_of
    from deblurgan_tf.storage.names import composed

    given = None if boxes is None else boxes_of(boxes)
    if given is None or read:
        from deblurgan_tf.restoring.requests import check_ocr

        check_ocr("--boxes")
    plates_folder.check_empty(output)
    jobs = pictures_given(photos, output)
    known = {composed(plates_folder.name_of(job, output)) for job in jobs}
    for name in sorted((given or {}).keys() - known):
        say(f"warning: {boxes}: {name} is none of the photos", "yellow")
    limits = Limits(min_width, max_edge_width, min_score)
    failed = 0
    seen = []
    with plates_folder.described(output) as cuts, _progress("cutting", len(jobs)) as go:
        for photo in plates_folder.cut_all(jobs, output, given, limits, read):
            cuts += photo.cuts
            seen += [photo.seen] if photo.seen is not None else []
            if photo.error is not None:
                failed += 1
                say(f"failed: {photo.error}", "red")
            elif not photo.cuts:
                say(f"{photo.name}: {'no plate' if given is None else 'no box'}")
            go()
    _say_seen(seen)
    kept, dropped = plates_folder.summary(cuts)
    reasons = ", ".join(f"{reason} {n}" for reason, n in dropped.most_common())
    more = f" (dropped: {reasons})" if reasons else ""
    say(f"kept {kept} of {len(cuts)} plates{more}")
    say(f"{len(jobs) - failed} photos done, {failed} failed; report in {output}")
    if failed:
        raise typer.Exit(1)


@app.command(
    no_args_is_help=True,
    examples=(
        "python -m deblurgan_tf.prepare check pairs --report check.json",
        "python -m deblurgan_tf.prepare check photos --against test_photos",
    ),
)
def check(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="pairs, sharp pictures, or both parts")
    ],
    against: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="no picture of DIR may be one of these"),
    ] = None,
    validation: Annotated[
        int,
        typer.Option(
            min=0,
            help="the data.validation of a training: no picture that it holds out may "
            "look like another",
        ),
    ] = 32,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE.json", help="write every problem"),
    ] = None,
) -> None:
    """Look for problems of a data set.

    DIR holds pairs (blurred/ and sharp/), sharp pictures, or train/ and validation/ of
    either. Errors: unreadable files, missing mates, unequal sizes, bad kernels, texts
    without a file, pictures on both sides of a split. Warnings: duplicates, pictures
    that are not sharp, missing kernels or texts. Exit codes: 0 no errors (there may be
    warnings), 1 errors, 2 wrong usage.
    """
    from deblurgan_tf.preparation import checking
    from deblurgan_tf.preparation.data_sets import recognise

    sets = recognise(folder)
    others = [] if against is None else recognise(against)
    if report_file is not None:
        check_output_file("--report", report_file)
    total = sum(len(each.sharp) + len(each.blurred) for each in sets + others)
    with _progress("reading", total) as advance:
        checked = checking.check(sets, others, validation, advance)
    if report_file is not None:
        checking.write_report(report_file, folder, checked)
    _show_problems(checked)
    if checked.report["errors"]:
        raise typer.Exit(1)


@app.command(
    no_args_is_help=True,
    examples=(
        "python -m deblurgan_tf.prepare pack photos --output data",
        "python -m deblurgan_tf.prepare pack pairs --output data --name my_pairs",
    ),
)
def pack(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="pairs, sharp pictures, or both parts")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DATA", help="the data directory of the set"
        ),
    ],
    name: Annotated[
        str, typer.Option(help="of the set: small letters, digits and _")
    ] = "pictures",
    megabytes: Annotated[
        float, typer.Option(min=0.001, help="approximate size of each file of the set")
    ] = 256.0,
) -> None:
    """Pack a large folder into a tensorflow-datasets set: few large files.

    DIR holds pairs (blurred/ and sharp/), sharp pictures, or train/ and validation/ of
    either. Writes DATA/NAME/1.0.0, which `train` reads with data.source tfds, and so
    does every program that reads tensorflow-datasets. JPEG and PNG files are packed as
    they are, others as PNG; pictures that cannot be decoded are named and left out. The
    same command continues where it was stopped. Exit codes: 0 all went well, 1 some
    picture was left out, 2 wrong usage, 130 and 143 stopped.
    """
    # Names of the files are longer by up to 60 characters, and end at 255.
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name):
        raise UsageError(
            f"--name {name}: use only small letters, digits and _, 100 at most"
        )
    if resolved(output).is_relative_to(resolved(folder)):
        raise UsageError(f"--output {output}: lies in {folder}; choose a place outside")
    from deblurgan_tf.preparation.data_sets import recognise

    sets = recognise(folder)
    import_tensorflow()
    from deblurgan_tf.preparation import packing

    place = output / name / packing.VERSION
    plans = [packing.plan(each, megabytes) for each in sets]
    packing.begin(place, plans)
    total = sum(len(shard) for part in plans for shard in part.shards)
    failed = 0
    seen: list[Seen] = []
    with _progress("packing", total) as advance:
        for part in plans:
            for packed in packing.pack(place, name, part):
                advance()
                seen += packed.seen
                if packed.error is not None:
                    failed += 1
                    say(f"left out: {packed.error}", "red")
    if failed == total:
        raise DataError(f"{folder}: none of the pictures can be used")
    _say_seen(seen)
    packing.describe(place, name, plans)
    files = sum(len(part.shards) for part in plans)
    say(f"packed {total - failed} into {files} files, left out {failed}; {place}")
    say(
        f"to train on them: --set data.source=tfds --set data.name={name} "
        f"--set data.path={output}"
        f"{' --set blur=null' if all(each.paired for each in sets) else ''}"
    )
    if failed:
        raise typer.Exit(1)


@contextlib.contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar, and a function that advances it by one; the command can be stopped."""
    bar = counting_bar(what)
    with stoppable(), bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _say_seen(seen: list[Seen]) -> None:
    """Lines about all pictures that were read: names that do not fit, for example."""
    from deblurgan_tf import images

    for line in images.about(seen):
        say(line)


def _say_made(made: list[Made], output: Path, width: int | None) -> None:
    good = [each for each in made if each.error is None]
    enlarged = sum(each.enlarged for each in good)
    if enlarged:
        say(
            f"warning: {enlarged} pictures were narrower than {width} pixels and were "
            "enlarged: they are less sharp than the others",
            "yellow",
        )
    there = sum(each.was_there for each in good)
    failed = len(made) - len(good)
    say(f"made {len(good) - there}, there already {there}, failed {failed}; {output}")


def _show_problems(checked: Checked) -> None:
    """The numbers of problems, and the first of each kind, on standard output."""
    from rich.console import Console

    from deblurgan_tf.preparation.data_check import SEVERITY

    out = Console()  # the report is the result, so it goes to standard output

    def show(text: str, style: str | None = None) -> None:
        say(text, style, out)

    pictures = checked.report["pictures"]
    show(", ".join(f"{count} {what} pictures" for what, count in pictures.items()))
    for kind, severity in SEVERITY.items():
        found = [problem for problem in checked.problems if problem.kind == kind]
        if found:
            style = "red" if severity == "error" else "yellow"
            show(f"{severity}: {kind}: {len(found)}", style)
        for problem in found[:SHOWN]:
            show(f"  {problem.file}: {problem.detail}")
        if len(found) > SHOWN:
            show(f"  and {len(found) - SHOWN} more; --report FILE.json has them all")
    counts = Counter(problem.severity for problem in checked.problems)
    show(f"{counts['error']} errors, {counts['warning']} warnings")


def _numbers(option: str, text: str, least: int = 1) -> tuple[float, ...]:
    """`"1,2"` -> (1, 2); a single number is repeated until there are `least`."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} {text}: must be numbers with commas") from None
    return values * least if len(values) == 1 else values


def _blur(**values: Any) -> Blur:
    """The checked settings; an error names the option."""
    from pydantic import ValidationError

    from deblurgan_tf.config import Blur

    try:
        return Blur(**values)
    except ValidationError as error:
        detail = error.errors()[0]
        name = f"--{detail['loc'][0]}: " if detail["loc"] else ""
        raise UsageError(name + detail["msg"].removeprefix("Value error, ")) from None


if __name__ == "__main__":
    app()
