"""What each command of `benchmark` compares."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from deblurgan_tf import config as configs
from deblurgan_tf.benchmarking import pipeline, works
from deblurgan_tf.benchmarking.measuring import Case, measure
from deblurgan_tf.benchmarking.reports import Row
from deblurgan_tf.benchmarking.timing import Work
from deblurgan_tf.blur.degradation import Degradation, degradation, degrade
from deblurgan_tf.blur.kernels import kernel_bank
from deblurgan_tf.blur.seeds import sample_seeds
from deblurgan_tf.config import Config
from deblurgan_tf.models import files as model_files
from deblurgan_tf.models.deblurgan import resnet_generator
from deblurgan_tf.storage.leftovers import temporary_folder

# The authors' Python takes this long for a kernel (trajectory and PSF, 2000 samples).
AUTHORS_SECONDS_PER_KERNEL = 0.17


class Comparison(NamedTuple):
    """Measured rows under a title, and figures derived from them, by their names."""

    title: str
    rows: list[Row]
    figures: dict[str, float]


def load_config(path: Path | None, overrides: Sequence[str]) -> Config:
    """A config, by default that of plates_paper; raises ConfigError."""
    return configs.load(path or configs.experiment("plates_paper"), list(overrides))


def training(
    config: Path | None,
    overrides: Sequence[str],
    sides: Sequence[int],
    batches: Sequence[int],
    precision: str,
    torch: bool,
    rounds: int,
) -> Comparison:
    """Full training steps for all combinations of picture sides and batch sizes.

    Args:
        config: the config's file; None: plates_paper.
        overrides: KEY=VALUE of the config.
        sides: heights and widths of the pictures, pixels.
        batches: numbers of pictures in a step.
        precision: of TensorFlow, float32 or mixed_bfloat16.
        torch: measure the same steps in PyTorch too, in float32.
        rounds: timed runs of each.

    Raises:
        ConfigError: the config cannot be used.
        MissingExtra: `torch` without PyTorch.
    """
    least = min(sides)  # the config refuses crops that are too small
    keys = [f"train.precision={precision}", f"data.crop=[{least},{least}]"]
    steps = works.TrainingSteps(load_config(config, [*overrides, *keys]))
    cases, sizes = [], {}
    for side in sides:
        for batch in batches:
            size = f"{side}x{side}, batch {batch}"
            count = steps.multiplications(side, batch)
            name = f"TensorFlow {precision}, {size}"
            cases.append(Case(name, steps.work(side, batch), batch, count, precision))
            sizes[name] = side * side * batch
            if torch:
                work = works.torch_step(side, batch)
                cases.append(Case(f"PyTorch float32, {size}", work, batch, count))
    rows = measure(cases, rounds)
    figures = {
        f"ns a pixel, {row.name}": 1e9 * row.median / sizes[row.name]
        for row in rows
        if len(sizes) > 1 and row.name in sizes
    }
    return Comparison("training step", rows, figures)


def restoring(
    models: Sequence[str],
    precisions: Sequence[str],
    height: int,
    width: int,
    torch: bool,
    rounds: int,
) -> Comparison:
    """Restoring a picture, uint8 to uint8, by several models and precisions.

    Args:
        models: shipped models, runs or files; works.PAPER is the paper's generator.
        precisions: of TensorFlow, float32 or bfloat16.
        height: of the picture, pixels.
        width: of the picture, pixels.
        torch: measure the paper's generator in PyTorch too, in float32.
        rounds: timed runs of each.

    Raises:
        ModelError: a model cannot be used.
        MissingExtra: `torch` without PyTorch.
    """
    picture = works.picture(height, width)
    cases = []
    for model in models:
        if model == works.PAPER:
            network = resnet_generator()
        else:
            network = model_files.open_model(model_files.find(model))
        count = works.Restoring(network).multiplications(picture)
        for precision in precisions:
            restorer = works.Restoring(network, precision=precision)
            work: Work = partial(restorer.restore, picture)
            name = f"{model}, TensorFlow {precision}"
            cases.append(Case(name, work, 1, count, precision))
        if torch and model == works.PAPER:
            work = works.torch_forward(picture)
            cases.append(Case(f"{model}, PyTorch float32", work, 1, count))
    return Comparison(f"restoring {width}x{height}", measure(cases, rounds), {})


def blurring(side: int, batch: int, count: int, rounds: int) -> Comparison:
    """A bank of kernels, blurring a batch, and a full training step of plates_paper.

    side: height and width, pixels; batch: pictures in a step; count: kernels in the
    bank; rounds: timed runs of each.
    """
    config = load_config(None, [])
    how = config.blur
    assert how is not None  # the config is a shipped one
    numbers = iter(range(1, 10_000))

    def bank() -> object:
        return kernel_bank(
            how.kind,
            count,
            how.canvas,
            how.length,
            how.intensity,
            how.exposures,
            next(numbers),
        ).numpy()

    sharp = tf.random.stateless_uniform([batch, side, side, 3], [0, 0], -1.0, 1.0)
    plan = degradation(how, 0)
    blurred = tf.function(
        lambda pictures, seeds: degrade(pictures, Degradation(*plan), seeds)
    )

    def apply() -> object:
        return blurred(sharp, sample_seeds(next(numbers), tf.range(batch))).numpy()

    step = works.TrainingSteps(config).work(side, batch)
    cases = [
        Case("bank", bank, count),
        Case("blur", apply, batch),
        Case("training step", step, batch),
    ]
    rows = measure(cases, rounds)
    of_bank, of_blur, of_step = (row.median for row in rows)
    figures = {
        "kernels per second": count / of_bank,
        "times the authors' Python": AUTHORS_SECONDS_PER_KERNEL * count / of_bank,
        "blur / training step": of_blur / of_step,
    }
    title = f"blur, {side}x{side}, batch {batch}, {count} kernels"
    return Comparison(title, rows, figures)


def delivering(
    config: Path | None,
    overrides: Sequence[str],
    batches: int,
    step: bool,
    rounds: int,
) -> Comparison:
    """Pictures a second of the input pipeline, and of the training step.

    Without a config and overrides: rendered plates, and a folder of small files.

    Args:
        config: the config's file; None: plates_paper.
        overrides: KEY=VALUE of the config.
        batches: that are taken in one run.
        step: measure the training step too.
        rounds: timed runs of each.

    Raises:
        ConfigError: the config cannot be used.
        DataError: its data cannot be used.
    """
    chosen = load_config(config, overrides)
    batch, crop = chosen.data.batch, chosen.data.crop
    sources = {f"source {chosen.data.source}": chosen}
    with temporary_folder() as made:
        if config is None and not overrides:
            folder = pipeline.small_files(made / "pictures")
            name = f"folder of {pipeline.FILES} small PNG files"
            keys = ["data.source=folder", f"data.path={folder}"]
            sources[name] = load_config(None, keys)
        cases = [
            Case(name, pipeline.delivering(each, batches), batches * batch)
            for name, each in sources.items()
        ]
        if step:
            work = works.TrainingSteps(chosen).of_size(*crop, batch)
            cases.append(Case("training step", work, batch))
        rows = measure(cases, rounds)
    seconds = {row.name: row.median / row.pictures for row in rows if row.pictures}
    figures = {
        f"times what the step takes, {name}": seconds["training step"] / seconds[name]
        for name in sources
        if step
    }
    title = f"input pipeline, {crop[0]}x{crop[1]}, batch {batch}"
    return Comparison(title, rows, figures)
