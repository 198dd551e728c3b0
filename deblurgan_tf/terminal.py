"""What commands show on a terminal: lines, and a bar. Results go to standard output,
everything here to standard error.
"""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

console = Console(stderr=True)


def say(text: object, style: str | None = None, where: Console = console) -> None:
    # A file's name may hold bytes that are not UTF-8.
    shown = str(text).encode(errors="surrogateescape").decode(errors="replace")
    # Soft wrap: one line in a log file. No markup: a path may hold brackets.
    where.print(shown, style=style, markup=False, highlight=False, soft_wrap=True)


def counting_bar(what: str) -> Progress:
    """3/40, the bar, the time gone and the time left; nothing without a terminal."""
    return Progress(
        TextColumn(what),
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal,
    )
