"""How many pixels may be in memory at a time."""

from __future__ import annotations

import threading


class Stopped(RuntimeError):
    """The budget was closed while a thread waited for its share."""


class Budget:
    """Bounds the pixels of the pictures that are in memory at the same time.

    limit: pixels. A single picture may be larger than that; it is then alone.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.closed = False
        self.changed = threading.Condition()

    def take(self, pixels: int) -> None:
        """Waits until there is room for a picture of so many pixels, and counts it.

        Raises Stopped when the budget is closed.
        """

        def fits() -> bool:
            return self.closed or not self.used or self.used + pixels <= self.limit

        with self.changed:
            self.changed.wait_for(fits)
            if self.closed:
                raise Stopped
            self.used += pixels

    def give(self, pixels: int) -> None:
        """Gives back what `take` counted."""
        with self.changed:
            self.used -= pixels
            self.changed.notify_all()

    def close(self) -> None:
        """Ends all waiting: every `take`, now and later, raises Stopped."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
