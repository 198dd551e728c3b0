"""A time limit and a progress bar's feed for work that takes seconds a picture."""

from __future__ import annotations

import time
from collections.abc import Callable


class OutOfTime(Exception):
    """The picture's time limit has passed."""


class Clock:
    """Told how far the work is; raises `OutOfTime` once the limit has passed.

    seconds: the limit, None for none. progress: called with the share done, 0 to 1.
    """

    def __init__(
        self,
        seconds: float | None = None,
        progress: Callable[[float], None] | None = None,
    ):
        self.seconds = seconds
        self.progress = progress
        self.begun = time.monotonic()

    def tick(self, share: float) -> None:
        """Notes that this share of the work is done."""
        self.check()
        if self.progress is not None:
            self.progress(share)

    def check(self) -> None:
        """For long work between two ticks: nothing but the time limit."""
        if self.seconds is not None and time.monotonic() - self.begun > self.seconds:
            raise OutOfTime(f"not done within the limit of {self.seconds:g} seconds")
