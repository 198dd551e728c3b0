"""All inputs of a request, restored one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.terminal import counting_bar
from deblurgan_tf.restoring.inputs import Job
from deblurgan_tf.restoring.outcomes import Outcome
from deblurgan_tf.restoring.pictures import Restoration
from deblurgan_tf.restoring.pipeline import Pipeline
from deblurgan_tf.restoring.records import Records, There
from deblurgan_tf.restoring.requests import Request

if TYPE_CHECKING:  # it imports TensorFlow, which takes seconds
    from deblurgan_tf.inference.restorer import Restorer


def restore_files(request: Request) -> Iterator[Outcome]:
    """Restores the inputs of a request behind a progress bar; yields their outcomes.

    First the skipped ones, then pictures, then videos. While TensorFlow and the model
    load, the first pictures are decoded; without anything to restore nothing is loaded,
    unless a size of tiles is given, which the model decides about. Each result is
    recorded in the output folder.

    Raises what `restorer.load` raises, before the first outcome, and WorkFailed when
    the record file cannot be read or written.
    """
    records = Records(request.output, request.recipe)
    there: dict[Job, There] = {}
    for job in () if request.overwrite else request.jobs:
        found = records.there(job)
        if found is not None:
            there[job] = found
    wanted = [job for job in request.jobs if job not in there]
    bar = counting_bar("{task.description}")

    def note(outcome: Outcome) -> None:
        outcome.model = request.recipe.model
        records.add(outcome.job, outcome.status)

    with Pipeline([job for job in wanted if not job.is_video], note) as pipeline:
        restorer = None
        if wanted or request.options.get("tile") is not None:
            restorer = load_restorer(request.model, request.options)
        yield from (_skipped(job, found) for job, found in there.items())
        if restorer is None or not wanted:
            return
        work = Restoration(
            restorer, request.output, request.plates, request.boxes, request.read
        )
        with bar:
            task, finished = bar.add_task("restoring", total=len(wanted)), 0

            def advance(share: float, what: str = "restoring") -> None:
                bar.update(task, completed=finished + share, description=what)

            def restore(pixels: np.ndarray, outcome: Outcome) -> np.ndarray | None:
                return work.picture(pixels, outcome, advance)

            videos = (work.video(job, advance) for job in wanted if job.is_video)
            for outcome in chain(pipeline.outcomes(restore), videos):
                finished += 1
                advance(0)
                if outcome.job.is_video and outcome.status != "failed":
                    note(outcome)
                yield outcome


def load_restorer(model: str, options: dict[str, Any]) -> Restorer:
    """Imports TensorFlow and loads a model; options as `restorer.load` takes them."""
    import_tensorflow()
    from deblurgan_tf.devices import prepare_devices
    from deblurgan_tf.inference.restorer import load

    prepare_devices()
    return load(model, **options)


def _skipped(job: Job, there: There) -> Outcome:
    return Outcome(
        job, "skipped", why=there.doubt, wrong=there.wrong, model=there.model
    )
