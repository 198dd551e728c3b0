"""Stopping a command: a training between two steps, other commands at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from deblurgan_tf.cli.terminal import say


def terminate(*_: object) -> NoReturn:
    """A handler of SIGTERM: the command cleans up and ends with exit code 143.

    Raises SystemExit.
    """
    raise SystemExit(128 + signal.SIGTERM)


@contextmanager
def stoppable(after_interrupt: str | None = None) -> Iterator[None]:
    """Inside, SIGTERM ends the command with exit code 143, after its clean-up.

    Outside, the handler from before is back. Ctrl-C passes through as
    KeyboardInterrupt, for which `cli.app` gives exit code 130.

    after_interrupt: a line to show after Ctrl-C, for example how to continue.
    """
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except KeyboardInterrupt:
        if after_interrupt is not None:
            say(after_interrupt)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


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

    def leave(self) -> NoReturn:
        """Ends the command as the signal asked: KeyboardInterrupt, or SystemExit."""
        if self.number == signal.SIGINT:
            raise KeyboardInterrupt
        terminate()
