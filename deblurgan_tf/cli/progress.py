"""The progress of a training: a bar on a terminal, plain lines in a log file."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column


class TrainingBar:
    """Shows the steps done, the losses, images per second and the time left.

    first: steps done before. total: steps in all. batch: images per step. The speed is
    measured from the second step on, because the first one compiles.
    """

    def __init__(self, console: Console, first: int, total: int, batch: int) -> None:
        self.console = console
        self.total = total
        self.batch = batch
        self.begun: tuple[int, float] | None = None
        self.text = "compiling the first step"
        self.left = self.speed = ""
        # On a narrow terminal the losses are cut off, never what stands before them.
        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self.bar = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.description}", markup=False, table_column=rest),
            console=console,
            disable=not console.is_terminal,
            expand=True,
        )
        self.task = self.bar.add_task(
            self.text, completed=first, total=total, left=self.left
        )

    def __enter__(self) -> TrainingBar:
        if not self.console.is_terminal:
            self.console.print(self.text)
        self.bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.__exit__(*error)  # type: ignore[arg-type]

    def advance(self, step: int) -> None:
        """Shows that `step` steps are done."""
        now = time.monotonic()
        if self.begun is None:
            self.begun = step, now
        elif step > self.begun[0]:
            each = (now - self.begun[1]) / (step - self.begun[0])
            self.left = f"{spoken((self.total - step) * each)} left"
            self.speed = f"{self.batch / each:.3g} images/s"
        self.step = step
        self.bar.update(
            self.task,
            completed=step,
            left=self.left,
            description=f"{self.speed}  {self.text}" if self.speed else self.text,
        )

    def losses(self, record: dict[str, float]) -> None:
        """Shows the losses of a logged step, by name."""
        self.text = "  ".join(
            f"{name} {value:.4g}"
            for name, value in record.items()
            if name != "learning_rate"
        )
        if not self.console.is_terminal and self.begun is not None:
            done = f"step {self.step + 1:,} of {self.total:,}"
            self.message(f"{done}, {self.speed}, {self.left}  {self.text}")

    def message(self, text: str) -> None:
        """Prints a line above the bar."""
        # Soft wrap: it stays one line in a log file, however wide that is.
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def spoken(seconds: float) -> str:
    """A duration as people read it.

    65 -> "1:05", 3700 -> "1:01:40", two days -> "2 days, 0:00 h".
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} day{'s' if days > 1 else ''}, {hours}:{minutes:02d} h"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
