"""A table on the terminal, and the same figures as JSON."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deblurgan_tf.storage.json_files import write_json
from deblurgan_tf.storage.provenance import versions
from deblurgan_tf.storage.writing_errors import writing_to


@dataclass
class Row:
    """A work and its measured figures; None where one is not known.

    seconds: of each round. pictures: in one run. multiplications: MACs of one run.
    product_rate: MACs a second of the matrix product that the rate is compared with.
    memory: bytes, see memory.peak.
    """

    name: str
    seconds: Sequence[float]
    pictures: int | None = None
    multiplications: int | None = None
    product_rate: float | None = None
    memory: int | None = None

    @property
    def median(self) -> float:
        """The median of the seconds."""
        return statistics.median(self.seconds)

    @property
    def rate(self) -> float | None:
        """MACs a second."""
        if self.multiplications is None:
            return None
        return self.multiplications / self.median

    def as_dict(self) -> dict[str, Any]:
        """The figures for JSON; None where one is not known."""
        rate = self.rate
        share = rate / self.product_rate if rate and self.product_rate else None
        return {
            "seconds": list(self.seconds),
            "median": self.median,
            "pictures_per_second": self.pictures and self.pictures / self.median,
            "multiplications": self.multiplications,
            "multiplications_per_second": rate,
            "share_of_product": share,
            "peak_bytes": self.memory,
        }


COLUMNS = {  # title -> (key of as_dict, divided by, format)
    "median, s": ("median", 1, ".4f"),
    "pictures/s": ("pictures_per_second", 1, ".4g"),
    "GMAC": ("multiplications", 1e9, ".1f"),
    "GMAC/s": ("multiplications_per_second", 1e9, ".1f"),
    "of product, %": ("share_of_product", 0.01, ".0f"),
    "peak MiB": ("peak_bytes", 2**20, ".0f"),
}


def report(
    title: str,
    rows: Sequence[Row],
    output: Path | None,
    extra: dict[str, float] | None = None,
) -> None:
    """Prints the rows with ratios to the last one's time; writes them as JSON.

    Args:
        title: of the table.
        rows: at least one.
        output: the JSON file; None writes none.
        extra: more figures, by their names.

    Raises:
        RunError: the file cannot be written.
    """
    from rich.console import Console
    from rich.table import Table

    figures = {row.name: row.as_dict() for row in rows}
    shown = [
        name
        for name, (key, *_) in COLUMNS.items()
        if any(figure[key] is not None for figure in figures.values())
    ]
    table = Table(title=f"{title}, {os.cpu_count()} processors")
    table.add_column("what")
    for name in (*shown, "ratio to the last"):
        table.add_column(name, justify="right")
    for name, figure in figures.items():
        cells = []
        for key, divisor, style in (COLUMNS[column] for column in shown):
            value = figure[key]
            cells.append("" if value is None else format(value / divisor, style))
        figure["ratio"] = figure["median"] / rows[-1].median
        table.add_row(name, *cells, f"{figure['ratio']:.3f}")
    console = Console()
    if not console.is_terminal:  # a log has room for long names
        console = Console(width=160)
    console.print(table)
    for name, value in (extra or {}).items():
        console.print(f"{name}: {value:.4g}", highlight=False)
    if output is not None:
        record = {
            "title": title,
            "machine": platform.processor() or platform.machine(),
            "processors": os.cpu_count(),
            **versions("tensorflow"),
            "rows": figures,
            **(extra or {}),
        }
        with writing_to(output):
            write_json(output, record)
