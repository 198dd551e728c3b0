"""Measure speed: `python -m deblurgan_tf.benchmark train | predict | blur | data`.

Machines are noisy: what is compared runs alternately within one process, and only
medians and ratios should be compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.startup import import_tensorflow, import_triton
from deblurgan_tf.errors import UsageError
from deblurgan_tf.storage.output_file import check_output_file

# TensorFlow takes seconds to import; --help and wrong usage do without.
if TYPE_CHECKING:
    from deblurgan_tf.benchmarking.comparisons import Comparison

app = App("Measure speed: works run alternately in one process; compare the medians.")
Output = Annotated[
    Path | None, typer.Option("--json", help="write the figures to this file too")
]
Rounds = Annotated[int, typer.Option(min=1, help="timed runs of each")]
Torch = Annotated[
    bool, typer.Option(help="measure the same network in PyTorch too (extra torch)")
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="the experiment; by default plates_paper"),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="changes a key of the config"),
]


@app.command(
    examples=(
        "python -m deblurgan_tf.benchmark train --no-torch",
        "python -m deblurgan_tf.benchmark train --side 128 --side 256 --no-torch",
    ),
)
def train(
    sides: Annotated[
        list[int] | None,
        typer.Option(
            "--side", help="height and width, pixels; may be repeated  [default: 256]"
        ),
    ] = None,
    batches: Annotated[
        list[int] | None,
        typer.Option(
            "--batch", help="pictures in a step; may be repeated  [default: 1]"
        ),
    ] = None,
    rounds: Rounds = 7,
    precision: Annotated[
        Literal["float32", "mixed_bfloat16"],
        typer.Option(help="of TensorFlow"),
    ] = "float32",
    torch: Torch = True,
    config: ConfigFile = None,
    overrides: Overrides = None,
    output: Output = None,
) -> None:
    """A full training step; of the paper: generator, VGG19 loss, 5 critic updates.

    With several sides or batches it also shows the time for each pixel, which should
    not depend on them.
    """
    _prepare(output, torch)
    from deblurgan_tf.benchmarking import comparisons

    _report(
        comparisons.training(
            config,
            overrides or [],
            sides or [256],
            batches or [1],
            precision,
            torch,
            rounds,
        ),
        output,
    )


@app.command(
    examples=(
        "python -m deblurgan_tf.benchmark predict --no-torch",
        "python -m deblurgan_tf.benchmark predict --model photos --model plates "
        "--no-torch --json speed.json",
    ),
)
def predict(
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="a shipped model, run or file, or resnet: the paper's generator with "
            "random weights; may be repeated  [default: resnet]",
        ),
    ] = None,
    precisions: Annotated[
        list[str] | None,
        typer.Option(
            "--precision",
            metavar="float32|bfloat16",
            help="may be repeated  [default: both]",
        ),
    ] = None,
    height: Annotated[int, typer.Option(help="pixels")] = 720,
    width: Annotated[int, typer.Option(help="pixels")] = 1280,
    rounds: Rounds = 5,
    torch: Torch = True,
    output: Output = None,
) -> None:
    """Restoring a picture, from uint8 to uint8, by several models and precisions."""
    strange = {*(precisions or [])} - {"float32", "bfloat16"}
    if strange:
        raise UsageError(f"--precision {min(strange)}: float32 or bfloat16")
    _prepare(output, torch)
    from deblurgan_tf.benchmarking import comparisons, works

    _report(
        comparisons.restoring(
            models or [works.PAPER],
            precisions or ["float32", "bfloat16"],
            height,
            width,
            torch,
            rounds,
        ),
        output,
    )


@app.command(
    examples=("python -m deblurgan_tf.benchmark blur --side 128 --batch 4",),
)
def blur(
    side: Annotated[int, typer.Option(help="height and width, pixels")] = 256,
    batch: Annotated[int, typer.Option(help="pictures in a step")] = 1,
    count: Annotated[int, typer.Option(help="kernels in the bank")] = 4096,
    rounds: Rounds = 7,
    output: Output = None,
) -> None:
    """A bank of kernels and blurring a batch, compared with a full training step."""
    _prepare(output)
    from deblurgan_tf.benchmarking import comparisons

    _report(comparisons.blurring(side, batch, count, rounds), output)


@app.command(
    examples=(
        "python -m deblurgan_tf.benchmark data",
        "python -m deblurgan_tf.benchmark data --set data.batch=4 --no-step",
    ),
)
def data(
    config: ConfigFile = None,
    overrides: Overrides = None,
    batches: Annotated[
        int, typer.Option(min=1, help="batches that one run takes")
    ] = 64,
    rounds: Rounds = 5,
    step: Annotated[
        bool, typer.Option(help="measure the training step of the same config too")
    ] = True,
    output: Output = None,
) -> None:
    """Pictures a second of the input pipeline, compared with the training step.

    Without --config and --set: rendered plates, and a folder of small files.
    """
    _prepare(output)
    from deblurgan_tf.benchmarking import comparisons

    _report(
        comparisons.delivering(config, overrides or [], batches, step, rounds), output
    )


def _prepare(output: Path | None, torch: bool = False) -> None:
    if output is not None:
        check_output_file("--json", output)
    if torch:
        import_triton()
    import_tensorflow()
    from deblurgan_tf.devices import prepare_devices

    prepare_devices()


def _report(compared: Comparison, output: Path | None) -> None:
    from deblurgan_tf.benchmarking.reports import report

    report(compared.title, compared.rows, output, compared.figures)


if __name__ == "__main__":
    app()
