"""Pictures in, pictures out: decode the next and encode the last while one is restored.

A thread decodes ahead, two encode behind; Pillow, OpenCV and TensorFlow all let the
others run meanwhile. How many pixels are in memory at a time is bounded: two small
pictures overlap, a huge one is alone.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError, UsageError, VideoError
from deblurgan_tf.restoring.inputs import Job

PIXELS_IN_FLIGHT = 40_000_000
WAITING = 3  # pictures decoded ahead, and pictures to be written, at most


@dataclass
class Outcome:
    """What became of one input; `as_dict` is a line of the report."""

    job: Job
    status: str = "failed"
    size: tuple[int, int] | None = None  # height, width, upright
    seconds: float = 0.0
    error: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "input": str(self.job.source),
            "output": None if self.status == "failed" else str(self.job.target),
            "status": self.status,
            "size": None if self.size is None else list(self.size),
            "seconds": round(self.seconds, 3),
            "error": self.error,
            **self.extra,
        }


class Stopped(RuntimeError):
    """The pipeline was closed while a thread waited."""


class Budget:
    """Lets pictures in as long as their pixels fit; one picture alone always fits."""

    def __init__(self, limit: int):
        self.limit = limit
        self.used = 0
        self.closed = False
        self.changed = threading.Condition()

    def take(self, pixels: int) -> None:
        def fits() -> bool:
            return self.closed or not self.used or self.used + pixels <= self.limit

        with self.changed:
            self.changed.wait_for(fits)
            if self.closed:
                raise Stopped
            self.used += pixels

    def give(self, pixels: int) -> None:
        with self.changed:
            self.used -= pixels
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class _Loaded(NamedTuple):
    picture: images.Picture
    area: int  # its share of the budget
    seconds: float


Restore = Callable[[np.ndarray, Outcome], np.ndarray]


class Pipeline:
    """Decodes the jobs' pictures from the moment it is made; `outcomes` does the rest.

    A context manager: leaving it stops the threads, whole files only on the disk.
    """

    def __init__(self, jobs: list[Job]):
        self.jobs = deque(jobs)
        self.ahead: deque[tuple[Outcome, Future[_Loaded]]] = deque()
        self.budget = Budget(PIXELS_IN_FLIGHT)
        self.decoder = ThreadPoolExecutor(1, "decode")
        self.encoder = ThreadPoolExecutor(2, "encode")
        self._decode_ahead()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.budget.close()
        self.decoder.shutdown(cancel_futures=True)
        self.encoder.shutdown(cancel_futures=True)

    def outcomes(self, restore: Restore) -> Iterator[Outcome]:
        """Restores picture after picture; yields what became of each, once known.

        restore: pixels (H, W, 3), and the outcome, whose `extra` it may fill in -> the
        same shape and type. Whatever it raises, that picture failed and the next has
        its turn.
        """
        encoding: set[Future[Outcome]] = set()
        while self.ahead:
            outcome, future = self.ahead.popleft()
            try:
                encoding.add(self._restored(outcome, future.result(), restore))
            except Exception as error:
                yield failed(outcome, error)
            # Without this the picture would stay in memory beside the next one.
            del future
            self._decode_ahead()
            # Each that waits to be written holds its pixels: a few are enough.
            patience = None if len(encoding) > WAITING else 0
            done = wait(encoding, patience, FIRST_COMPLETED).done
            encoding -= done
            yield from (written.result() for written in done)
        for written in as_completed(encoding):
            yield written.result()

    def _decode_ahead(self) -> None:
        while self.jobs and len(self.ahead) < WAITING:
            job = self.jobs.popleft()
            future = self.decoder.submit(self._load, job)
            self.ahead.append((Outcome(job), future))

    def _load(self, job: Job) -> _Loaded:
        data = images.contents(job.source)
        area = images.area_of(data, str(job.source))
        self.budget.take(area)
        begun = time.perf_counter()
        try:
            picture = images.decode(data, str(job.source))
            check_name(job.source, picture)
        except BaseException:
            self.budget.give(area)
            raise
        return _Loaded(picture, area, time.perf_counter() - begun)

    def _restored(
        self, outcome: Outcome, loaded: _Loaded, restore: Restore
    ) -> Future[Outcome]:
        """Restores now; writes, or reports the failure, in another thread."""
        picture, area, seconds = loaded
        outcome.size = picture.pixels.shape[:2]
        begun = time.perf_counter()
        try:
            picture = picture.with_pixels(restore(picture.pixels, outcome))
            failure = None
        except Exception as error:
            failure = error
        outcome.seconds = seconds + time.perf_counter() - begun
        return self.encoder.submit(self._write, outcome, picture, area, failure)

    def _write(
        self,
        outcome: Outcome,
        picture: images.Picture,
        area: int,
        failure: Exception | None,
    ) -> Outcome:
        begun = time.perf_counter()
        target = outcome.job.target
        try:
            if failure is not None:
                raise failure
            target.parent.mkdir(parents=True, exist_ok=True)
            images.write(target, picture)
        except OSError as error:
            why = f"{target}: cannot be written ({error.strerror or error}); check the "
            return failed(outcome, PictureError(f"{why}folder and the disk"))
        except Exception as error:
            return failed(outcome, error)
        finally:
            self.budget.give(area)
            outcome.seconds += time.perf_counter() - begun
        outcome.status = "restored"
        return outcome


def failed(outcome: Outcome, error: Exception) -> Outcome:
    """Any error at all is this picture's failure: a folder must not die of one file."""
    text = str(error)
    name = str(outcome.job.source)
    if isinstance(error, MemoryError):
        text = "not enough memory; make the picture smaller or free some"
    elif not isinstance(error, PictureError | VideoError | UsageError):
        text = f"{type(error).__name__}: {text}"
    named = name in text or str(outcome.job.target) in text
    outcome.error = text if named else f"{name}: {text}"
    outcome.status = "failed"
    return outcome


def check_name(path: Path, picture: images.Picture) -> None:
    """Raises PictureError where the result could not keep both format and name.

    A PNG called .jpg cannot: a result of another name would break scripts, and one of
    another format is a lie.
    """
    ending = path.suffix.lower()
    if images.FORMATS.get(ending) == picture.format:
        return
    fitting = [end for end, kind in images.FORMATS.items() if kind == picture.format]
    if not fitting:
        raise PictureError(
            f"{path}: {picture.format} can be read but not written; convert it to PNG"
        )
    raise PictureError(
        f"{path}: is a {picture.format} by its content, but its name does not end in "
        f"{' or '.join(fitting)}; rename it to {path.stem}{fitting[0]}"
    )
