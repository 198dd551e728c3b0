"""Pictures in, pictures out: decoding, restoring and encoding overlap.

One thread decodes the next pictures while the caller's thread restores the current
one, and two more threads encode and write the pictures before it. Pillow, OpenCV and
TensorFlow release Python's lock, so that the threads really run side by side. At most
`WAITING` pictures are decoded ahead, and about as many wait to be written. `Budget`
bounds the pixels in memory: small pictures overlap, a huge one is alone. A picture that
fails becomes an `Outcome` with its error, and the next one follows.
"""

from __future__ import annotations

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
from typing import NamedTuple

import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError
from deblurgan_tf.restoring.background import Background
from deblurgan_tf.restoring.budget import Budget
from deblurgan_tf.restoring.inputs import Job
from deblurgan_tf.restoring.outcomes import Outcome, failed
from deblurgan_tf.storage.atomic import copy_file, make_folder

PIXELS_IN_MEMORY = 40_000_000
"""Pixels of the pictures that are in memory at a time; see `Budget`."""
WAITING = 3
"""Pictures that are decoded ahead, and that wait to be written, at most."""

Restore = Callable[[np.ndarray, Outcome], np.ndarray | None]
"""(pixels (H, W, 3), outcome) -> restored pixels of the same shape and type.

None leaves the picture alone: its file is copied. It may say in `outcome.why` why the
picture is unchanged, and add fields to `outcome.extra`.
"""


class _Loaded(NamedTuple):
    picture: images.Picture
    area: int  # pixels, which the budget counts
    seconds: float  # that decoding took


class Pipeline:
    """Decodes the pictures of the jobs from the start; `outcomes` does the rest.

    A context manager. Leaving it, also early, stops the threads; every file on the disk
    is then whole. The one that decodes ends after its picture, unwaited for.
    """

    def __init__(
        self, jobs: list[Job], written: Callable[[Outcome], object] | None = None
    ) -> None:
        """Begins to decode.

        written: called, by the threads that write, when a result is safe on the disk:
        for those too that are written after an early end.
        """
        self.jobs = deque(jobs)
        self.written = written
        self.ahead: deque[tuple[Outcome, Future[_Loaded]]] = deque()
        self.budget = Budget(PIXELS_IN_MEMORY)
        self.decoder = Background(self._load, "decode")
        self.encoder = ThreadPoolExecutor(2, "encode")
        self._decode_ahead()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.budget.close()
        for waiting in self.ahead:
            waiting[1].cancel()
        self.decoder.end()  # not waited for: reading may hang
        self.encoder.shutdown(cancel_futures=True)

    def outcomes(self, restore: Restore) -> Iterator[Outcome]:
        """Restores one picture after the other; yields each outcome once it is known.

        When `restore` raises an Exception, this picture has failed and the next one
        follows.
        """
        writing: set[Future[Outcome]] = set()
        while self.ahead:
            outcome, decoding = self.ahead.popleft()
            try:
                writing.add(self._restored(outcome, decoding.result(), restore))
            except Exception as error:
                yield failed(outcome, error)
            # Without this the picture would stay in memory beside the next one.
            del decoding
            self._decode_ahead()
            # Each picture that waits to be written holds its pixels: a few are enough.
            patience = None if len(writing) > WAITING else 0
            done = wait(writing, patience, FIRST_COMPLETED).done
            writing -= done
            yield from (written.result() for written in done)
        for written in as_completed(writing):
            yield written.result()

    def _decode_ahead(self) -> None:
        while self.jobs and len(self.ahead) < WAITING:
            job = self.jobs.popleft()
            self.ahead.append((Outcome(job), self.decoder.call(job)))

    def _load(self, job: Job) -> _Loaded:
        """Decodes a picture, in the decoder's thread, once the budget has room."""
        data = images.contents(job.source)
        area = images.area_of(data, str(job.source))
        self.budget.take(area)
        begun = time.perf_counter()
        try:
            picture = images.decode(data, str(job.source))
            check_format(job.source, picture)
        except BaseException:
            self.budget.give(area)
            raise
        return _Loaded(picture, area, time.perf_counter() - begun)

    def _restored(
        self, outcome: Outcome, loaded: _Loaded, restore: Restore
    ) -> Future[Outcome]:
        """Restores a picture now and hands it, or its failure, to an encoder."""
        picture, area, seconds = loaded
        outcome.size = (picture.pixels.shape[1], picture.pixels.shape[0])
        outcome.format, outcome.notices = picture.format, picture.notices
        begun = time.perf_counter()
        failure, kept = None, False
        try:
            restored = restore(picture.pixels, outcome)
            kept = restored is None
            if restored is not None:
                picture = picture.with_pixels(restored)
        except Exception as error:
            failure = error
        outcome.seconds = seconds + time.perf_counter() - begun
        result = failure or (None if kept else picture)
        return self.encoder.submit(self._write, outcome, result, area)

    def _write(
        self,
        outcome: Outcome,
        result: images.Picture | Exception | None,
        area: int,
    ) -> Outcome:
        """Encodes and writes a picture, in an encoder's thread; frees its budget.

        result: None copies the input's file, an error becomes the outcome's.
        """
        begun = time.perf_counter()
        target = outcome.job.target
        try:
            if isinstance(result, Exception):
                raise result  # an OSError, for example, of a plate's crop
            make_folder(target.parent)
            if result is None:
                copy_file(outcome.job.source, target)
            else:
                images.write(target, result)
        except OSError as error:
            why = f"{target}: cannot be written ({error.strerror or error}); check the "
            return failed(outcome, PictureError(f"{why}folder and the disk"))
        except Exception as error:
            return failed(outcome, error)
        finally:
            self.budget.give(area)
            outcome.seconds += time.perf_counter() - begun
        outcome.status = "restored" if outcome.why is None else "unchanged"
        if self.written is not None:
            self.written(outcome)
        return outcome


def check_format(name: object, picture: images.Picture) -> None:
    """Raises PictureError for a picture whose format can be read but not written."""
    if picture.format not in images.FORMATS.values():
        raise PictureError(
            f"{name}: {picture.format} can be read but not written; convert it to PNG"
        )
