"""Measure speed: `python -m deblurgan_tf.benchmark train | predict | blur | data`.

Machines are noisy: what is compared runs in turn within one process, and medians and
ratios are what counts.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.startup import import_tensorflow, import_triton
from deblurgan_tf.errors import ConfigError, DataError, MissingExtra, ModelError

# TensorFlow takes seconds to import; --help and wrong usage do without.
if TYPE_CHECKING:
    from deblurgan_tf.config import Config

# The authors' Python takes this long for a kernel (trajectory and PSF, 2000 samples).
AUTHORS_SECONDS_PER_KERNEL = 0.17

app = App("Measure speed: works run in turn, in one process; medians and ratios count.")
Output = Annotated[
    Path | None, typer.Option("--json", help="write the figures to this file too")
]
Rounds = Annotated[int, typer.Option(min=1, help="runs of each that are timed")]
Torch = Annotated[
    bool, typer.Option(help="the same network in PyTorch beside it (extra torch)")
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="the experiment; by default plates_paper"),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="changes a key of the config"),
]


@app.command()
def train(
    sides: Annotated[
        list[int] | None,
        typer.Option("--side", help="height and width, pixels; may be repeated [256]"),
    ] = None,
    batches: Annotated[
        list[int] | None,
        typer.Option("--batch", help="pictures in a step; may be repeated [1]"),
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
    """A full training step: of the paper's config generator, VGG19 loss, 5 critic
    updates. With several sides or batches also the time a pixel, which should not
    depend on them.
    """
    _prepare(torch)
    from deblurgan_tf.benchmarking import works
    from deblurgan_tf.benchmarking.measuring import measure
    from deblurgan_tf.benchmarking.reports import report

    least = min(sides or [256])  # the config refuses crops that are too small
    keys = [f"train.precision={precision}", f"data.crop=[{least},{least}]"]
    chosen = _config(config, [*(overrides or []), *keys])
    steps = works.TrainingSteps(chosen)
    named, rows = {}, []
    cases = [(side, batch) for side in sides or [256] for batch in batches or [1]]
    for side, batch in cases:
        size = f"{side}x{side}, batch {batch}"
        name = f"TensorFlow {precision}, {size}"
        named[name] = steps.work(side, batch)
        rows.append((name, batch, steps.multiplications(side, batch), precision))
        if torch:
            name = f"PyTorch float32, {size}"
            named[name] = _with_torch(works.torch_step, side, batch)
            rows.append((name, batch, steps.multiplications(side, batch), "float32"))
    measured = measure(named, rows, rounds)
    extra = {}
    if len(cases) > 1:
        for row, (side, batch) in zip(
            (row for row in measured if row.name.startswith("TensorFlow")),
            cases,
            strict=True,
        ):
            name = f"ns a pixel, {row.name}"
            extra[name] = 1e9 * row.median / (side * side * batch)
    report("training step", measured, output, extra)


@app.command()
def predict(
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="a shipped model, run or file, or resnet: the paper's generator, not "
            "trained; may be repeated  [default: resnet]",
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
    """Restoring a picture, from uint8 to uint8, by models of several precisions."""
    _prepare(torch)
    from deblurgan_tf.benchmarking import works
    from deblurgan_tf.benchmarking.measuring import measure
    from deblurgan_tf.benchmarking.reports import report
    from deblurgan_tf.models import files as model_files
    from deblurgan_tf.models.deblurgan import resnet_generator

    strange = {*(precisions or [])} - {"float32", "bfloat16"}
    if strange:
        raise typer.BadParameter(f"--precision {min(strange)}: float32 or bfloat16")
    picture = works.picture(height, width)
    named: dict[str, Any] = {}
    rows = []
    for model in models or [works.PAPER]:
        if model == works.PAPER:
            network = resnet_generator()
        else:
            try:
                network = model_files.open_model(model_files.find(model))
            except ModelError as error:
                raise typer.BadParameter(str(error)) from None
        count = works.Restoring(network).multiplications(picture)
        for precision in precisions or ["float32", "bfloat16"]:
            name = f"{model}, TensorFlow {precision}"
            restorer = works.Restoring(network, precision=precision)
            named[name] = partial(restorer.restore, picture)
            rows.append((name, 1, count, precision))
        if torch and model == works.PAPER:
            name = f"{model}, PyTorch float32"
            named[name] = _with_torch(works.torch_forward, picture)
            rows.append((name, 1, count, "float32"))
    measured = measure(named, rows, rounds)
    report(f"restoring {width}x{height}", measured, output)


@app.command()
def blur(
    side: Annotated[int, typer.Option(help="height and width, pixels")] = 256,
    batch: Annotated[int, typer.Option(help="pictures in a step")] = 1,
    count: Annotated[int, typer.Option(help="kernels in the bank")] = 4096,
    rounds: Rounds = 7,
    output: Output = None,
) -> None:
    """Making a bank of kernels, and blurring a batch, beside a full training step."""
    _prepare()
    import tensorflow as tf

    from deblurgan_tf.benchmarking import works
    from deblurgan_tf.benchmarking.measuring import measure
    from deblurgan_tf.benchmarking.reports import report
    from deblurgan_tf.blur.degradation import Degradation, degradation, degrade
    from deblurgan_tf.blur.kernels import kernel_bank
    from deblurgan_tf.blur.seeds import sample_seeds

    config = _config(None, [])
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
    blurring = tf.function(
        lambda pictures, seeds: degrade(pictures, Degradation(*plan), seeds)
    )

    def apply() -> object:
        return blurring(sharp, sample_seeds(next(numbers), tf.range(batch))).numpy()

    step = works.TrainingSteps(config)
    named = {"bank": bank, "blur": apply, "training step": step.work(side, batch)}
    kinds = [("bank", count), ("blur", batch), ("training step", batch)]
    rows = [(name, pictures, None, "") for name, pictures in kinds]
    measured = measure(named, rows, rounds)
    made, blurred, whole = (row.median for row in measured)
    extra = {
        "kernels per second": count / made,
        "times the authors' Python": AUTHORS_SECONDS_PER_KERNEL * count / made,
        "blur / training step": blurred / whole,
    }
    title = f"blur, {side}x{side}, batch {batch}, {count} kernels"
    report(title, measured, output, extra)


@app.command()
def data(
    config: ConfigFile = None,
    overrides: Overrides = None,
    batches: Annotated[
        int, typer.Option(min=1, help="batches that are taken in a run")
    ] = 64,
    rounds: Rounds = 5,
    step: Annotated[
        bool, typer.Option(help="the training step of the same config beside it")
    ] = True,
    output: Output = None,
) -> None:
    """Pictures a second that the input pipeline delivers, and that the training step
    takes. Without --config and --set: rendered plates, and a folder of small files.
    """
    _prepare()
    from deblurgan_tf.benchmarking import pipeline, works
    from deblurgan_tf.benchmarking.measuring import measure
    from deblurgan_tf.benchmarking.reports import report

    chosen = _config(config, overrides or [])
    sources = {f"source {chosen.data.source}": chosen}
    with tempfile.TemporaryDirectory(prefix="deblurgan-benchmark-") as made:
        if config is None and not overrides:
            folder = pipeline.small_files(Path(made) / "pictures")
            name = f"folder of {pipeline.FILES} small PNG files"
            keys = ["data.source=folder", f"data.path={folder}"]
            sources[name] = _config(None, keys)
        try:
            named = {
                name: pipeline.delivering(each, batches)
                for name, each in sources.items()
            }
        except DataError as error:
            raise typer.BadParameter(str(error)) from None
        batch, crop = chosen.data.batch, chosen.data.crop
        rows = [(name, batches * batch, None, "") for name in sources]
        if step:
            named["training step"] = works.TrainingSteps(chosen).of_size(*crop, batch)
            rows.append(("training step", batch, None, ""))
        measured = measure(named, rows, rounds)
    each = [row.median / row.pictures for row in measured if row.pictures]
    extra = {}
    if step:
        for row, seconds in zip(measured[:-1], each[:-1], strict=True):
            extra[f"times what the step takes, {row.name}"] = each[-1] / seconds
    title = f"input pipeline, {crop[0]}x{crop[1]}, batch {batch}"
    report(title, measured, output, extra)


def _prepare(torch: bool = False) -> None:
    if torch:
        import_triton()
    import_tensorflow()
    from deblurgan_tf.devices import prepare_devices

    prepare_devices()


def _config(path: Path | None, overrides: list[str]) -> Config:
    from deblurgan_tf import config as configs

    try:
        return configs.load(path or configs.experiment("plates_paper"), overrides)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from None


def _with_torch(make: Any, *arguments: Any) -> Any:

    try:
        return make(*arguments)
    except MissingExtra as error:
        raise typer.BadParameter(str(error)) from None


if __name__ == "__main__":
    app()
