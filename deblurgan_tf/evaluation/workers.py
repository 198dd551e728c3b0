"""Tasks in many processes; when one process is killed, the others' tasks go on.

Each process uses one thread: several pictures at the same time are faster than several
threads on one picture, and the time of a picture does not depend on the number of
processors.
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
    """Yields (task, result of the function), each as soon as it is there.

    The result is None where the process that worked on the task was killed, as the
    system does when memory runs out. The processes end when this generator is closed or
    its process ends in any way, also in the middle of a task.

    Args:
        function: importable by its name, so that a new process finds it.
        tasks: what it is called with; they and the results can be pickled.
        workers: the number of processes.
    """
    waiting = deque(tasks)
    while waiting:
        # When one process is killed, all tasks in work are lost, and nothing says which
        # of them was the cause. So each of them is tried again alone.
        for task in (yield from _together(function, waiting, workers)):
            for _ in (yield from _together(function, deque([task]), 1)):
                yield task, None


def _together(
    function: Callable[[T], R], waiting: deque[T], workers: int
) -> Generator[tuple[T, R], None, list[T]]:
    """Empties `waiting`, or returns the tasks in work when a process was killed."""
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
    # Nothing is ever sent through this pipe. The system closes the end of this process
    # when it ends, also when it is killed, and the workers see that.
    lifeline, own_end = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, context, _begin, (lifeline,))
    try:
        yield pool
    except BaseException:
        own_end.close()  # the workers end now, in the middle of their tasks
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        own_end.close()
        lifeline.close()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin(lifeline: Connection) -> None:
    """Sets up a worker: one thread, Ctrl-C ignored, and it ends with the first process.

    The first process handles Ctrl-C, which a terminal sends to all of them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    """Waits until the other end of the pipe is closed, then ends this process."""
    with contextlib.suppress(EOFError):
        lifeline.recv()
    os._exit(1)
