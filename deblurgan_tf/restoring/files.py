"""All inputs of a request, restored one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.terminal import counting_bar
from deblurgan_tf.restoring.outcomes import Outcome
from deblurgan_tf.restoring.pictures import Restoration
from deblurgan_tf.restoring.pipeline import Pipeline
from deblurgan_tf.restoring.requests import Request

if TYPE_CHECKING:  # it imports TensorFlow, which takes seconds
    from deblurgan_tf.inference.restorer import Restorer


def restore_files(request: Request) -> Iterator[Outcome]:
    """Restores the inputs of a request behind a progress bar; yields their outcomes.

    First the skipped ones, then pictures, then videos. While TensorFlow and the model
    load, the first pictures are decoded; without anything to restore nothing is loaded.

    Raises what `restorer.load` raises, before the first outcome.
    """
    skipped = {
        job for job in request.jobs if job.target.exists() and not request.overwrite
    }
    wanted = [job for job in request.jobs if job not in skipped]
    bar = counting_bar("{task.description}")
    with Pipeline([job for job in wanted if not job.is_video]) as pipeline:
        restorer = load_restorer(request.model, request.options) if wanted else None
        yield from (Outcome(job, "skipped") for job in request.jobs if job in skipped)
        if restorer is None:
            return
        work = Restoration(
            restorer, request.output, request.plates, request.boxes, request.read
        )
        with bar:
            task, finished = bar.add_task("restoring", total=len(wanted)), 0

            def advance(share: float, what: str = "restoring") -> None:
                bar.update(task, completed=finished + share, description=what)

            def restore(pixels: np.ndarray, outcome: Outcome) -> np.ndarray:
                return work.picture(pixels, outcome, advance)

            videos = (work.video(job, advance) for job in wanted if job.is_video)
            for outcome in chain(pipeline.outcomes(restore), videos):
                finished += 1
                advance(0)
                yield outcome


def load_restorer(model: str, options: dict[str, Any]) -> Restorer:
    """Imports TensorFlow and loads a model; options as `restorer.load` takes them."""
    import_tensorflow()
    from deblurgan_tf.devices import prepare_devices
    from deblurgan_tf.inference.restorer import load

    prepare_devices()
    return load(model, **options)
