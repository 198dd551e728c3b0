"""Export a model for others to run: `python -m deblurgan_tf.export --help`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.stopping import terminate
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import UsageError, WorkFailed
from deblurgan_tf.storage.resources import DEFAULT_MODEL

# TensorFlow takes seconds to import, which --help does without.
if TYPE_CHECKING:
    from deblurgan_tf.exporting.model_card import Source
    from deblurgan_tf.inference.restorer import Restorer

Format = Literal["saved_model", "onnx", "litert"]
Quantize = Literal["float16", "int8"]

SMALLEST_LIMIT = 240 * 320
"""Pixels of the largest picture that an export is compared or warmed up with."""
_NEEDED = {  # format -> extra, its modules
    "saved_model": ("serve", ("tensorflow_serving",)),
    "onnx": ("onnx", ("onnx", "tf2onnx", "onnxruntime")),
    "litert": ("litert", ("ai_edge_litert",)),
}

app = App()


@app.command(
    no_args_is_help=True,
    epilog="Examples: python -m deblurgan_tf.export --model plates --output "
    "models/plates || python -m deblurgan_tf.export --model runs/mine --output "
    "models/mine --version 2 || python -m deblurgan_tf.export --output files "
    "--format onnx || python -m deblurgan_tf.export --output files --format litert "
    "--quantize int8",
)
def main(
    output: Annotated[
        Path,
        typer.Option(
            help="saved_model: the model's folder, to which a version's folder is "
            "added; else the folder of the file"
        ),
    ],
    model: Annotated[
        str, typer.Option(help="a shipped model's name, a run's folder or a .keras")
    ] = DEFAULT_MODEL,
    format: Annotated[
        Format,
        typer.Option(help="saved_model is for TensorFlow Serving"),
    ] = "saved_model",
    version: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="saved_model: the number of the version's folder; one that is there "
            "is never replaced",
        ),
    ] = 1,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=SMALLEST_LIMIT,
            help="saved_model: larger pictures are refused (default: 1048576, which "
            "predict restores whole too)",
        ),
    ] = None,
    quantize: Annotated[
        Quantize | None,
        typer.Option(help="litert: how the weights are stored; the cost is measured"),
    ] = None,
) -> None:
    """Export a model to TensorFlow Serving, ONNX or LiteRT.

    What was written is opened in a fresh process and compared with predict; one that
    differs is not kept. Exit codes: 0 exported, 1 it differs or cannot be
    converted, 2 wrong usage or model.
    """
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        _check(format, output, version, max_pixels, quantize)
        restorer, origin = _load(model)
        if format == "saved_model":
            _saved_model(restorer, origin, output / str(version), max_pixels)
        else:
            _file(restorer, origin, output, format, quantize)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    # Wrong usage and ModelError are both; WorkFailed's module imports TensorFlow.
    except (ValueError, OSError) as error:
        say(f"error: {error}", "bold red")
        differs = type(error).__name__ == "WorkFailed"
        raise typer.Exit(1 if differs else 2) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _check(
    format: Format,
    output: Path,
    version: int,
    max_pixels: int | None,
    quantize: Quantize | None,
) -> None:
    """Raises UsageError now, not after the conversion."""
    if quantize is not None and format != "litert":
        raise UsageError(f"--quantize is of litert; leave it out for {format}")
    if format != "saved_model" and (version != 1 or max_pixels is not None):
        raise UsageError(
            f"--version and --max-pixels are of saved_model; leave them out for "
            f"{format}"
        )
    extra, modules = _NEEDED[format]
    if any(importlib.util.find_spec(module) is None for module in modules):
        raise UsageError(
            f"--format {format} needs the extra {extra}; install it with "
            f"pip install 'deblurgan_tf[{extra}]'"
        )
    target = output / str(version)
    if format == "saved_model" and target.exists():
        raise UsageError(
            f"{target}: is there already, and a server may be reading it; give "
            f"another --version, for example {_next_version(output)}"
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"--output {output}: cannot be made ({error.strerror}); name a folder"
        ) from error
    if not os.access(output, os.W_OK | os.X_OK):
        raise UsageError(f"--output {output}: cannot be written to; check its rights")


def _next_version(output: Path) -> int:
    # As TensorFlow Serving reads the folder's names.
    return max(int(x.name) for x in output.iterdir() if x.name.isdecimal()) + 1


def _load(model: str) -> tuple[Restorer, Source]:
    import_tensorflow()
    from deblurgan_tf.devices import prepare_devices
    from deblurgan_tf.exporting import model_card
    from deblurgan_tf.inference.restorer import Restorer
    from deblurgan_tf.models import files as model_files

    prepare_devices()
    file = model_files.find(model)
    return Restorer(model_files.open_model(file)), model_card.source(model, file)


def _saved_model(
    restorer: Restorer, origin: Source, target: Path, max_pixels: int | None
) -> None:
    from deblurgan_tf.exporting import (
        agreement,
        graph,
        model_card,
        saved_model,
        serving_files,
    )

    limit = graph.MAX_PIXELS if max_pixels is None else max_pixels
    interface = model_card.SIGNATURES.format(max_pixels=limit)
    with _beside(target) as folder:
        with _converting(origin, "saved_model"):
            saved_model.save(restorer.model, folder, limit)
        found = _told(agreement.compare(folder, restorer, agreement.FLOAT32))
        serving_files.write(folder / "assets.extra", origin, interface, found)
        os.rename(folder, target)
    say(f"{target}: ready for TensorFlow Serving; its card is in assets.extra")


def _file(
    restorer: Restorer,
    origin: Source,
    output: Path,
    format: Format,
    quantize: Quantize | None,
) -> None:
    from deblurgan_tf.exporting import (
        agreement,
        litert_file,
        model_card,
        quantisation_cost,
    )

    ending = ".onnx" if format == "onnx" else ".tflite"
    weights = f"-{quantize}" if quantize else ""
    target = output / f"{origin.name}{weights}{ending}"
    tolerance = agreement.QUANTISED[quantize] if quantize else agreement.FLOAT32
    with _beside(target) as file:
        if format == "onnx":
            from deblurgan_tf.exporting import onnx_file

            facts = model_card.facts(origin, f"ONNX, opset {onnx_file.OPSET}")
            with _converting(origin, format):
                onnx_file.save(restorer.model, file, facts)
        else:
            facts = model_card.facts(origin, f"LiteRT, weights {quantize or 'float32'}")
            with _converting(origin, format):
                litert_file.save(restorer.model, file, quantize)
        found: list[Any] = _told(agreement.compare(file, restorer, tolerance))
        if quantize:
            found += _told([quantisation_cost.measure(file, restorer)])
        card = model_card.text(origin, facts["format"], model_card.TENSORS, found)
        beside = file.with_name(f"{target.name}.md")
        beside.write_text(card, encoding="utf-8")
        os.replace(beside, output / beside.name)
        os.replace(file, target)
    say(f"{target}: {target.stat().st_size:,} bytes; its card is {target.name}.md")


@contextmanager
def _converting(origin: Source, format: Format) -> Iterator[None]:
    """Makes one sentence of whatever a converter raises."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise WorkFailed(
            f"{origin.name} cannot be written as {format} ({type(error).__name__}: "
            f"{reason[:200]}); choose another --format, or build the model of usual "
            "layers in float32"
        ) from error


def _told(lines: Sequence[Any]) -> list[Any]:
    for line in lines:
        say(line)
    return list(lines)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A path of the target's name in a temporary folder beside it, which goes."""
    place = Path(tempfile.mkdtemp(prefix=".export-", dir=target.parent))
    try:
        yield place / target.name
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    app()
