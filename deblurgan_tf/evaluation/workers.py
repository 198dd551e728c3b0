"""Tasks in many processes, of which any may die without the others.

Each process computes with one thread: many pictures at once are faster than many
threads on one, and the time of a picture does not depend on the number of processors.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import TypeVar

import cv2

# Read by the libraries when a process loads them.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

T = TypeVar("T")
R = TypeVar("R")


def run(
    function: Callable[[T], R], tasks: Iterable[T], workers: int
) -> Iterator[tuple[T, R | None]]:
    """Yields (task, what the function returned) as they come; None where the process
    that worked on the task was killed, as the system does when memory runs out.

    The processes end with this generator and with the process that runs it, however
    that ends, in the middle of a task too.
    """
    waiting = deque(tasks)
    while waiting:
        # When one process dies, all tasks that are being worked on are lost, and
        # nobody says whose fault it was. So each of them is tried again alone.
        for task in (yield from _together(function, waiting, workers)):
            for _ in (yield from _together(function, deque([task]), 1)):
                yield task, None


def _together(
    function: Callable[[T], R], waiting: deque[T], workers: int
) -> Generator[tuple[T, R], None, list[T]]:
    """Empties `waiting`, or returns what was being worked on when a process died."""
    running: dict[Future[R], T] = {}
    with _processes(min(workers, len(waiting))) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    running[pool.submit(function, waiting[0])] = waiting[0]
                    waiting.popleft()
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    result = future.result()
                    yield running.pop(future), result
        except BrokenProcessPool:
            return list(running.values())
    return []


@contextlib.contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor]:
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    context = multiprocessing.get_context("spawn")
    # Nothing is ever sent: the line ends with whoever holds its other end.
    line, lifeline = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, context, _begin, (line,))
    try:
        yield pool
    except BaseException:
        lifeline.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        lifeline.close()
        line.close()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin(line: Connection) -> None:
    """A new process: one thread, Ctrl-C left to the first one, and an end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()


def _end_with(line: Connection) -> None:
    with contextlib.suppress(EOFError):
        line.recv()
    os._exit(1)
