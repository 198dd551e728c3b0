"""What commands show on a terminal: lines and a progress bar.

All of it goes to standard error; standard output is for results.
"""

from __future__ import annotations

import functools
import unicodedata
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
    shown = harmless(str(text))
    # Soft wrap: it stays one line in a log file. No markup: a path may hold brackets.
    where = where or _console()
    where.print(shown, style=style, markup=False, highlight=False, soft_wrap=True)


def harmless(text: str) -> str:
    r"""A text that a terminal shows and does not obey.

    Names of files may hold any byte. Those that are no UTF-8 become �; characters that
    control a terminal, such as ESC, and those that change the direction of what follows
    become `\x1b`, `\u202e`. Line ends and tabs stay.
    """
    shown = text.encode(errors="surrogateescape").decode(errors="replace")
    return "".join(_spelled(x) if _controls(x) else x for x in shown)


def _controls(character: str) -> bool:
    if character in "\n\t":
        return False
    return unicodedata.category(character) == "Cc" or character in _DIRECTIONS


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


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
