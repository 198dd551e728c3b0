"""One method on one picture: restored and measured in a process of its own.

A task knows what its results depend on: the hashes `restoring` and `measuring` change
when, and only when, the inputs, the options or the version do.
"""

from __future__ import annotations

import functools
import hashlib
import json
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deblurgan_tf import __version__, images
from deblurgan_tf.deconvolution.blind.clock import OutOfTime
from deblurgan_tf.errors import DataError, UserError
from deblurgan_tf.evaluation import methods
from deblurgan_tf.evaluation.kernel_files import read_kernel
from deblurgan_tf.evaluation.pairs import Pair
from deblurgan_tf.evaluation.scores import measure
from deblurgan_tf.storage.atomic import make_folder, write_atomically
from deblurgan_tf.storage.regular import open_regular

Result = dict[str, Any]
"""{"seconds": of restoring or None, "scores": by name} or {"error": why}.

After the time limit also "limit", seconds; after an error that is a fault of this
package, not of the picture, also "traceback".
"""


@dataclass(frozen=True)
class Settings:
    """What is the same for all tasks of an evaluation."""

    size: int  # pixels: the upper bound of the kernel's side that blind methods get
    limit: float  # seconds a picture for blind methods
    read: bool  # read the plates whose text is known
    detect: bool  # find plates
    model: str | None  # SHA-256 of the file that `deblurgan` restores with


@dataclass(frozen=True)
class Task:
    """A method, a picture and where the results go."""

    method: str
    pair: Pair
    picture: Path | None
    """Where the restored picture is or will be; None where there is no such file."""
    kernel: Path | None
    """Where the kernel that a blind method estimates is or will be."""
    settings: Settings
    restored: bool = False
    """The picture is restored already: `perform` measures only."""
    seconds: float | None = None
    """How long restoring took; None before it is done."""

    @property
    def key(self) -> tuple[str, str]:
        """(method, picture's name), unique in an evaluation."""
        return self.method, self.pair.name

    @property
    def restoring(self) -> str:
        """A hash of everything that the restored picture depends on."""
        settings, pair = self.settings, self.pair
        if self.method in methods.BLIND:
            more: Any = settings.size
        elif self.method in methods.NON_BLIND:
            more = file_hash(pair.kernel)
        elif self.method == "deblurgan":
            more = settings.model
        else:
            more = file_hash(self.picture)
        return _hash([__version__, self.method, file_hash(pair.blurred), more])

    @property
    def measuring(self) -> str:
        """A hash of everything that the scores depend on."""
        settings, pair = self.settings, self.pair
        reading = pair.text if settings.read else None
        boxes = [settings.detect, pair.boxes if settings.detect else None]
        kernel = file_hash(pair.kernel) if self.method in methods.BLIND else None
        return _hash([self.restoring, file_hash(pair.sharp), reading, boxes, kernel])


def perform(task: Task) -> Result:
    """Restores the picture unless that is done, writes it, and measures it.

    No error is raised: an evaluation takes hours, and one picture must not end it.
    """
    try:
        if task.pair.sharp is None:
            raise DataError("sharp/ has no picture of this name; add it")
        seconds = task.seconds
        if task.method in (*methods.NON_BLIND, *methods.BLIND) and not task.restored:
            seconds = _restore(task)
        if task.picture is None:
            raise DataError(f"there is no picture of this name of {task.method}")
        pixels = images.read_rgb(task.picture)
        found = None if task.kernel is None else read_kernel(task.kernel)
        settings = task.settings
        scores = measure(pixels, task.pair, found, settings.read, settings.detect)
        if seconds is not None:
            area = pixels.shape[0] * pixels.shape[1]
            scores["seconds_per_megapixel"] = seconds / (area / 1e6)
        return {"seconds": seconds, "scores": scores}
    except OutOfTime as error:
        return {"error": str(error), "limit": task.settings.limit}
    except Exception as error:
        return failure(error)


def failure(error: Exception) -> Result:
    """The result of a task that raised this error.

    What the user can mend is its message. Anything else is a fault of this package: it
    keeps its traceback, which the command shows.
    """
    if isinstance(error, MemoryError):
        return {"error": "not enough memory; use fewer --workers or omit the picture"}
    if isinstance(error, UserError | OSError):
        return {"error": str(error)}
    return {
        "error": f"{type(error).__name__}: {error}",
        "traceback": "".join(traceback.format_exception(error)),
    }


def file_hash(file: Path | None) -> str | None:
    """SHA-256 of a file's bytes; None if it is missing or cannot be read."""
    try:
        if file is None:
            return None
        status = file.stat()
        return _hash_once(file, status.st_mtime_ns, status.st_size)
    except OSError:
        return None


# Many tasks depend on one file.
@functools.cache
def _hash_once(file: Path, _changed: int, _size: int) -> str:
    with open_regular(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_restored(file: Path, pixels: np.ndarray) -> None:
    """Writes uint8 (H, W, 3) as a picture file; makes its folder."""
    make_folder(file.parent)
    images.write(file, images.Picture(pixels))


def _restore(task: Task) -> float:
    """Restores and writes a picture, and the estimated kernel; returns the seconds."""
    kernel = None
    if task.method in methods.NON_BLIND:
        if task.pair.kernel is None:
            raise DataError("kernels/ has no kernel of this name (.npy); add it")
        kernel = read_kernel(task.pair.kernel)
    result = methods.restore(
        task.method,
        images.read_rgb(task.pair.blurred),
        kernel,
        task.settings.size,
        task.settings.limit,
    )
    assert task.picture is not None
    if result.kernel is not None:
        found = result.kernel
        assert task.kernel is not None
        make_folder(task.kernel.parent)
        write_atomically(task.kernel, lambda file: np.save(file, found))
    write_restored(task.picture, result.pixels)
    return result.seconds


def _hash(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
