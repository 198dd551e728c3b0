"""comparison.png: one row a picture, one column a method.

Small pictures and the middle of large ones are shown pixel by pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle

from deblurgan_tf import images
from deblurgan_tf.errors import DataError
from deblurgan_tf.evaluation.kernel_files import read_kernel, support
from deblurgan_tf.evaluation.tasks import Task
from deblurgan_tf.storage.atomic import write_atomically
from deblurgan_tf.storage.names import printable

# All in pixels of the figure.
COLUMN = 320
TALLEST = 240
GAP = 8
LINE = 22  # of text
KERNEL = 48  # side of the small kernels
DPI = 100
POINTS = 10


@dataclass(frozen=True)
class Cell:
    """The result of one method for one picture; pixels are None where it failed."""

    pixels: np.ndarray | None
    caption: str = ""
    kernel: np.ndarray | None = None
    best: bool = False


@dataclass(frozen=True)
class Row:
    """The results of all methods for one picture."""

    name: str
    cells: list[Cell]


def comparison(columns: list[str], rows: list[Row], title: str) -> Figure:
    """Draws the rows below the names of the columns.

    Of a picture larger than 320x240 pixels the middle is shown. A kernel is drawn in
    the upper left corner of its cell; the kernels of one row have the same scale.
    """
    heights = [_height(row) for row in rows]
    width = len(columns) * (COLUMN + GAP) + GAP
    height = sum(heights) + len(rows) * (2 * LINE + GAP) + 2 * LINE + GAP
    figure = Figure((width / DPI, height / DPI), dpi=DPI, facecolor="white")
    page = _Page(figure, width, height)
    page.text(GAP, GAP, title, weight="bold")
    top = GAP + LINE
    for number, name in enumerate(columns):
        page.text(page.left(number), top, name, weight="bold")
    top += LINE
    for row, tall in zip(rows, heights, strict=True):
        page.text(GAP, top, _row_title(row))
        top += LINE
        side = max(
            (support(x.kernel) for x in row.cells if x.kernel is not None), default=0
        )
        for number, cell in enumerate(row.cells):
            page.cell(number, top, tall, cell, side)
        top += tall + LINE + GAP
    return figure


def save(figure: Figure, file: Path) -> None:
    """Writes the figure; the suffix gives the format."""
    write_atomically(file, figure.savefig)


def row_of(tasks: list[Task], scores: dict[tuple[str, str], dict[str, Any]]) -> Row:
    """The row of one picture: the results of its tasks, then the sharp picture.

    tasks: all of one picture; scores: by (method, picture), of those that succeeded.
    """
    pair = tasks[0].pair
    assert pair.sharp is not None
    best = max((x["psnr"] for task in tasks if (x := scores.get(task.key))), default=0)
    cells = []
    for task in tasks:
        measured = scores.get(task.key)
        if measured is None or task.picture is None:
            cells.append(Cell(None, "failed"))
            continue
        kernel = pair.kernel if task.method == "blurred" else task.kernel
        cells.append(
            Cell(
                images.read_rgb(task.picture),
                f"{_decibels(measured['psnr'])}   {measured.get('read', '')}",
                _kernel(kernel),
                measured["psnr"] == best,
            )
        )
    return Row(pair.name, [*cells, Cell(images.read_rgb(pair.sharp), pair.text or "")])


def _kernel(file: Path | None) -> np.ndarray | None:
    try:
        return None if file is None else read_kernel(file)
    except DataError:
        return None  # reported where a method needed this kernel


class _Page:
    """A figure with coordinates in pixels from its upper left corner."""

    def __init__(self, figure: Figure, width: int, height: int) -> None:
        self.figure, self.width, self.height = figure, width, height

    def left(self, column: int) -> int:
        return GAP + column * (COLUMN + GAP)

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        place = (x / self.width, 1 - y / self.height)
        self.figure.text(
            *place,
            _drawable(printable(text)),
            fontsize=POINTS,
            va="top",
            parse_math=False,  # a file's name may hold dollars
            **style,
        )

    def picture(
        self, x: float, y: float, width: float, height: float, pixels: np.ndarray
    ) -> Any:
        box = (x / self.width, 1 - (y + height) / self.height)
        size = (width / self.width, height / self.height)
        axis = self.figure.add_axes((*box, *size))
        axis.set_axis_off()
        axis.imshow(pixels, cmap="gray", interpolation="nearest", aspect="auto")
        return axis

    def cell(self, column: int, top: int, tall: int, cell: Cell, side: int) -> None:
        x = self.left(column)
        if cell.pixels is None:
            blank = np.full((1, 1, 3), 220, np.uint8)
            self.picture(x, top, COLUMN, tall, blank)
        else:
            shown = middle(cell.pixels)
            scale = min(COLUMN / shown.shape[1], tall / shown.shape[0])
            self.picture(x, top, shown.shape[1] * scale, shown.shape[0] * scale, shown)
        if cell.kernel is not None:
            axis = self.picture(
                x + 3, top + 3, KERNEL, KERNEL, _padded(cell.kernel, side)
            )
            frame = Rectangle((0, 0), 1, 1, fill=False, edgecolor="gold", linewidth=2)
            axis.add_patch(frame)
            frame.set_transform(axis.transAxes)
        style = {"weight": "bold"} if cell.best else {}
        self.text(x, top + tall + 2, cell.caption, **style)


def _decibels(psnr: float) -> str:
    return "equal" if math.isinf(psnr) else f"{psnr:.2f} dB"


def _drawable(text: str) -> str:
    """The text with a sign of its own for letters that the font does not have.

    Matplotlib would warn of each. A plate or a name may be Chinese.
    """
    font = get_font(findfont(FontProperties()))
    return "".join(x if font.get_char_index(ord(x)) else "\ufffd" for x in text)


def middle(pixels: np.ndarray) -> np.ndarray:
    """The part of a picture that is shown: at most TALLEST x COLUMN of its middle."""
    height, width = pixels.shape[:2]
    rows, columns = min(height, TALLEST), min(width, COLUMN)
    top, left = (height - rows) // 2, (width - columns) // 2
    return pixels[top : top + rows, left : left + columns]


def _height(row: Row) -> int:
    shown = _shown(row)
    scale = min(COLUMN / shown.shape[1], TALLEST / shown.shape[0])
    return round(shown.shape[0] * scale)


def _row_title(row: Row) -> str:
    shown, (height, width) = _shown(row), _whole(row)
    if shown.shape[:2] == (height, width):
        return f"{row.name}: {width}x{height} pixels"
    return (
        f"{row.name}: the middle {shown.shape[1]}x{shown.shape[0]} of {width}x{height} "
        "pixels"
    )


def _shown(row: Row) -> np.ndarray:
    return middle(next(x.pixels for x in row.cells if x.pixels is not None))


def _whole(row: Row) -> tuple[int, int]:
    pixels = next(x.pixels for x in row.cells if x.pixels is not None)
    return pixels.shape[0], pixels.shape[1]


def _padded(kernel: np.ndarray, side: int) -> np.ndarray:
    """The kernel cut or padded with zeros to (side, side), its middle kept."""
    for axis, length in enumerate(kernel.shape):
        if length > side:
            start = length // 2 - side // 2
            kernel = kernel.take(range(start, start + side), axis)
    more = [((side - n) // 2, side - n - (side - n) // 2) for n in kernel.shape]
    return np.pad(kernel, more)
