"""A training from its first step to its last, in the folder of its run.

The same call again resumes a training that was stopped, and ends with the same bits
as one that never was.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deblurgan_tf import config as configs
from deblurgan_tf.blur.degradation import degradation
from deblurgan_tf.cli.progress import TrainingBar
from deblurgan_tf.cli.stopping import StopSignal
from deblurgan_tf.cli.terminal import console, say
from deblurgan_tf.config import Config
from deblurgan_tf.data import Source, open_source, training_batches
from deblurgan_tf.devices import prepare_devices
from deblurgan_tf.errors import DataError, ModelError, WeightsUnavailable, WorkFailed
from deblurgan_tf.inference.restorer import Restorer
from deblurgan_tf.models import files as model_files
from deblurgan_tf.models.deblurgan import build_critic, build_generator
from deblurgan_tf.storage.atomic import write_atomically
from deblurgan_tf.training import plots
from deblurgan_tf.training import run_folder as runs
from deblurgan_tf.training.distribution import Workers, open_strategy
from deblurgan_tf.training.losses import content_loss
from deblurgan_tf.training.step import State, make_train_step, new_state
from deblurgan_tf.training.validation import Validation

SAMPLES = 4  # validation pictures that are drawn


def total_steps(config: Config, source: Source) -> int:
    """The smaller of `train.steps` and `train.epochs`, in steps."""
    limits = [] if config.train.steps is None else [config.train.steps]
    if config.train.epochs is not None and source.size is not None:
        limits.append(-(-config.train.epochs * source.size // config.data.batch))
    if not limits:
        raise DataError("the data are endless: give train.steps")
    return min(limits)


def train(config: Config, run: Path, arguments: list[str] | None = None) -> State:
    """Trains in the folder `run`, or goes on there; returns the state at the end.

    Of several workers the chief writes the run's folder, and the others read it.
    Raises ConfigError, DataError, WeightsUnavailable, RunError or WorkFailed before
    the first step, WorkFailed when a loss becomes NaN or infinite or a worker is gone,
    KeyboardInterrupt or SystemExit(143) after a checkpoint.
    """
    prepare_devices()
    strategy = open_strategy(config)
    workers = Workers(strategy)
    source = open_source(config)
    total = total_steps(config, source)
    with runs.locked(run) if workers.chief else contextlib.nullcontext():
        runs.check_unchanged(run, config)
        names = source.names()
        runs.check_same_pictures(run, names)
        state = new_state(config, strategy)
        best = None
        checkpoint = runs.latest_checkpoint(run)
        if checkpoint:
            best = runs.restore_checkpoint(checkpoint, state)
        workers.check_same(f"{configs.dump(config)} {names} {int(state.step)}")
        if int(state.step) >= total:
            say(f"{run}: finished at step {int(state.step):,}; nothing to do")
            return state
        if not checkpoint and config.train.start_from is not None:
            _start_from(config.train.start_from, state)
        with strategy.scope() if strategy else contextlib.nullcontext():
            content = _content(config, run, workers.chief)
        if workers.chief:
            runs.cut_log(run, int(state.step))
            # Now, so that a run that cannot begin leaves no config to be held to.
            runs.begin(run, config, names, arguments or sys.argv)
        if config.blur is not None:
            say(f"making {config.blur.kernels:,} blur kernels")
        data = config.data
        how = degradation(config.blur, config.seed, data.color_jitter, data.margin)
        validation = Validation(source.validation, how, config.seed)
        step = make_train_step(config, state, content, how, total, strategy)
        batches = iter(training_batches(source, config, int(state.step), strategy))
        with workers:
            _loop(config, run, state, total, step, batches, validation, best, workers)
            workers.wait()
    return state


def _loop(
    config: Config,
    run: Path,
    state: State,
    total: int,
    train_step: Callable[[dict[str, tf.Tensor]], Any],
    batches: Any,
    validation: Validation,
    best: dict[str, float] | None,
    workers: Workers,
) -> None:
    if not workers.chief:
        _follow(config, state, total, train_step, batches, workers)
        return
    every = config.every
    writer = tf.summary.create_file_writer(str(run / "tensorboard"))
    restore = Restorer(state.average).restore
    stop = StopSignal()

    def due(interval: int) -> bool:
        return step % interval == 0 or step == total

    begun, first = time.monotonic(), int(state.step)
    # The sums hold the steps after the last line of the log.
    logged = [line["step"] for line in runs.read_log(run) if "generator" in line]
    logged_at = max(logged, default=0)
    with stop, TrainingBar(console, first, total, config.data.batch) as bar:
        for step in range(first + 1, total + 1):
            train_step(next(batches))
            stopped = workers.any(stop.number is not None) and step < total
            if due(every.log) or due(every.validate_) or due(every.checkpoint):
                _stop_if_not_finite(state)

            # Log.
            if due(every.log):
                means = state.sums.numpy() / (step - logged_at)
                logged_at = step
                state.sums.assign(tf.zeros_like(state.sums))
                record = dict(zip(state.loss_names, map(float, means), strict=True))
                rate = tf.convert_to_tensor(state.generator_optimizer.learning_rate)
                record["learning_rate"] = float(rate)
                runs.append_log(run, {"step": step, **record})
                _summarise(writer, step, record)
                bar.losses(record)

            # Validate, keep the best.
            if due(every.validate_):
                if validation.items:
                    measured = validation.measure(restore)
                    runs.append_log(run, {"step": step, **measured})
                    _summarise(writer, step, measured)
                    bar.message(_verdict(step, measured))
                if not validation.items:
                    _save_generator(run, state)
                elif best is None or measured["psnr"] > best["psnr"]:
                    best = {"step": step, **measured}
                    _save_generator(run, state)

            # Draw samples.
            if due(every.sample) and validation.items:
                triplets = list(validation.triplets(restore, SAMPLES))
                plots.save_samples(run, step, triplets)
                with writer.as_default(step=step):
                    for number, triplet in enumerate(triplets):
                        strip = np.concatenate(triplet, axis=1)
                        tf.summary.image(f"sample {number}", strip[None])

            # Write a checkpoint; after the last one nothing is left to do.
            if step == total:
                plots.redraw(run)
            if stopped:
                _stop_if_not_finite(state)
            if due(every.checkpoint) or stopped:
                runs.save_checkpoint(run, state, best)
            if stopped:
                writer.close()
                bar.message(f"stopped at step {step:,}; the same command goes on")
                workers.wait()
                stop.leave()
            bar.advance(step)
    writer.close()
    seconds = time.monotonic() - begun
    say(f"trained steps {first + 1:,} to {total:,} in {seconds:,.0f} s")


def _follow(
    config: Config,
    state: State,
    total: int,
    train_step: Callable[[dict[str, tf.Tensor]], Any],
    batches: Any,
    workers: Workers,
) -> None:
    """The loop of a worker that is not the chief: it steps, and writes nothing."""
    every = (config.every.log, config.every.validate_, config.every.checkpoint)
    with StopSignal() as stop:
        for step in range(int(state.step) + 1, total + 1):
            train_step(next(batches))
            stopped = workers.any(stop.number is not None) and step < total
            # Where the chief looks, so that all stop in the same step.
            if stopped or step == total or any(step % x == 0 for x in every):
                _stop_if_not_finite(state)
            if stopped:
                say(f"stopped at step {step:,}; the same command goes on")
                workers.wait()  # for the chief's checkpoint
                stop.leave()


def _stop_if_not_finite(state: State) -> None:
    bad, loss = state.first_bad.numpy()
    if bad >= 0:
        what = f"the loss {state.loss_names[loss]!r}"
    elif not _finite_weights(state):
        what, bad = "a weight", int(state.step)
    else:
        return
    raise WorkFailed(
        f"{what} became NaN or infinite in step {bad:,}; the last checkpoint is "
        "good. Lower train.learning_rate or set train.clip_norm, in a new --run"
    )


def _start_from(name: str, state: State) -> None:
    """Copies the weights of a model's layers into the new generator."""
    start = model_files.open_model(model_files.find(name))
    copied = model_files.copy_weights(start, state.generator)
    if not copied:
        raise ModelError(
            f"train.start_from {name}: has no layer of this generator's; give a model "
            "of the same kind and width"
        )
    state.average.set_weights(state.generator.get_weights())
    count = sum(1 for layer in state.generator.layers if layer.weights)
    say(f"starts from {name}: the weights of {len(copied)} of {count} layers")


