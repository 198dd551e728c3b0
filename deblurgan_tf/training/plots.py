"""A run's pictures: its curves, and blurred | restored | sharp over the training.

All of them are drawn from the files of a run (log.jsonl, samples/*.npz), never from
the training itself: `redraw(RUN)` draws them again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

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
    stored = sorted((run / "samples").glob("step-*.npz"))
    if stored:
        paths.append(_save(progress_figure(stored), run / "progress.png"))
    return paths


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


def progress_figure(stored: list[Path]) -> Figure:
    """A row for each sample: blurred, restored at several steps, sharp.

    stored: the .npz files of `save_samples`, in the order of the steps.
    """
    # Evenly spaced over the training, the first and the last included.
    places = np.linspace(0, len(stored) - 1, min(COLUMNS, len(stored)))
    chosen = [stored[round(place)] for place in places]
    pages = []
    for path in chosen:
        with np.load(path, allow_pickle=False) as arrays:
            pages.append(dict(arrays))
    rows = sum(key.startswith("sharp_") for key in pages[0])
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


def _layout() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)


def _show(axis: Any, picture: np.ndarray) -> None:
    # Single pixels of a small picture are seen; a large one is averaged.
    axis.imshow(picture, interpolation="nearest" if picture.shape[1] < 480 else "auto")
    axis.set_axis_off()


def _save(figure: Figure, path: Path) -> Path:
    write_atomically(path, figure.savefig)
    return path
