"""Which frames a decoder owes, so that a missing one keeps its place in time."""

from __future__ import annotations

import heapq
from typing import NamedTuple


class Slot(NamedTuple):
    """A place in time, in ticks of the stream's time base.

    duration: ticks, 0 where the file does not tell. found: whether the decoder gave the
    frame that belongs here.
    """

    time: int
    duration: int
    found: bool


class Timeline:
    """Packets go in as they lie in the file, slots come out in the order of time.

    A decoder gives frames in the order of time. So when one comes, each earlier time
    that was sent and did not come is a frame that it could not decode, whether it
    raised an error for it or dropped it in silence.
    """

    def __init__(self) -> None:
        self._owed: list[tuple[int, int]] = []  # a heap of (time, duration)
        self._last: int | None = None

    def sent(self, time: int, duration: int) -> None:
        """A packet for a frame to be shown at `time` went to the decoder."""
        heapq.heappush(self._owed, (time, duration))

    def came(self, time: int | None, duration: int) -> list[Slot]:
        """The missing slots before a decoded frame, then its own.

        A frame whose time is none of those sent takes the earliest: some containers
        (AVI) have no times of showing, and then a decoder's guess is off.
        """
        if any(owed == time for owed, _ in self._owed):
            missing = []
            while self._owed[0][0] != time:
                missing.append(self._next(found=False))
            return [*missing, self._next(found=True)]
        if self._owed:
            return [self._next(found=True)]
        # Two frames in one packet.
        ahead = 0 if self._last is None else self._last + max(duration, 1)
        return [self._slot(ahead if time is None else time, duration, found=True)]

    def rest(self) -> list[Slot]:
        """What is still missing when the decoder has given all it has."""
        return [self._next(found=False) for _ in range(len(self._owed))]

    def _next(self, found: bool) -> Slot:
        return self._slot(*heapq.heappop(self._owed), found=found)

    def _slot(self, time: int, duration: int, found: bool) -> Slot:
        # Containers take no two frames of one time: a repeated one moves by a tick.
        if self._last is not None and time <= self._last:
            time = self._last + 1
        self._last = time
        return Slot(time, duration, found)
