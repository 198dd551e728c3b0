"""What commands show on a terminal: lines and a progress bar.

All of it goes to standard error; standard output is for results.
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
    # Rich takes a tenth of a second to import, and --help does not need it.
    from rich.console import Console

    return Console(stderr=True)


def __getattr__(name: str) -> Console:
    if name == "console":
        return _console()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def say(text: object, style: str | None = None, where: Console | None = None) -> None:
    """Prints a line to `where`, by default to standard error."""
    # A file name may hold bytes that are not UTF-8.
    shown = str(text).encode(errors="surrogateescape").decode(errors="replace")
    # Soft wrap: it stays one line in a log file. No markup: a path may hold brackets.
    where = where or _console()
    where.print(shown, style=style, markup=False, highlight=False, soft_wrap=True)


def counting_bar(what: str) -> Progress:
    """A progress bar: 3/40, the bar, the time elapsed and the time left.

    what: the text before it. Without a terminal nothing is shown.
    """
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
