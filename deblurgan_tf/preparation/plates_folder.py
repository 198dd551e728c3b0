"""A folder of plates cut out of photos: PNG crops, texts.csv, and report.csv.

report.csv has one line for each place that was examined, with the reason if it was
dropped.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError, UsageError
from deblurgan_tf.preparation.limits import Limits
from deblurgan_tf.preparation.plate_cutting import CutPlate, cut_plates
from deblurgan_tf.preparation.tables import GivenPlate, write_texts
from deblurgan_tf.restoring.inputs import Job
from deblurgan_tf.storage.atomic import make_folder
from deblurgan_tf.storage.csv_tables import write_rows
from deblurgan_tf.storage.names import composed, with_ending
from deblurgan_tf.storage.writing_errors import writing_to

REPORT = "report.csv"
COLUMNS = "photo,x,y,w,h,file,kept,reason,edge_width,rows,strokes,score,text,confidence"


class Cut(NamedTuple):
    """A plate of a photo; `file` is its crop below the folder, None if dropped."""

    photo: str
    plate: CutPlate
    file: str | None


class Summary(NamedTuple):
    """How many plates were kept, and how many were dropped for each reason."""

    kept: int
    dropped: Counter[str]


class Photo(NamedTuple):
    """The end of one photo's work; `error` is None where all went well."""

    name: str
    cuts: list[Cut]
    error: str | None = None
    seen: images.Seen | None = None  # None where the photo cannot be read


def check_empty(output: Path) -> None:
    """Raises UsageError if the folder exists and holds anything."""
    if output.is_dir() and any(output.iterdir()):
        raise UsageError(f"{output}: is not empty; choose another --output or empty it")


def name_of(job: Job, output: Path) -> str:
    """The name of a photo in tables: its relative path, with slashes."""
    return job.target.relative_to(output).as_posix()


@contextlib.contextmanager
def described(output: Path) -> Iterator[list[Cut]]:
    """A list of cuts, empty at first, that is written to the tables at the end.

    The tables are written also if the work is stopped.

    Raises:
        RunError: a table cannot be written.
    """
    cuts: list[Cut] = []
    try:
        yield cuts
    finally:
        with writing_to(output):
            write_tables(output, cuts)


def cut_all(
    jobs: Sequence[Job],
    output: Path,
    given: Mapping[str, Sequence[GivenPlate]] | None,
    limits: Limits,
    read: bool,
) -> Iterator[Photo]:
    """Cuts the plates out of all photos, one by one, and writes the crops.

    given: the boxes by the photos' `composed` names; None finds the plates. See
    `cut_photo`.
    """
    for job in jobs:
        places = (
            None if given is None else given.get(composed(name_of(job, output)), [])
        )
        yield cut_photo(job, output, places, limits, read)


def cut_photo(
    job: Job,
    output: Path,
    given: Sequence[GivenPlate] | None,
    limits: Limits,
    read: bool,
) -> Photo:
    """Cuts the plates out of one photo and writes the crops: NAME-1.png, NAME-2.png ...

    The numbers count all places that were examined. The result holds no pixels.

    Args:
        job: the photo, and its relative path below `output`.
        output: the folder of the crops.
        given: its boxes; None finds the plates.
        limits: what a plate must have to be kept.
        read: read the plates without a given text.

    Raises:
        MissingExtra: finding or reading without the extra `ocr`.
    """
    name = name_of(job, output)
    try:
        found = images.read(job.source)
        plates = cut_plates(images.eight_bits(found.pixels), given, limits, read)
    except PictureError as error:
        return Photo(name, [], str(error))
    except UsageError as error:
        return Photo(name, [], f"{job.source}: {error}")
    cuts: list[Cut] = []
    for number, plate in enumerate(plates, 1):
        file = None
        if plate.reason is None:
            # With the suffix: a.jpg and a.png may be in the same folder.
            crop = with_ending(PurePosixPath(name).name, f"-{number}.png")
            file = PurePosixPath(name).with_name(crop).as_posix()
            try:
                make_folder((output / file).parent)
                images.write(output / file, images.Picture(plate.pixels))
            except OSError as error:
                return Photo(name, cuts, f"{job.source}: {error}")
        cuts.append(Cut(name, plate._replace(pixels=plate.pixels[:0]), file))
    seen = images.Seen(job.source, found.format, found.notices)
    return Photo(name, cuts, seen=seen)


def write_tables(output: Path, cuts: Sequence[Cut]) -> None:
    """Writes report.csv and, where texts are known, texts.csv."""
    write_rows(output / REPORT, COLUMNS.split(","), map(_row, cuts))
    texts = {file: plate.text for _, plate, file in cuts if file and plate.text}
    if texts:
        write_texts(output / "texts.csv", texts)


def summary(cuts: Sequence[Cut]) -> Summary:
    """Counts the plates by what became of them."""
    dropped: Counter[str] = Counter(x.plate.reason for x in cuts if x.plate.reason)
    return Summary(len(cuts) - dropped.total(), dropped)


def _row(cut: Cut) -> list[object]:
    """A line of report.csv, in the order of COLUMNS."""
    photo, plate, file = cut
    kept = "yes" if file else "no"
    row = [photo, *plate.box, file, kept, plate.reason, _short(plate.edge_width)]
    row += [*map(_short, plate.slant), _short(plate.score)]
    return [*row, plate.text, _short(plate.confidence)]


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
