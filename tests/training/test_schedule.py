"""What is due after which step, the same for all workers."""

from __future__ import annotations

from helpers.trainings import tiny

from deblurgan_tf.training.schedule import Due, Schedule

NOTHING = Due(log=False, validate=False, sample=False, save=False)


def schedule():
    every = {"log": 2, "validate": 3, "sample": 4, "checkpoint": 5}
    return Schedule(tiny(every=every).every, total=11)


def test_each_thing_is_due_at_its_own_interval():
    due = [schedule().due(step) for step in range(1, 11)]
    for name, interval in (("log", 2), ("validate", 3), ("sample", 4), ("save", 5)):
        steps = [step for step, x in enumerate(due, 1) if getattr(x, name)]
        assert steps == list(range(interval, 11, interval)), name
    assert due[0] == due[6] == NOTHING


def test_everything_is_due_after_the_last_step():
    assert all(schedule().due(11))


def test_a_stopped_training_saves_and_does_nothing_else():
    assert schedule().due(7, stopped=True) == NOTHING._replace(save=True)
