"""Writes an export: convert, compare in a fresh process, then move it into place.

Everything is written in a temporary folder beside the target. An export that differs
from `predict` is not kept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deblurgan_tf.cli.terminal import say
from deblurgan_tf.devices import prepare_devices
from deblurgan_tf.errors import WorkFailed
from deblurgan_tf.exporting import (
    agreement,
    graph,
    litert_file,
    model_card,
    onnx_file,
    quantisation_cost,
    saved_model,
    serving_files,
)
from deblurgan_tf.exporting.model_card import Source
from deblurgan_tf.exporting.options import Format, Quantize
from deblurgan_tf.inference.restorer import Restorer
from deblurgan_tf.models import files as model_files
from deblurgan_tf.storage.atomic import move_into_place
from deblurgan_tf.storage.leftovers import temporary_folder


def load(model: str) -> tuple[Restorer, Source]:
    """The restorer of a model, and where the model came from.

    model: a shipped model's name, a run's folder or a .keras file. Raises ModelError
    for a model that cannot be used.
    """
    prepare_devices()
    file = model_files.find(model)
    return Restorer(model_files.open_model(file)), model_card.source(model, file)


def write_saved_model(
    restorer: Restorer, origin: Source, target: Path, max_pixels: int | None
) -> None:
    """Writes the folder `target`, a version for TensorFlow Serving.

    max_pixels: larger pictures are refused; None for graph.MAX_PIXELS. Raises
    WorkFailed where the model cannot be converted, differs from `predict` afterwards,
    or cannot be written.
    """
    limit = graph.MAX_PIXELS if max_pixels is None else max_pixels
    interface = model_card.SIGNATURES.format(max_pixels=limit)
    with _temporary(target) as folder:
        saved_model.save(restorer.model, folder, limit)
        measured = _shown(agreement.compare(folder, restorer, agreement.FLOAT32))
        card = model_card.text(origin, "SavedModel", interface, measured)
        with _writing(target):
            serving_files.write(folder / "assets.extra", origin, card)
            move_into_place(folder, target)
    say(f"{target}: ready for TensorFlow Serving; its card is in assets.extra")


def write_file(
    restorer: Restorer,
    origin: Source,
    output: Path,
    format: Format,
    quantize: Quantize | None,
) -> None:
    """Writes an ONNX or LiteRT file and its card into the folder `output`.

    quantize: how a LiteRT file stores the weights. Raises WorkFailed as
    `write_saved_model` does.
    """
    weights = f"-{quantize}" if quantize else ""
    ending = ".onnx" if format == "onnx" else ".tflite"
    target = output / f"{origin.name}{weights}{ending}"
    tolerance = agreement.QUANTISED[quantize] if quantize else agreement.FLOAT32
    with _temporary(target) as file:
        if format == "onnx":
            facts = model_card.facts(origin, f"ONNX, opset {onnx_file.OPSET}")
            with _writing(target):
                onnx_file.save(restorer.model, file, facts)
        else:
            facts = model_card.facts(origin, f"LiteRT, weights {quantize or 'float32'}")
            with _writing(target):
                litert_file.save(restorer.model, file, quantize)
        measured: list[Any] = _shown(agreement.compare(file, restorer, tolerance))
        if quantize:
            measured += _shown([quantisation_cost.measure(file, restorer)])
        text = model_card.text(origin, facts["format"], model_card.TENSORS, measured)
        card = file.with_name(f"{target.name}.md")
        with _writing(target):
            card.write_text(text, encoding="utf-8")
            move_into_place(card, output / card.name)
            move_into_place(file, target)
    say(f"{target}: {target.stat().st_size:,} bytes; its card is {target.name}.md")


def _shown(lines: Sequence[Any]) -> list[Any]:
    for line in lines:
        say(line)
    return list(lines)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Raises WorkFailed where a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise WorkFailed(
            f"{target}: cannot be written ({error.strerror}); check its rights and the "
            "space on its disk"
        ) from error


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """A path with the target's name in a temporary folder beside the target."""
    with contextlib.ExitStack() as stack:
        with _writing(target):
            place = stack.enter_context(temporary_folder(target.parent))
        yield place / target.name
