"""The learning rate of each step, also in a run that was lengthened.

At the end of a training the rate has fallen to almost 0. A run that is lengthened goes
on with the schedule of the longer training, whose rate there may be thousands of times
higher. A jump to it would spoil the networks and leave Adam with moments of another
scale, so the rate rises to it linearly, over a tenth of the steps that were added.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from deblurgan_tf import config as configs
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.config import Config
from deblurgan_tf.data import Source
from deblurgan_tf.errors import RunError
from deblurgan_tf.storage.atomic import write_text
from deblurgan_tf.storage.json_lines import bad_lines, read_lines
from deblurgan_tf.training.schedule import total_steps

RISE = 10  # the rate rises during the RISE-th part of the added steps


class Lengthening(NamedTuple):
    """A training that was to have `total` steps became longer after `step`."""

    step: int
    total: int


def learning_rate(
    config: Config,
    step: tf.Tensor,
    total: int,
    lengthened: Sequence[Lengthening] = (),
) -> tf.Tensor:
    """The rate of a step counted from 0: constant, then linear, 0 after the last.

    lengthened: in the order of their steps; the rate rises after each, see the module.
    """
    if not lengthened:
        return _falling(config, step, total)
    *earlier, (after, shorter) = lengthened
    before = learning_rate(config, step, shorter, earlier)
    last = learning_rate(config, tf.constant(after - 1, tf.int64), shorter, earlier)
    falling = _falling(config, step, total)
    aim = _falling(config, tf.constant(after, tf.int64), total)
    part = (tf.cast(step - after, tf.float32) + 1.0) / _rise_steps(after, total)
    rising = tf.minimum(last + (aim - last) * part, falling)
    return tf.where(step < after, before, tf.where(aim > last, rising, falling))


def _falling(config: Config, step: tf.Tensor, total: int) -> tf.Tensor:
    start = config.train.decay_from * total
    left = (total - tf.cast(step, tf.float32)) / max(total - start, 1.0)
    return config.train.learning_rate * tf.clip_by_value(left, 0.0, 1.0)


def _rise_steps(after: int, total: int) -> int:
    return max((total - after) // RISE, 1)


def lengthenings(
    run: Path, config: Config, source: Source, step: int
) -> tuple[Lengthening, ...]:
    """Those of a run that goes on after `step`; says so if this one is new.

    config, source: of the run as it is to be now.
    """
    known = _noted(_path(run))
    if step == 0 or not (run / "config.yaml").exists():
        return tuple(known)
    shorter = total_steps(configs.load(run / "config.yaml"), source)
    total = total_steps(config, source)
    if shorter == total:
        return tuple(known)
    kept = [x for x in known if x.step <= step]
    if not kept or kept[-1].step < step:
        # Where it goes on before a lengthening, it was to have fewer steps there.
        at_step = known[len(kept)].total if known[len(kept) :] else shorter
        kept.append(Lengthening(step, at_step))
        say(f"{run}: {_in_words(config, total, kept[-1])}")
    return tuple(kept)


def _noted(path: Path) -> list[Lengthening]:
    def fits(line: dict[str, Any]) -> bool:
        return all(isinstance(line.get(key), int) for key in Lengthening._fields)

    bad = bad_lines(path, fits)
    if bad:
        raise RunError(
            f"{path}: line {bad[0]} does not say after which step the run was "
            "lengthened, so that its learning rate is not known; put the file back, or "
            "name another folder with --run to begin a new run"
        )
    return [Lengthening(x["step"], x["total"]) for x in read_lines(path, fits)]


def write_lengthenings(run: Path, lengthened: Sequence[Lengthening]) -> None:
    """Notes them in lengthened.jsonl, so that the rates are the same after a stop."""
    lines = [json.dumps(x._asdict()) + "\n" for x in lengthened]
    if lines:
        write_text(_path(run), "".join(lines))


def _in_words(config: Config, total: int, last: Lengthening) -> str:
    step = last.step
    low, high = (
        float(_falling(config, tf.constant(at), steps))
        for at, steps in ((step - 1, last.total), (step, total))
    )
    text = f"lengthened from {last.total:,} to {total:,} steps"
    if high <= low:
        return text
    return (
        f"{text}; the learning rate rises from {low:.1e} to {high:.1e} during the next "
        f"{_rise_steps(step, total):,}"
    )


def _path(run: Path) -> Path:
    return run / "lengthened.jsonl"
