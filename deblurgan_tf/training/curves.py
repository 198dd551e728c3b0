"""Curves of a training, drawn from its log: losses over the epochs, and validation.

They stay apart in print and for the colour-blind: by lightness and by line style.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

Record = dict[str, Any]  # a line of log.jsonl

DARK, BRIGHT, GREY = "#143d6b", "#d9690f", "#777777"
TITLES = {
    "content": "Content loss",
    "adversarial": "Adversarial loss of the generator",
    "penalty": "Gradient penalty of the critic",
    "guesses": "Loss of the intermediate pictures",
    "kernels": "Loss of the kernels",
}
MEASURES = {"psnr": ("PSNR", "dB", 2), "ssim": ("SSIM", "0 to 1", 4)}
SMOOTHED = 40  # so many values or more are drawn with their moving average
WIDE = 10.0  # a loss whose largest value is so many times the smallest: log scale


class Log(NamedTuple):
    """The lines of a log by what they hold, and where they are drawn."""

    losses: list[Record]
    validations: list[Record]
    x: Callable[[Record], float]
    unit: str  # of x

    def parts(self) -> list[str]:
        """The losses that have a chart of their own."""
        return [name for name in TITLES if any(name in x for x in self.losses)]


def sort_log(records: Sequence[Record]) -> Log:
    """Sorts the lines of a log; the horizontal axis is epochs where all have them."""
    losses = [record for record in records if "generator" in record]
    validations = [record for record in records if "psnr" in record]
    unit = "step"
    if all("epoch" in record for record in records):
        unit = "epoch"
    return Log(losses, validations, lambda record: float(record[unit]), unit)


def draw_all(figure: FigureBase, records: Sequence[Record]) -> None:
    """Generator and critic on top, below them the parts and the validation."""
    log = sort_log(records)
    last = max(records, key=lambda record: record["step"])
    end = f"{last['step']:,} steps"
    if log.unit == "epoch":
        end += f", {_number(round(last['epoch'], 1))} epochs"
    figure.suptitle(end, fontsize=16)
    rows: list[list[str]] = [["generator"]] if log.losses else []
    rows += [log.parts()] if log.losses else []
    rows += [["psnr", "ssim"]] if log.validations else []
    # Rows of one, two and more charts have the same width together.
    width = int(np.lcm.reduce([len(row) for row in rows]))
    mosaic = [[name for name in row for _ in range(width // len(row))] for row in rows]
    heights = [1.5 if row == ["generator"] else 1.0 for row in rows]
    axes = figure.subplot_mosaic(mosaic, height_ratios=heights)  # type: ignore[arg-type]
    if log.losses:
        draw_generator_and_critic(axes["generator"], log)
        for name in log.parts():
            _draw_part(axes[name], log, name)
    if log.validations:
        draw_validation(axes["psnr"], log, "psnr")
        draw_validation(axes["ssim"], log, "ssim")


def draw_beside(figure: FigureBase, records: Sequence[Record]) -> None:
    """The two charts that stand beside samples: the losses and the PSNR."""
    log = sort_log(records)
    rows = [bool(log.losses), bool(log.validations)]
    if not any(rows):
        return  # the first samples may be older than the first line of the log
    axes = list(figure.subplots(sum(rows), 1, squeeze=False)[:, 0])
    if log.losses:
        draw_generator_and_critic(axes.pop(0), log)
    if log.validations:
        draw_validation(axes.pop(0), log, "psnr")


def draw_generator_and_critic(axis: Axes, log: Log) -> None:
    """Both losses in one chart, as in figures 4 to 7 of Dao and Duong 2022.

    Each has a scale of its own: the generator's loss can be a thousand times the
    critic's.
    """
    _draw(axis, log, "generator", DARK, "-")
    axis.set_ylabel("generator loss", color=DARK)
    _finish(axis, "Generator loss", log)
    if not any("critic" in record for record in log.losses):
        return
    other = axis.twinx()
    _draw(other, log, "critic", BRIGHT, (0, (4, 1.5)))
    other.set_ylabel("critic loss", color=BRIGHT)
    other.spines[["top"]].set_visible(False)
    axis.set_title("Generator and critic loss", loc="left")
    lines = [_most_visible(each) for each in (axis, other)]
    names = ["generator (left scale)", "critic (right scale)"]
    # Above the chart, where no curve is.
    other.legend(
        lines, names, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2,
        frameon=False, borderpad=0.0,
    )  # fmt: skip


def draw_validation(axis: Axes, log: Log, name: str) -> None:
    """PSNR or SSIM of the restored pictures, and of the blurred ones beside it."""
    x = [log.x(record) for record in log.validations]
    values = [record[name] for record in log.validations]
    title, unit, digits = MEASURES[name]
    axis.plot(x, values, color=DARK, marker="o", markersize=3.5, label="restored")
    best = int(np.argmax(values))
    axis.plot(
        x[best], values[best], "D", markersize=8, color=BRIGHT, markeredgecolor=DARK,
        label=f"best: {values[best]:.{digits}f}",
    )  # fmt: skip
    blurred = log.validations[-1].get(f"{name}_blurred")
    if blurred is not None:
        axis.axhline(
            blurred, color=GREY, linestyle=":", linewidth=2,
            label=f"blurred: {blurred:.{digits}f}",
        )  # fmt: skip
    axis.set_ylabel(f"{title}, {unit}")
    axis.legend(loc="best", framealpha=0.9)
    _finish(axis, f"{title} of the validation pictures, higher is better", log)


def _draw_part(axis: Axes, log: Log, name: str) -> None:
    _draw(axis, log, name, DARK, "-")
    axis.set_ylabel("loss")
    _finish(axis, TITLES[name], log)


def _draw(axis: Axes, log: Log, name: str, color: str, style: Any) -> None:
    """A loss: each value of the log, and over many of them their moving average."""
    found = [record for record in log.losses if name in record]
    x = np.array([log.x(record) for record in found])
    values = np.array([record[name] for record in found], float)
    many = len(values) >= SMOOTHED
    if not many:
        axis.plot(x, values, color=color, linestyle=style, marker=".")
    else:
        axis.plot(x, values, color=color, linewidth=0.8, alpha=0.35)
        window = len(values) // 20
        mean = np.convolve(values, np.ones(window) / window, "valid")
        first = (window - 1) // 2
        middle = x[first : first + len(mean)]
        axis.plot(middle, mean, color=color, linestyle=style, linewidth=2)
    if values.min() > 0 and values.max() > WIDE * values.min():
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_minor_locator(NullLocator())
    else:
        axis.yaxis.set_major_locator(MaxNLocator(6))
    axis.yaxis.set_major_formatter(FuncFormatter(_number))


def _most_visible(axis: Axes) -> Any:
    """The moving average where there is one."""
    return axis.get_lines()[-1]


def _number(value: float, _: object = None) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"


def _finish(axis: Axes, title: str, log: Log) -> None:
    axis.set_title(title, loc="left")
    axis.set_xlabel(log.unit)
    axis.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axis.xaxis.set_major_formatter(FuncFormatter(_number))
    axis.set_xlim(left=0.0)
    axis.grid(color="#dddddd", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
