"""How long a training is, and what is done after which step."""

from __future__ import annotations

from typing import NamedTuple

from deblurgan_tf.config import Config, Every
from deblurgan_tf.data import Source
from deblurgan_tf.errors import DataError


class Due(NamedTuple):
    """What is to be done after a step."""

    log: bool
    validate: bool
    sample: bool
    save: bool  # a checkpoint


class Schedule(NamedTuple):
    """All workers follow the same schedule, so that an error ends them in one step."""

    every: Every
    total: int  # steps of the whole training

    def due(self, step: int, stopped: bool = False) -> Due:
        """What to do after `step`, counted from 1: everything after the last one.

        stopped: whether the training is asked to stop; it saves a checkpoint then.
        """

        def at(interval: int) -> bool:
            return step % interval == 0 or step == self.total

        return Due(
            log=at(self.every.log),
            validate=at(self.every.validate_),
            sample=at(self.every.sample),
            save=at(self.every.checkpoint) or stopped,
        )


def total_steps(config: Config, source: Source) -> int:
    """The smaller of `train.steps` and `train.epochs`, in steps.

    Raises DataError for endless data without `train.steps`.
    """
    limits = [] if config.train.steps is None else [config.train.steps]
    if config.train.epochs is not None and source.size is not None:
        limits.append(-(-config.train.epochs * source.size // config.data.batch))
    if not limits:
        raise DataError("the data are endless: give train.steps")
    return min(limits)
