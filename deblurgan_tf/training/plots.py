"""The paper's figures: loss curves, and blurred | restored | sharp over the training.

All of them are drawn from the files of a run (log.jsonl, samples/*.npz), never from
the training itself: `redraw(RUN)` draws them again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from deblurgan_tf.storage.atomic import write_atomically
from deblurgan_tf.training.run_folder import read_log
from deblurgan_tf.training.validation import Triplet

COLUMNS = 6  # steps on the page over time
LOSSES = ("content", "adversarial", "critic", "penalty")
DPI = 100


def save_samples(run: Path, step: int, triplets: list[Triplet]) -> None:
    """Stores the samples of a step in RUN/samples as .npz, and draws them as .png."""
    folder = run / "samples"
    folder.mkdir(exist_ok=True)
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
        figure = Figure((10, 8), dpi=DPI, layout="constrained")
        _draw_curves(figure, records)
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
    column = 2.6
    row = column * height / width
    figure = Figure(
        (3 * column + 6.5, max(len(triplets) * row, 6.0) + 0.6),
        dpi=DPI,
        layout="constrained",
    )
    ratios = (3 * column, 6.5)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=ratios)[0]
    axes = left.subplots(len(triplets), 3, squeeze=False)
    for line, triplet in zip(axes, triplets, strict=True):
        for axis, picture in zip(line, triplet, strict=True):
            _show(axis, picture)
    for axis, title in zip(axes[0], ("blurred", "restored", "sharp"), strict=True):
        axis.set_title(title)
    left.suptitle(f"step {step:,}")
    _draw_curves(right, records)
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
    column = 2.6
    size = (column * (len(pages) + 2), rows * column * height / width + 0.6)
    figure = Figure(size, dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, len(pages) + 2, squeeze=False)
    for number, line in enumerate(axes):
        _show(line[0], pages[0][f"blurred_{number}"])
        for axis, page in zip(line[1:], pages, strict=False):
            _show(axis, page[f"restored_{number}"])
        _show(line[-1], pages[0][f"sharp_{number}"])
    steps = [int(path.stem.removeprefix("step-")) for path in chosen]
    titles = ["blurred", *(f"step {step:,}" for step in steps), "sharp"]
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    return figure


def _draw_curves(figure: Any, records: list[dict[str, Any]]) -> None:
    """The losses (the paper's figures 4 to 7) and the validation, from the log."""
    logged = [record for record in records if "generator" in record]
    measured = [record for record in records if "psnr" in record]
    names = [name for name in LOSSES if any(name in record for record in logged)]
    rows = len(names) + bool(measured)
    if rows == 0:
        return  # the first samples may be older than the first line of the log
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)
    axes = axes[:, 0]
    for axis, name in zip(axes, names, strict=False):
        steps = [record["step"] for record in logged]
        axis.plot(steps, [record[name] for record in logged], linewidth=1)
        axis.set_ylabel(name)
    if names and all(record["content"] > 0 for record in logged):
        axes[0].set_yscale("log")
    if measured:
        steps = [record["step"] for record in measured]
        blurred = measured[-1]["psnr_blurred"]
        axes[-1].plot(
            steps, [x["psnr"] for x in measured], marker=".", label="restored"
        )
        axes[-1].axhline(blurred, color="gray", linestyle="--", label="blurred")
        axes[-1].set_ylabel("validation PSNR, dB")
        axes[-1].legend(loc="lower right")
    axes[-1].set_xlabel("step")
    for axis in axes:
        axis.grid(alpha=0.3)


def _show(axis: Any, picture: np.ndarray) -> None:
    axis.imshow(picture, interpolation="nearest")
    axis.set_axis_off()


def _save(figure: Figure, path: Path) -> Path:
    write_atomically(path, figure.savefig)
    return path
