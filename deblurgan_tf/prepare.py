"""Make and check data sets: `python -m deblurgan_tf.prepare plates | blur | ...`."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.errors import DataError, PictureError, UsageError
from deblurgan_tf.preparation.limits import Limits
from deblurgan_tf.preparation.pack_command import pack
from deblurgan_tf.preparation.terminal import progress, refuse, say, show_problems

# NumPy, OpenCV and TensorFlow take up to seconds to import: --help does without, and
# wrong usage as far as it can.
if TYPE_CHECKING:
    from deblurgan_tf.config import Blur
    from deblurgan_tf.preparation.data_check import Problem
    from deblurgan_tf.preparation.plates_folder import Cut
    from deblurgan_tf.restoring.inputs import Job

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
    epilog="Examples: python -m deblurgan_tf.prepare blur crops --output pairs --count "
    "40 --seed 1 || python -m deblurgan_tf.prepare blur photos --output pairs --kind "
    "linear --canvas 33 --length 25 --noise 0,2 --width 640",
)
def blur(
    sharp: Sources,
    output: Annotated[Path, typer.Option(metavar="PAIRS", help="folder of the pairs")],
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1)] = 0,
    count: Annotated[
        int | None,
        typer.Option(
            min=1, help="only so many pictures, chosen by a hash of the names"
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
        float, typer.Option(help="of a whole trajectory, or the largest; pixels")
    ] = 60.0,
    intensity: Annotated[
        str, typer.Option(help="how shaky; one of these for each picture")
    ] = "0.003,0.005,0.007,0.008,0.009,0.01",
    exposures: Annotated[
        str, typer.Option(help="parts of the trajectory; one for each picture")
    ] = "0.1,0.5,1",
    noise: Annotated[
        str, typer.Option(help="deviation in grey levels of 255, or its range: 0,2")
    ] = "0,2",
    gamma: Annotated[
        float, typer.Option(help="value^gamma is blurred; 2.2: linear light")
    ] = 1.0,
) -> None:
    """Blur sharp pictures: pairs with their kernels, for evaluate and for training.

    Writes PAIRS/blurred, sharp (PNG), kernels (float64 .npy), texts.csv where the
    pictures have a texts.csv or plates.csv (file,text) beside them, and pairs.yaml.
    Kernel and noise of a picture depend on the seed and its name alone. The same
    command goes on where it was stopped, or adds what is new. Exit codes: 0 all went
    well, 1 some picture failed (the others are done), 2 wrong usage, 130 and 143
    stopped.
    """
    how = _blur_options(
        kind=kind, canvas=canvas, length=length, gamma=gamma,
        intensity=_numbers("--intensity", intensity),
        exposures=_numbers("--exposures", exposures),
        noise=_numbers("--noise", noise, 2),
    )  # fmt: skip
    jobs = _gathered(sharp, output)
    import_tensorflow()
    from deblurgan_tf.data.holdout import hold_out
    from deblurgan_tf.preparation import pair_making, pairs_folder

    recipe = pair_making.Recipe(seed, how, width)
    try:
        sharps = pairs_folder.named(jobs, output)
        if count is not None:
            chosen = hold_out((each.name for each in sharps), count)
            sharps = [each for each in sharps if each.name in chosen]
        pairs_folder.begin(
            output, recipe, shlex.join(["deblurgan_tf.prepare", *sys.argv[1:]])
        )
    except (DataError, OSError) as error:
        raise refuse(error) from None
    made = []
    with progress("blurring", len(sharps)) as advance:
        for each in pairs_folder.make_all(sharps, output, recipe):
            advance()
            made.append(each)
            if each.error is not None:
                say(f"failed: {each.error}", "red")
    good = [each for each in made if each.error is None]
    try:
        pairs_folder.add_texts(output, (each.sharp for each in good))
    except (DataError, OSError) as error:
        raise refuse(error) from None
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
    if failed:
        raise typer.Exit(1)


@app.command(
    no_args_is_help=True,
    epilog="Examples: python -m deblurgan_tf.prepare plates photos --output crops "
    "--read || python -m deblurgan_tf.prepare plates photos --output crops --boxes "
    "plates.csv",
)
def plates(
    photos: Sources,
    output: Annotated[Path, typer.Option(metavar="DIR", help="folder of the crops")],
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="file,x,y,w,h[,text]: where the plates are; without it they are "
            "looked for (extra ocr)",
        ),
    ] = None,
    read: Annotated[
        bool,
        typer.Option(
            "--read", help="read them (extra ocr); drop what cannot be a plate's text"
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

    Writes DIR/PHOTO-1.png ..., texts.csv where texts are known, and report.csv: a line
    for each place with its box, whether it was kept, the reason if not, the width of
    its edges, and by how many degrees its rows and strokes were turned. Exit codes: 0
    all went well, 1 some photo failed (the others are done), 2 wrong usage.
    """
    from deblurgan_tf.preparation.plates_folder import cut_photo, write_tables
    from deblurgan_tf.preparation.tables import boxes_of

    try:
        given = None if boxes is None else boxes_of(boxes)
    except DataError as error:
        raise refuse(error) from None
    if given is None or read:
        _check_ocr()
    if output.is_dir() and any(output.iterdir()):
        raise refuse(f"{output}: is not empty; choose another --output or empty it")
    jobs = _gathered(photos, output)
    known = {job.target.relative_to(output).as_posix() for job in jobs}
    for name in sorted((given or {}).keys() - known):
        say(f"warning: {boxes}: {name} is none of the photos", "yellow")
    limits = Limits(min_width, max_edge_width, min_score)
    cuts: list[Cut] = []
    failed = 0
    try:
        with progress("cutting", len(jobs)) as advance:
            for job in jobs:
                name = job.target.relative_to(output).as_posix()
                places = None if given is None else given.get(name, [])
                photo = cut_photo(job, output, places, limits, read)
                cuts += photo.cuts
                if photo.error is not None:
                    failed += 1
                    say(f"failed: {photo.error}", "red")
                elif not photo.cuts:
                    say(f"{name}: {'no plate' if given is None else 'no box'}")
                advance()
    finally:  # what was cut before it was stopped is described too
        write_tables(output, cuts)
    reasons = Counter(cut.plate.reason for cut in cuts if cut.plate.reason)
    told = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
    kept = len(cuts) - reasons.total()
    say(f"kept {kept} of {len(cuts)} plates{f' (dropped: {told})' if told else ''}")
    say(f"{len(jobs) - failed} photos done, {failed} failed; report in {output}")
    if failed:
        raise typer.Exit(1)


