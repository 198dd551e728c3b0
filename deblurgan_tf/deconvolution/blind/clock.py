"""A time limit, and the progress, of work that takes seconds a picture."""

from __future__ import annotations

import time
from collections.abc import Callable


class OutOfTime(Exception):
    """The picture's time limit has passed."""


class Clock:
    """Reports the progress of a work and raises `OutOfTime` when its limit has passed.

    seconds: the limit, None for none. progress: called with the share that is done, 0
    to 1.
    """

    def __init__(
        self,
        seconds: float | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        self.seconds = seconds
        self.progress = progress
        self.begun = time.monotonic()

    def tick(self, share: float) -> None:
        """Reports the share that is done; raises OutOfTime after the limit."""
        self.check()
        if self.progress is not None:
            self.progress(share)

    def check(self) -> None:
        """Raises OutOfTime after the limit; for long work between two ticks."""
        if self.seconds is not None and time.monotonic() - self.begun > self.seconds:
            raise OutOfTime(f"not done within the limit of {self.seconds:g} seconds")
