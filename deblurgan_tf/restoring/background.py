"""A thread that never keeps the process alive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Background(Generic[Result]):
    """Calls a function in a thread of its own, once for each argument, in their order.

    Python waits for the threads of an executor before it ends. So a read that hangs,
    of a network disk that is gone for example, would make the command deaf to signals.
    Only for work that may be given up at any time.
    """

    def __init__(self, function: Callable[[Any], Result], name: str) -> None:
        self.function = function
        self.calls: SimpleQueue[tuple[Future[Result], Any] | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def call(self, argument: object) -> Future[Result]:
        """The future result of the function for this argument."""
        future: Future[Result] = Future()
        self.calls.put((future, argument))
        return future

    def end(self) -> None:
        """Ends the thread after the calls that it has been given; does not wait."""
        self.calls.put(None)

    def _work(self) -> None:
        while (call := self.calls.get()) is not None:
            future, argument = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self.function(argument))
            except BaseException as error:
                future.set_exception(error)
            # The result would stay in memory until the next call.
            del call, future, argument
