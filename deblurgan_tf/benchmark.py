"""Measure speed: `python -m deblurgan_tf.benchmark train | predict | blur`.

Machines are noisy: what is compared runs in turn within one process, and medians and
ratios are what counts.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table

from deblurgan_tf import config as configs
from deblurgan_tf.blur import Degradation, degradation, degrade
from deblurgan_tf.config import Config
from deblurgan_tf.devices import prepare_devices
from deblurgan_tf.kernels import kernel_bank
from deblurgan_tf.losses import content_loss
from deblurgan_tf.models import resnet_generator
from deblurgan_tf.restorer import Precision, Restorer
from deblurgan_tf.seeds import sample_seeds
from deblurgan_tf.steps import make_train_step, new_state

# The authors' Python takes this long for a kernel (trajectory and PSF, 2000 samples).
AUTHORS_SECONDS_PER_KERNEL = 0.17

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
)
Output = Annotated[
    Path | None, typer.Option("--json", help="write the figures to this file too")
]


def in_turn(
    works: dict[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each round of each work; they take turns, so noise hits all alike.

    Each work runs once before, to compile, and must return when its result is there.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            gc.collect()
            begun = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


@app.command()
def train(
    side: Annotated[int, typer.Option(help="height and width, pixels")] = 256,
    batch: Annotated[int, typer.Option(help="pictures in a step")] = 1,
    rounds: Annotated[int, typer.Option(help="steps that are timed")] = 7,
    precision: Annotated[
        Literal["float32", "mixed_bfloat16"],
        typer.Option(help="of TensorFlow"),
    ] = "float32",
    torch: Annotated[
        bool, typer.Option(help="a PyTorch step of the same arithmetic beside it")
    ] = True,
    output: Output = None,
) -> None:
    """The paper's full training step: generator, VGG19 loss, 5 critic updates."""
    prepare_devices()
    config = configs.load(
        configs.experiment("plates_paper"),
        [f"train.precision={precision}", f"data.batch={batch}"],
    )
    works = {f"TensorFlow {precision}": _tensorflow_step(config, side, batch)}
    if torch:
        works["PyTorch float32"] = _torch_step(side, batch)
    seconds = in_turn(works, rounds)
    _report(f"training step, {side}x{side}, batch {batch}", seconds, output)


def _tensorflow_step(config: Config, side: int, batch: int) -> Callable[[], object]:
    state = new_state(config)
    how = degradation(config.blur, config.seed)
    # Random weights of VGG19 cost as much as trained ones.
    content = content_loss({"vgg19": 100.0}, "random")
    step = make_train_step(config, state, content, how, 1000)
    pictures = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3))
    sharp = tf.constant(pictures, tf.uint8)

    def work() -> object:
        position = state.step * batch + tf.range(batch, dtype=tf.int64)
        losses = step(
            {
                "sharp": sharp,
                "blurred": sharp,
                "paired": tf.zeros(batch, tf.bool),
                "position": position,
            }
        )
        return float(losses["generator"])

    return work


@app.command()
def predict(
    height: Annotated[int, typer.Option(help="pixels")] = 720,
    width: Annotated[int, typer.Option(help="pixels")] = 1280,
    rounds: Annotated[int, typer.Option(help="pictures that are timed")] = 5,
    torch: Annotated[
        bool, typer.Option(help="the same network in PyTorch beside it")
    ] = True,
    output: Output = None,
) -> None:
    """Restoring a picture with the paper's generator, from uint8 to uint8."""
    prepare_devices()
    generator = resnet_generator()
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    works: dict[str, Callable[[], object]] = {}
    for precision in get_args(Precision):
        restorer = Restorer(generator, precision=precision)
        works[f"TensorFlow {precision}"] = partial(restorer.restore, picture)
    if torch:
        works["PyTorch float32"] = _torch_forward(picture)
    _report(f"restoring {width}x{height}", in_turn(works, rounds), output)


def _torch_forward(picture: np.ndarray) -> Callable[[], object]:
    torch = _import_torch()
    from deblurgan_tf.torch_reference import Generator

    generator = Generator().eval()

    def work() -> object:
        with torch.no_grad():
            values = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
            restored = generator(values / 127.5 - 1)
            return ((restored + 1) * 127.5).round().clamp(0, 255).byte().numpy()

    return work


def _torch_step(side: int, batch: int) -> Callable[[], object]:
    torch = _import_torch()
    from deblurgan_tf.torch_reference import make_train_step as make_torch_step

    step = make_torch_step()
    blurred, sharp = (torch.rand(batch, 3, side, side) * 2 - 1 for _ in range(2))
    return lambda: step(blurred, sharp)


def _import_torch() -> Any:
    try:
        import torch
    except ImportError:
        raise typer.BadParameter(
            "the comparison needs PyTorch: pip install 'deblurgan_tf[torch]', or leave "
            "it out with --no-torch"
        ) from None
    return torch


@app.command()
def blur(
    side: Annotated[int, typer.Option(help="height and width, pixels")] = 256,
    batch: Annotated[int, typer.Option(help="pictures in a step")] = 1,
    count: Annotated[int, typer.Option(help="kernels in the bank")] = 4096,
    rounds: Annotated[int, typer.Option(help="rounds that are timed")] = 7,
    output: Output = None,
) -> None:
    """Making a bank of kernels, and blurring a batch, beside a full training step."""
    prepare_devices()
    config = configs.load(configs.experiment("plates_paper"))
    how = config.blur
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
    blurring = tf.function(
        lambda pictures, seeds: degrade(pictures, Degradation(*plan), seeds)
    )

    def apply() -> object:
        return blurring(sharp, sample_seeds(next(numbers), tf.range(batch))).numpy()

    step = _tensorflow_step(config, side, batch)
    seconds = in_turn({"bank": bank, "blur": apply, "training step": step}, rounds)
    extra = {
        "kernels per second": count / statistics.median(seconds["bank"]),
        "times the authors' Python": AUTHORS_SECONDS_PER_KERNEL
        * count
        / statistics.median(seconds["bank"]),
        "blur / training step": statistics.median(seconds["blur"])
        / statistics.median(seconds["training step"]),
    }
    title = f"blur, {side}x{side}, batch {batch}, {count} kernels"
    _report(title, seconds, output, extra)


def _report(
    title: str,
    seconds: dict[str, list[float]],
    output: Path | None,
    extra: dict[str, float] | None = None,
) -> None:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    last = list(medians.values())[-1]
    table = Table(title=f"{title}, {os.cpu_count()} processors")
    for column in ("what", "median, s", "fastest, s", "ratio to the last"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name, values in seconds.items():
        table.add_row(
            name,
            f"{medians[name]:.4f}",
            f"{min(values):.4f}",
            f"{medians[name] / last:.3f}",
        )
    console = Console()
    console.print(table)
    for name, value in (extra or {}).items():
        console.print(f"{name}: {value:.4g}")
    if output is not None:
        record = {
            "title": title,
            "machine": platform.processor() or platform.machine(),
            "processors": os.cpu_count(),
            "tensorflow": tf.__version__,
            "seconds": seconds,
            "medians": medians,
            **(extra or {}),
        }
        output.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    app()
