"""A run's pictures: its curves, and blurred | restored | sharp over the training.

All of them are drawn from the files of a run (log.jsonl, samples/*.npz), never from
the training itself: `redraw(RUN)` draws them again.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from deblurgan_tf.cli.terminal import say
from deblurgan_tf.storage.atomic import make_folder, write_atomically
from deblurgan_tf.training import curves
from deblurgan_tf.training.run_folder import read_log
from deblurgan_tf.training.validation import Triplet

COLUMNS = 6  # steps on the page over time
COLUMN = 4.8  # width of a picture beside the curves, inches
SMALL_COLUMN = 3.2  # the same on the page over time
DPI = 100


def save_samples(run: Path, step: int, triplets: list[Triplet]) -> None:
    """Stores the samples of a step in RUN/samples as .npz, and draws them as .png."""
    folder = run / "samples"
    make_folder(folder)
    arrays = {
        f"{name}_{number}": picture
        for number, triplet in enumerate(triplets)
        for name, picture in triplet._asdict().items()
    }
    path = folder / f"step-{step:08d}.npz"
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))
    records = [record for record in read_log(run) if record["step"] <= step]
    figure = samples_figure(triplets, records, step)
    _save(figure, path.with_suffix(".png"))


def redraw(run: Path) -> list[Path]:
    """Draws loss.png, and progress.png where there are samples; returns the paths."""
    records = read_log(run)
    paths = []
    if any("generator" in record for record in records):
        figure = Figure((14, 10), dpi=DPI, layout=_layout())
        curves.draw_all(figure, records)
        paths.append(_save(figure, run / "loss.png"))
    progress = progress_figure(_stored(run))
    if progress is not None:
        paths.append(_save(progress, run / "progress.png"))
    return paths


def outdated(run: Path) -> bool:
    """Whether a figure that `redraw` draws is gone, or older than the log."""
    log = run / "log.jsonl"
    figures = ["loss.png", *(["progress.png"] if _stored(run) else [])]
    return log.exists() and any(
        not (run / name).exists()
        or (run / name).stat().st_mtime_ns < log.stat().st_mtime_ns
        for name in figures
    )


def _stored(run: Path) -> list[Path]:
    """The samples in the order of their steps; other files there are the user's."""
    files = (run / "samples").glob("step-*.npz")
    return sorted(x for x in files if x.stem.removeprefix("step-").isdigit())


def samples_figure(
    triplets: list[Triplet], records: list[dict[str, Any]], step: int
) -> Figure:
    """A row blurred | restored | sharp for each triplet, and beside them the curves.

    records: lines of the log up to `step`.
    """
    height, width = triplets[0].sharp.shape[:2]
    beside = 9.2
    figure = Figure(
        (3 * COLUMN + beside, max(len(triplets) * COLUMN * height / width, 7.0) + 0.7),
        dpi=DPI,
        layout=_layout(),
    )
    ratios = (3 * COLUMN, beside)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=ratios)[0]
    axes = left.subplots(len(triplets), 3, squeeze=False)
    for line, triplet in zip(axes, triplets, strict=True):
        for axis, picture in zip(line, triplet, strict=True):
            _show(axis, picture)
    for axis, title in zip(axes[0], ("blurred", "restored", "sharp"), strict=True):
        axis.set_title(title, fontsize=14)
    left.suptitle(f"step {step:,}", fontsize=16)
    curves.draw_beside(right, records)
    return figure


def progress_figure(stored: list[Path]) -> Figure | None:
    """A row for each sample: blurred, restored at several steps, sharp.

    stored: the .npz files of `save_samples`, in the order of the steps. Damaged ones
    are left out and named; None where no other is there.
    """
    if not stored:
        return None
    # Evenly spaced over the training, the first and the last included.
    places = np.linspace(0, len(stored) - 1, min(COLUMNS, len(stored)))
    chosen = [stored[round(place)] for place in places]
    read = {path: _page(path) for path in chosen}
    found = {path: page for path, page in read.items() if page is not None}
    if not found:
        return None
    chosen, pages = list(found), list(found.values())
    rows = min(len(page) for page in pages) // len(Triplet._fields)
    height, width = pages[0]["sharp_0"].shape[:2]
    size = (
        SMALL_COLUMN * (len(pages) + 2),
        rows * SMALL_COLUMN * height / width + 0.6,
    )
    figure = Figure(size, dpi=DPI, layout=_layout())
    axes = figure.subplots(rows, len(pages) + 2, squeeze=False)
    for number, line in enumerate(axes):
        _show(line[0], pages[0][f"blurred_{number}"])
        for axis, page in zip(line[1:], pages, strict=False):
            _show(axis, page[f"restored_{number}"])
        _show(line[-1], pages[0][f"sharp_{number}"])
    steps = [int(path.stem.removeprefix("step-")) for path in chosen]
    titles = ["blurred", *(f"step {step:,}" for step in steps), "sharp"]
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=14)
    return figure


def _page(path: Path) -> dict[str, np.ndarray] | None:
    """The samples of a step; None, after a line that names the file, if damaged."""
    try:
        # Opened here: NumPy does not close what it fails to read.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            page = dict(arrays)
    # What a file that is cut, empty or another makes of NumPy and zipfile.
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile, zlib.error):
        page = {}
    rows = len(page) // len(Triplet._fields)
    wanted = {f"{name}_{row}" for name in Triplet._fields for row in range(rows)}
    if rows and page.keys() == wanted and all(map(_is_picture, page.values())):
        return page
    say(f"{path}: is damaged; progress.png is drawn without it", "yellow")
    return None


def _is_picture(array: np.ndarray) -> bool:
    return array.dtype == np.uint8 and array.ndim == 3


def _layout() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)


def _show(axis: Any, picture: np.ndarray) -> None:
    # Single pixels of a small picture are seen; a large one is averaged.
    axis.imshow(picture, interpolation="nearest" if picture.shape[1] < 480 else "auto")
    axis.set_axis_off()


def _save(figure: Figure, path: Path) -> Path:
    write_atomically(path, figure.savefig)
    return path
