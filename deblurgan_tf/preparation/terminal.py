"""What `prepare` shows: messages, a bar, the problems of a data set."""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer

from deblurgan_tf.cli.stopping import terminate
from deblurgan_tf.cli.terminal import counting_bar, say

if TYPE_CHECKING:  # NumPy takes a while to import, which --help does without
    from deblurgan_tf.preparation.data_check import Problem

SHOWN = 10  # problems of a kind on the terminal; --report has them all


def refuse(error: Exception | str) -> typer.Exit:
    """Says what is wrong with a command; raise the result."""
    say(f"error: {error}", "bold red")
    return typer.Exit(2)


def show_problems(problems: list[Problem], pictures: dict[str, int]) -> None:
    from rich.console import Console

    from deblurgan_tf.preparation.data_check import SEVERITY

    out = Console()  # the report is the result, so it goes to standard output

    def tell(text: str, style: str | None = None) -> None:
        say(text, style, out)

    tell(", ".join(f"{count} {what} pictures" for what, count in pictures.items()))
    for kind, severity in SEVERITY.items():
        found = [problem for problem in problems if problem.kind == kind]
        if found:
            style = "red" if severity == "error" else "yellow"
            tell(f"{severity}: {kind}: {len(found)}", style)
        for problem in found[:SHOWN]:
            tell(f"  {problem.file}: {problem.detail}")
        if len(found) > SHOWN:
            tell(f"  and {len(found) - SHOWN} more; --report FILE.json has them all")
    counts = Counter(problem.severity for problem in problems)
    tell(f"{counts['error']} errors, {counts['warning']} warnings")


@contextlib.contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar; what is yielded advances it by one. Ctrl-C and SIGTERM end the command."""
    bar = counting_bar(what)
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        with bar:
            task = bar.add_task("", total=total)
            yield lambda: bar.advance(task)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
