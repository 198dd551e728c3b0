"""What commands show on a terminal: lines, and a bar. Results go to standard output,
everything here to standard error.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    console: Console


@functools.cache
def _console() -> Console:
    # A tenth of a second to import, which --help does without.
    from rich.console import Console

    return Console(stderr=True)


def __getattr__(name: str) -> Console:
    if name == "console":
        return _console()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def say(text: object, style: str | None = None, where: Console | None = None) -> None:
    """Prints a line, by default to standard error."""
    # A file's name may hold bytes that are not UTF-8.
    shown = str(text).encode(errors="surrogateescape").decode(errors="replace")
    # Soft wrap: one line in a log file. No markup: a path may hold brackets.
    where = where or _console()
    where.print(shown, style=style, markup=False, highlight=False, soft_wrap=True)


def counting_bar(what: str) -> Progress:
    """3/40, the bar, the time gone and the time left; nothing without a terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = _console()
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
