"""What the chief keeps of a training: log, best generator, samples, checkpoints."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import tensorflow as tf

from deblurgan_tf import config as configs
from deblurgan_tf.cli.progress import TrainingBar
from deblurgan_tf.cli.terminal import console
from deblurgan_tf.config import Config
from deblurgan_tf.inference.restorer import Restorer
from deblurgan_tf.storage.atomic import write_atomically
from deblurgan_tf.training import checkpoints, plots, run_folder
from deblurgan_tf.training.checkpoints import Known
from deblurgan_tf.training.state import State
from deblurgan_tf.training.validation import Validation
from deblurgan_tf.training.writing import writing

SAMPLES = 4  # validation pictures that are drawn


class Records:
    """Writes the folder of a run while it trains; only the chief has one.

    A context: inside it a progress bar is shown.
    """

    def __init__(
        self,
        run: Path,
        config: Config,
        state: State,
        total: int,
        validation: Validation,
        known: Known,
        size: int | None = None,
    ) -> None:
        """known: what the checkpoint knows that the run goes on from.

        size: how many pictures an epoch has; None where the data are endless.
        """
        self.run = run
        self.state = state
        self.validation = validation
        self.best = known.best
        self.epoch_steps = None if size is None else size / config.data.batch
        self.bar = TrainingBar(console, int(state.step), total, config.data.batch)
        # TensorBoard shows Markdown, in which four spaces begin a block of code.
        text = textwrap.indent(configs.dump(config), "    ")
        with writing(run / "tensorboard"):
            self.writer = tf.summary.create_file_writer(str(run / "tensorboard"))
            with self.writer.as_default(step=int(state.step)):
                tf.summary.text("config", text)
        self.restore = Restorer(state.average).restore
        # The sums, which the checkpoint holds, are those of the losses of all steps
        # after this one, whatever became of the log since then.
        if known.logged_at is None:
            lines = [x["step"] for x in run_folder.read_log(run) if "generator" in x]
            self.logged_at = max(lines, default=0)
        else:
            self.logged_at = known.logged_at

    def __enter__(self) -> Records:
        self.bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.__exit__(*error)
        with writing(self.run / "tensorboard"):
            self.writer.close()

    def log(self, step: int) -> None:
        """Writes the mean losses of the steps since the last line of the log."""
        state = self.state
        means = state.sums.numpy() / (step - self.logged_at)
        self.logged_at = step
        state.sums.assign(tf.zeros_like(state.sums))
        record = dict(zip(state.loss_names, map(float, means), strict=True))
        rate = tf.convert_to_tensor(state.generator_optimizer.learning_rate)
        record["learning_rate"] = float(rate)
        self._append(step, record)
        self.bar.losses(record)

    def validate(self, step: int) -> None:
        """Measures the averaged generator, and saves it if it is the best so far.

        Without validation pictures the newest one is saved.
        """
        if not self.validation.items:
            self._save_generator()
            return
        measured = self.validation.measure(self.restore)
        self._append(step, measured)
        self.bar.message(_in_words(step, measured))
        if self.best is None or measured["psnr"] > self.best["psnr"]:
            self.best = {"step": step, **measured}
            self._save_generator()

    def draw_samples(self, step: int) -> None:
        """Restores the first validation pictures, and stores and draws them."""
        if not self.validation.items:
            return
        triplets = list(self.validation.triplets(self.restore, SAMPLES))
        with writing(self.run / "samples"):
            plots.save_samples(self.run, step, triplets)
        with writing(self.run / "tensorboard"), self.writer.as_default(step=step):
            for number, triplet in enumerate(triplets):
                strip = np.concatenate(triplet, axis=1)
                tf.summary.image(f"samples/{number}", strip[None])

    def draw_figures(self) -> None:
        """Draws loss.png and progress.png from what the run has stored."""
        with writing(self.run):
            plots.redraw(self.run)

    def save_checkpoint(self) -> None:
        """Writes the state, from which the training can resume."""
        checkpoints.save(self.run, self.state, self.best, self.logged_at)

    def advance(self, step: int) -> None:
        """Shows that a step is done."""
        self.bar.advance(step)

    def _append(self, step: int, record: dict[str, float]) -> None:
        """Adds a line to log.jsonl, and the same numbers to TensorBoard's log."""
        place: dict[str, float] = {"step": step}
        if self.epoch_steps is not None:
            place["epoch"] = step / self.epoch_steps
        run_folder.append_log(self.run, place | record)
        with writing(self.run / "tensorboard"), self.writer.as_default(step=step):
            for name, value in record.items():
                tf.summary.scalar(f"{_group(name)}/{name}", value)

    def _save_generator(self) -> None:
        path = self.run / "generator.keras"
        with writing(path):
            write_atomically(path, self.state.average.save)


def _group(name: str) -> str:
    """What TensorBoard shows together with a number of the log."""
    if name == "learning_rate":
        return "training"
    return "validation" if name.startswith(("psnr", "ssim")) else "loss"


def _in_words(step: int, measured: dict[str, float]) -> str:
    return (
        f"step {step:,}: validation PSNR {measured['psnr']:.2f} dB (blurred "
        f"{measured['psnr_blurred']:.2f}), SSIM {measured['ssim']:.4f} (blurred "
        f"{measured['ssim_blurred']:.4f})"
    )