def _finite_weights(state: State) -> bool:
    networks = [state.generator, state.average]
    if state.critic is not None:
        networks.append(state.critic)
    weights = [x.value for network in networks for x in network.weights]
    return all(bool(tf.reduce_all(tf.math.is_finite(x))) for x in weights)


def _verdict(step: int, measured: dict[str, float]) -> str:
    return (
        f"step {step:,}: validation PSNR {measured['psnr']:.2f} dB (blurred "
        f"{measured['psnr_blurred']:.2f}), SSIM {measured['ssim']:.4f} (blurred "
        f"{measured['ssim_blurred']:.4f})"
    )


def _summarise(writer: Any, step: int, record: dict[str, float]) -> None:
    with writer.as_default(step=step):
        for name, value in record.items():
            tf.summary.scalar(name, value)


def _save_generator(run: Path, state: State) -> None:
    write_atomically(run / "generator.keras", state.average.save)


def _content(config: Config, run: Path, write: bool) -> Callable:
    """The content loss; a substitute for VGG19 only where the config names one.

    write: note in the run's folder which it is.
    """
    wanted: dict[str, float] = dict(config.loss.content.items())
    options = config.loss.vgg19_weights, config.train.precision
    used = runs.read_content(run)
    if used is not None and used != wanted:
        say(f"this run goes on with its substitute {used} for {wanted}", "bold yellow")
        return content_loss(used, *options)
    try:
        content = content_loss(wanted, *options)
        if write:
            runs.write_content(run, wanted, "as in config.yaml")
        return content
    except WeightsUnavailable as error:
        # A run that began on the wanted loss does not change it halfway.
        if config.loss.if_unavailable is None or used is not None:
            raise
        substitute: dict[str, float] = dict(config.loss.if_unavailable.items())
        say(
            f"WARNING: {error}\nAs loss.if_unavailable says, this run trains on "
            f"{substitute} instead of {wanted}. It is not the paper's loss.",
            "bold yellow",
        )
        if write:
            runs.write_content(run, substitute, f"loss.if_unavailable: {error}")
        return content_loss(substitute)


def describe(config: Config, source: Source) -> str:
    """What --dry-run prints."""
    generator = build_generator(config.model).count_params()
    lines = [configs.dump(config).rstrip(), "", f"generator: {generator:,} parameters"]
    if config.loss.adversarial != "none":
        critic = build_critic(config.model).count_params()
        lines.append(f"critic: {critic:,} parameters")
    size = "endless" if source.size is None else f"{source.size:,} sharp pictures"
    lines.append(f"data: {size} to train on, {len(source.validation)} to validate on")
    lines.append(f"steps: {total_steps(config, source):,}")
    return "\n".join(lines)
