"""A training from its first step to its last, in the folder of its run.

The same call again resumes a training that was stopped, and ends with the same bits
as one that never was.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

from deblurgan_tf import config as configs
from deblurgan_tf.blur.degradation import degradation
from deblurgan_tf.cli.stopping import StopSignal
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.config import Config
from deblurgan_tf.data import Source, open_source, training_batches
from deblurgan_tf.devices import prepare_devices
from deblurgan_tf.training import checkpoints, plots, run_folder
from deblurgan_tf.training.checkpoints import Known
from deblurgan_tf.training.content import choose_content, write_content
from deblurgan_tf.training.distribution import Workers, open_strategy
from deblurgan_tf.training.learning_rate import lengthenings, write_lengthenings
from deblurgan_tf.training.records import Records
from deblurgan_tf.training.schedule import Schedule, total_steps
from deblurgan_tf.training.start_from import start_from
from deblurgan_tf.training.state import State, check_finite, new_state
from deblurgan_tf.training.step import Batch, Losses, make_train_step
from deblurgan_tf.training.validation import Validation
from deblurgan_tf.training.writing import writing


def train(config: Config, run: Path, arguments: list[str] | None = None) -> State:
    """Trains in the folder `run`, or resumes there; returns the state at the end.

    Of several workers only the chief writes to the folder. `arguments` is the command
    that the folder notes; by default this process's.

    Raises ConfigError, DataError, ModelError or RunError before the first step;
    WorkFailed when a loss becomes NaN or infinite or another worker is gone, RunError
    when the folder cannot be written any more; KeyboardInterrupt or SystemExit(143)
    after a stop by Ctrl-C or SIGTERM, with a checkpoint.
    """
    prepare_devices()
    strategy = open_strategy(config)
    workers = Workers(strategy)
    with run_folder.locked(run) if workers.chief else contextlib.nullcontext():
        source = open_checked(config, run, workers.chief)
        names = source.names()
        schedule = Schedule(config.every, total_steps(config, source))

        state, known = begin_or_resume(config, run, strategy)
        lengthened = lengthenings(run, config, source, int(state.step))
        workers.check_same(
            f"{configs.dump(config)} {names} {int(state.step)} {lengthened}"
        )
        if int(state.step) >= schedule.total:
            say(f"{run}: finished at step {int(state.step):,}; nothing to do")
            # The power may have failed between the last checkpoint and the figures.
            if workers.chief and plots.outdated(run):
                with writing(run):
                    plots.redraw(run)
            return state

        # Set up what a step needs.
        with strategy.scope() if strategy else contextlib.nullcontext():
            content = choose_content(config, run)
        if config.blur is not None:
            say(f"making {config.blur.kernels:,} blur kernels")
        data = config.data
        how = degradation(config.blur, config.seed, data.color_jitter, data.margin)
        validation = Validation(source.validation, how, config.seed)
        train_step = make_train_step(
            config, state, content.loss, how, schedule.total, strategy, lengthened
        )
        batches = iter(training_batches(source, config, int(state.step), strategy))

        # The set-up succeeded: only now does the run get its config.
        records = None
        if workers.chief:
            with writing(run):
                run_folder.cut_log(run, int(state.step))
                write_lengthenings(run, lengthened)
                run_folder.begin(run, config, names, arguments or sys.argv)
                write_content(run, content.weights, content.why)
            records = Records(
                run, config, state, schedule.total, validation, known, source.size
            )
        with workers:
            run_steps(schedule, state, train_step, batches, workers, records)
            workers.wait()
    return state


def open_checked(config: Config, run: Path, chief: bool) -> Source:
    """The data of a run whose folder fits its config and them; raises as `train`.

    chief: this process writes to the folder.
    """
    if chief:
        run_folder.remove_leftovers(run)
    run_folder.check_unchanged(run, config)
    run_folder.check_log(run)
    with run_folder.checked_pictures(run, keep=chief) as checked:
        source = open_source(config, checked)
    run_folder.check_same_pictures(run, source.names())
    return source


def begin_or_resume(
    config: Config, run: Path, strategy: tf.distribute.Strategy | None
) -> tuple[State, Known]:
    """The state of the newest checkpoint, or a new one; and what else is known.

    Raises RunError for a checkpoint, and ModelError for a start, that cannot be used.
    """
    state = new_state(config, strategy)
    checkpoint = checkpoints.latest(run)
    if checkpoint:
        return state, checkpoints.restore(checkpoint, state)
    if config.train.start_from is not None:
        start_from(config.train.start_from, state)
    return state, Known()


def run_steps(
    schedule: Schedule,
    state: State,
    train_step: Callable[[Batch], Losses],
    batches: Iterator[Batch],
    workers: Workers,
    records: Records | None,
) -> None:
    """All steps that are left. `records` is the chief's; other workers have none."""
    begun, first = time.monotonic(), int(state.step) + 1
    with StopSignal() as stop, records or contextlib.nullcontext():
        for step in range(first, schedule.total + 1):
            train_step(next(batches))
            stopped = workers.any(stop.number is not None) and step < schedule.total
            due = schedule.due(step, stopped)
            if any(due):
                check_finite(state)  # before anything uses the networks
            if records is not None:
                if due.log:
                    records.log(step)
                if due.validate:
                    records.validate(step)
                if due.sample:
                    records.draw_samples(step)
                # After the rest: a resumed training starts with the next step.
                if due.save:
                    records.save_checkpoint()
                # They can be drawn at any time; nothing in them may cost a checkpoint.
                if step == schedule.total:
                    records.draw_figures()
                records.advance(step)
            if stopped:
                say(f"stopped at step {step:,}; run the same command again to resume")
                workers.wait()  # for the chief's checkpoint
                stop.leave()
    if records is not None:
        seconds = time.monotonic() - begun
        say(f"trained steps {first:,} to {schedule.total:,} in {seconds:,.0f} s")
