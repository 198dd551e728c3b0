"""Being stopped: a training between two steps, other commands where they are."""

from __future__ import annotations

import signal
from typing import NoReturn


def terminate(*_: object) -> NoReturn:
    """What SIGTERM does to a command that can be stopped anywhere: clean up, 143."""
    raise SystemExit(128 + signal.SIGTERM)


class StopSignal:
    """Turns SIGTERM and Ctrl-C into a request that the loop sees after its step."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __enter__(self) -> StopSignal:
        self.before = {
            number: signal.signal(number, self._note)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: object) -> None:
        self.number = number

    def leave(self) -> None:
        if self.number == signal.SIGINT:
            raise KeyboardInterrupt
        terminate()
