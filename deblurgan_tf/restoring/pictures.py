"""One picture or video: all of it restored, or its number plates alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import VideoError
from deblurgan_tf.plates.boxes import Box
from deblurgan_tf.plates.texts import means_something
from deblurgan_tf.restoring.change import hardly_changed
from deblurgan_tf.restoring.inputs import Job
from deblurgan_tf.restoring.outcomes import (
    HARDLY_CHANGED,
    NO_PLATE,
    Outcome,
    failed,
)
from deblurgan_tf.restoring.video import restore_video
from deblurgan_tf.storage.atomic import copy_file, make_folder
from deblurgan_tf.storage.names import with_ending

if TYPE_CHECKING:  # they import TensorFlow and the OCR's needs, which take seconds
    from deblurgan_tf.inference.restorer import Restorer
    from deblurgan_tf.restoring.plates import RestoredPlate


@dataclass(frozen=True)
class Restoration:
    """How each input is restored.

    output: the folder of the results; the crops of plates are written below it.
    plates: restore the plates only: those in `boxes`, or all that are found.
    read: read the text of each plate before and after.
    """

    restorer: Restorer
    output: Path
    plates: bool = False
    boxes: tuple[Box, ...] = ()
    read: bool = False

    def picture(
        self, pixels: np.ndarray, outcome: Outcome, on_part: Callable[[float], object]
    ) -> np.ndarray | None:
        """Restores uint8 or uint16 pixels (H, W, 3); to the same, or None: no plate.

        Adds tiles or plates to `outcome.extra`, and says in `outcome.why` why the
        picture is unchanged. on_part: called with the part that is done, in [0, 1].
        """
        if not self.plates:
            plan = self.restorer.plan(*pixels.shape[:2])
            outcome.extra["tiles"] = plan.as_dict()
            restored = self.restorer.restore(pixels, on_part)
            if hardly_changed(pixels, restored):
                outcome.why = HARDLY_CHANGED
            return restored
        restored, plates = self._plates(pixels)
        if not plates:
            outcome.extra["plates"] = []
            outcome.why = NO_PLATE
            return None
        if all(hardly_changed(plate.before, plate.after) for plate in plates):
            outcome.why = HARDLY_CHANGED
        crops = self._save_crops(outcome.job, plates)
        outcome.extra["plates"] = [
            {**_as_dict(plate), **files}
            for plate, files in zip(plates, crops, strict=True)
        ]
        return restored

    def video(self, job: Job, on_part: Callable[[float, str], object]) -> Outcome:
        """Restores a video frame by frame; an error of any kind is in the outcome.

        on_part: called with the part that is done, in [0, 1], and the frame in words.
        The part stays 0 where the file does not say how many frames it has.
        """
        outcome = Outcome(job)
        begun = time.perf_counter()
        seen: list[dict[str, Any]] = []
        number = 0

        def restore(frame: np.ndarray) -> np.ndarray:
            if not self.plates:
                return self.restorer.restore(frame)
            restored, plates = self._plates(frame)
            seen.extend({"frame": number, **_as_dict(plate)} for plate in plates)
            return restored

        def on_frame(done: int, total: int | None) -> None:
            nonlocal number
            number = done
            if total:
                on_part(min(done / total, 1.0), f"frame {done}/{max(total, done)}")
            else:
                on_part(0.0, f"frame {done}")

        try:
            make_folder(job.target.parent)
            report = restore_video(job.source, job.target, restore, on_frame)
            if self.plates and not seen:
                outcome.why = NO_PLATE
                copy_file(job.source, job.target)  # not compressed anew for nothing
        except OSError as error:
            why = f"{job.target}: cannot be written ({error.strerror or error}); check "
            return failed(outcome, VideoError(f"{why}the folder and the disk"))
        except Exception as error:
            return failed(outcome, error)
        finally:
            outcome.seconds = time.perf_counter() - begun
        outcome.status = "restored" if outcome.why is None else "unchanged"
        outcome.size = report.size
        if outcome.why is None and report.left_out:
            outcome.notices += (f"without its {', '.join(report.left_out)}",)
        outcome.extra = {
            "frames": report.frames,
            "broken_frames": list(report.broken),
            "codec": report.codec,
            # Nothing, where the video is copied.
            "left_out": list(report.left_out) if outcome.why is None else [],
        }
        if self.plates:
            outcome.extra["plates"] = seen
        else:
            outcome.extra["tiles"] = self.restorer.plan(*report.size[::-1]).as_dict()
        return outcome

    def _plates(self, pixels: np.ndarray) -> tuple[np.ndarray, list[RestoredPlate]]:
        from deblurgan_tf.restoring.plates import restore_plates

        return restore_plates(self.restorer, pixels, self.boxes or None, self.read)

    def _save_crops(
        self, job: Job, plates: Iterable[RestoredPlate]
    ) -> list[dict[str, str]]:
        """Writes plates/NAME-N-before.png and -after.png below the output."""
        below = job.target.relative_to(self.output)
        folder = self.output / "plates" / below.parent
        files = []
        for number, plate in enumerate(plates, 1):
            make_folder(folder)
            pair = {}
            for when, pixels in (("before", plate.before), ("after", plate.after)):
                path = folder / with_ending(below.name, f"-{number}-{when}.png")
                images.write(path, images.Picture(pixels, format="PNG"))
                pair[f"crop_{when}"] = str(path)
            files.append(pair)
        return files


def _as_dict(plate: RestoredPlate) -> dict[str, Any]:
    fields: dict[str, Any] = {"box": list(plate.box), "score": _rounded(plate.score)}
    if plate.text_before is not None:
        fields |= {
            "text_before": plate.text_before,
            "confidence_before": _sure(plate.text_before, plate.confidence_before),
            "text_after": plate.text_after,
            "confidence_after": _sure(plate.text_after, plate.confidence_after),
        }
    return fields


def _sure(text: str | None, confidence: float | None) -> float | None:
    """The confidence of a reading; None where the reading means nothing."""
    return _rounded(confidence) if text and means_something(text) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
