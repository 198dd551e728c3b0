"""The times of the frames, so that a missing frame keeps its place."""

from __future__ import annotations

import heapq
from typing import NamedTuple


class Slot(NamedTuple):
    """The place of one frame.

    time: when it is shown, in ticks of the stream's time base. duration: ticks, 0 where
    the file has none. found: whether the decoder returned the frame of this place.
    """

    time: int
    duration: int
    found: bool


class Timeline:
    """Takes packets in the order of the file, gives slots in the order of time.

    A decoder returns frames in the order of time. When it returns one, every earlier
    packet without a frame is one that it could not decode, whether it raised an error
    or dropped the frame silently.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int]] = []  # a heap of (time, duration)
        self._last: int | None = None

    def sent(self, time: int, duration: int) -> None:
        """Notes that the decoder got a packet whose frame is shown at `time`."""
        heapq.heappush(self._waiting, (time, duration))

    def came(self, time: int | None, duration: int) -> list[Slot]:
        """The missing slots before a decoded frame, then its own slot.

        A frame whose time is none of the noted ones takes the earliest of them: some
        containers (AVI) do not store when a frame is shown, and the decoder's guess may
        be wrong.
        """
        if any(waiting == time for waiting, _ in self._waiting):
            missing = []
            while self._waiting[0][0] != time:
                missing.append(self._next(found=False))
            return [*missing, self._next(found=True)]
        if self._waiting:
            return [self._next(found=True)]
        # Two frames in one packet.
        ahead = 0 if self._last is None else self._last + max(duration, 1)
        return [self._slot(ahead if time is None else time, duration, found=True)]

    def rest(self) -> list[Slot]:
        """The slots that are still missing when the decoder has ended."""
        return [self._next(found=False) for _ in range(len(self._waiting))]

    def _next(self, found: bool) -> Slot:
        return self._slot(*heapq.heappop(self._waiting), found=found)

    def _slot(self, time: int, duration: int, found: bool) -> Slot:
        # Containers refuse two frames with one time: the second moves by a tick.
        if self._last is not None and time <= self._last:
            time = self._last + 1
        self._last = time
        return Slot(time, duration, found)