@app.command(
    no_args_is_help=True,
    epilog="Examples: python -m deblurgan_tf.prepare check pairs --report check.json "
    "|| python -m deblurgan_tf.prepare check photos --against test_photos",
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
            help="the data.validation of a training: no picture that it sets aside may "
            "look like another",
        ),
    ] = 32,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE.json", help="write every problem"),
    ] = None,
) -> None:
    """Look for what is wrong with a data set.

    DIR holds pairs (blurred/ and sharp/), sharp pictures, or train/ and validation/ of
    either. Errors: unreadable files, missing mates, unequal sizes, bad kernels, texts
    without a file, pictures on both sides of a split. Warnings: duplicates, pictures
    that are not sharp, missing kernels or texts. Exit codes: 0 no errors (there may be
    warnings), 1 errors, 2 wrong usage.
    """
    from deblurgan_tf.errors import DataError
    from deblurgan_tf.preparation.data_check import examine, problems_within, report
    from deblurgan_tf.preparation.data_sets import recognise
    from deblurgan_tf.preparation.doubles import duplicates, leaks, split_leaks
    from deblurgan_tf.preparation.files import write_bytes

    try:
        sets = recognise(folder)
        others = [] if against is None else recognise(against)
    except (DataError, PictureError, OSError) as error:
        raise refuse(error) from None
    if report_file is not None and not report_file.parent.is_dir():
        raise refuse(f"--report {report_file}: its folder is not there")
    if report_file is not None and report_file.is_dir():
        raise refuse(f"--report {report_file}: is a folder; name a file")
    total = sum(len(each.sharp) + len(each.blurred) for each in sets + others)
    with progress("reading", total) as advance:
        parts = [examine(each, advance) for each in sets]
        rest = [examine(each, advance) for each in others]
    problems: list[Problem] = []
    seen = [facts for part in rest for facts in part.readable()]
    for part in parts:
        problems += problems_within(part) + duplicates(part.readable())
        problems += leaks(part.readable(), seen)
    if len(parts) == 2:
        problems += leaks(parts[1].readable(), parts[0].readable())
    else:
        problems += split_leaks(parts[0], validation)
    result = report(problems, parts)
    if report_file is not None:
        text = json.dumps({"folder": str(folder), **result}, indent=2) + "\n"
        try:
            write_bytes(report_file, text.encode(errors="replace"))
        except OSError as error:
            raise refuse(error) from None
    show_problems(problems, result["pictures"])
    if result["errors"]:
        raise typer.Exit(1)


app.command(
    no_args_is_help=True,
    epilog="Examples: python -m deblurgan_tf.prepare pack photos --output data || "
    "python -m deblurgan_tf.prepare pack pairs --output data --name my_pairs",
)(pack)


def _check_ocr() -> None:
    if importlib.util.find_spec("rapidocr") is None:
        raise refuse(
            "finding and reading plates needs the extra ocr; install it with pip "
            "install 'deblurgan_tf[ocr]', or name the places with --boxes"
        )


def _gathered(inputs: list[str], output: Path) -> list[Job]:
    from deblurgan_tf.restoring.inputs import gather

    try:
        jobs = gather(inputs, output, (os.fsdecode(line) for line in sys.stdin.buffer))
        output.mkdir(parents=True, exist_ok=True)
    except (UsageError, OSError, RuntimeError) as error:
        raise refuse(error) from None
    pictures = [job for job in jobs if not job.is_video]
    if not pictures:
        raise refuse("the inputs hold no pictures; give files or folders")
    return pictures


def _numbers(option: str, text: str, least: int = 1) -> tuple[float, ...]:
    """ "1,2" -> (1, 2); a single number is repeated until there are `least`."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise refuse(f"{option} {text}: must be numbers with commas") from None
    return values * least if len(values) == 1 else values


def _blur_options(**values: Any) -> Blur:
    from pydantic import ValidationError

    from deblurgan_tf.config import Blur

    try:
        return Blur(**values)
    except ValidationError as error:
        detail = error.errors()[0]
        name = f"--{detail['loc'][0]}: " if detail["loc"] else ""
        raise refuse(name + detail["msg"].removeprefix("Value error, ")) from None


if __name__ == "__main__":
    app()
