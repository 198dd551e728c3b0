"""The pipeline: its memory, its order, and what a failure or an early end leaves."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from helpers.pictures import photo, save

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError
from deblurgan_tf.restoring.budget import Budget, Stopped
from deblurgan_tf.restoring.inputs import Job
from deblurgan_tf.restoring.outcomes import Outcome
from deblurgan_tf.restoring.pipeline import Pipeline


def test_the_budget_takes_one_huge_picture_but_not_a_second(tmp_path):
    budget = Budget(100)
    budget.take(60)
    budget.take(40)
    budget.give(60)
    budget.give(40)
    budget.take(1000)
    budget.close()
    with pytest.raises(Stopped):
        budget.take(1)


def test_after_any_error_the_next_picture_is_restored(tmp_path, monkeypatch):
    jobs = []
    for number in range(8):
        source = save(tmp_path / f"{number}.png", photo(10 + number, 10, number))
        jobs.append(Job(source, tmp_path / "out" / source.name))
    errors = {10: MemoryError(), 12: ZeroDivisionError("of zero"), 13: KeyError("k")}

    def restore(pixels, outcome):
        if pixels.shape[0] in errors:
            raise errors[pixels.shape[0]]
        outcome.extra["seen"] = True
        return 255 - pixels

    monkeypatch.setattr("deblurgan_tf.restoring.pipeline.PIXELS_IN_MEMORY", 150)
    with Pipeline(jobs) as pipeline:
        outcomes = {o.job: o for o in pipeline.outcomes(restore)}
        assert pipeline.budget.used == 0
    assert [outcomes[job].status == "failed" for job in jobs] == [
        *(True, False, True, True, False, False, False, False)
    ]
    assert "0.png: not enough memory" in outcomes[jobs[0]].error
    assert "2.png: ZeroDivisionError: of zero" in outcomes[jobs[2]].error
    # A bug comes with its traceback; what a user can mend does not.
    assert "in restore\n" in outcomes[jobs[2]].bug
    assert outcomes[jobs[0]].bug is None and outcomes[jobs[1]].bug is None
    for job in jobs[4:]:
        pixels = images.read_rgb(job.source)
        np.testing.assert_array_equal(images.read_rgb(job.target), 255 - pixels)
        assert outcomes[job].as_dict()["seen"] is True


def test_a_read_that_hangs_does_not_keep_the_pipeline_from_ending(
    tmp_path, monkeypatch
):
    source = save(tmp_path / "a.png", photo(10, 10, 0))
    hangs, release = threading.Event(), threading.Event()

    def contents(path):
        hangs.set()
        release.wait()
        raise PictureError("released")

    monkeypatch.setattr(images, "contents", contents)
    try:
        # As a signal does, which raises in the main thread.
        with Pipeline([Job(source, tmp_path / "b.png")]):
            assert hangs.wait(5)
        # Left, as after a signal, while the thread still hangs; it holds up no exit.
        workers = [t for t in threading.enumerate() if t.name == "decode"]
        assert workers and all(worker.daemon for worker in workers)
    finally:
        release.set()


def test_leaving_early_stops_the_threads_and_leaves_whole_files(tmp_path):
    jobs = []
    for number in range(20):
        source = save(tmp_path / f"{number}.png", photo(50, 50, number))
        jobs.append(Job(source, tmp_path / "out" / source.name))

    def interrupted(pixels, outcome: Outcome):
        if outcome.job == jobs[5]:
            raise KeyboardInterrupt
        return pixels

    noted = []
    with (
        pytest.raises(KeyboardInterrupt),
        Pipeline(jobs, lambda outcome: noted.append(outcome.job.target)) as pipeline,
    ):
        list(pipeline.outcomes(interrupted))
    # Each result is noted, also one that was written after the end of the loop.
    assert sorted(noted) == sorted((tmp_path / "out").iterdir())
    assert not list(tmp_path.rglob(".*"))
    for file in (tmp_path / "out").iterdir():
        images.read(file)
