"""A folder of plates cut out of photos: PNG crops, texts.csv, and report.csv.

report.csv has a line for every place that was looked at, with its reason if dropped.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError, UsageError
from deblurgan_tf.preparation.files import write_bytes
from deblurgan_tf.preparation.plate_cutting import CutPlate, Limits, cut_plates
from deblurgan_tf.preparation.tables import GivenPlate, write_texts
from deblurgan_tf.restoring.inputs import Job

REPORT = "report.csv"
COLUMNS = "photo,x,y,w,h,file,kept,reason,edge_width,rows,strokes,score,text,confidence"


class Cut(NamedTuple):
    """A plate of a photo and where its crop lies below the folder (None: dropped)."""

    photo: str
    plate: CutPlate
    file: str | None


class Photo(NamedTuple):
    """What became of a photo."""

    name: str
    cuts: list[Cut]
    error: str | None = None


def cut_photo(
    job: Job,
    output: Path,
    given: Sequence[GivenPlate] | None,
    limits: Limits,
    read: bool,
) -> Photo:
    """Cuts the plates out of one photo and writes the crops: NAME-1.png, NAME-2.png ...

    The numbers count all places that were looked at. The pixels are not kept.
    """
    relative = job.target.relative_to(output)
    name = relative.as_posix()
    try:
        photo = images.read_rgb(job.source)
        plates = cut_plates(photo, given, limits, read)
    except PictureError as error:
        return Photo(name, [], str(error))
    except UsageError as error:
        return Photo(name, [], f"{job.source}: {error}")
    cuts: list[Cut] = []
    for number, plate in enumerate(plates, 1):
        file = None
        if plate.reason is None:
            # The ending stays in the name: a.jpg and a.png may lie side by side.
            file = str(PurePosixPath(name).with_name(f"{relative.name}-{number}.png"))
            try:
                (output / file).parent.mkdir(parents=True, exist_ok=True)
                images.write(output / file, images.Picture(plate.pixels))
            except OSError as error:
                return Photo(name, cuts, f"{job.source}: {error}")
        cuts.append(Cut(name, plate._replace(pixels=plate.pixels[:0]), file))
    return Photo(name, cuts)


def write_tables(output: Path, cuts: Sequence[Cut]) -> None:
    """Writes report.csv and, where texts are known, texts.csv."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS.split(","))
    for photo, plate, file in cuts:
        kept = "yes" if file else "no"
        row = [photo, *plate.box, file, kept, plate.reason, _short(plate.edge_width)]
        row += [*map(_short, plate.slant), _short(plate.score)]
        writer.writerow([*row, plate.text, _short(plate.confidence)])
    write_bytes(output / REPORT, out.getvalue().encode(errors="replace"))
    texts = {file: plate.text for _, plate, file in cuts if file and plate.text}
    if texts:
        write_texts(output / "texts.csv", texts)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
