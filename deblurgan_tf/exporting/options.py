"""The options of `export`, checked before anything is converted."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal

from deblurgan_tf.errors import MissingExtra, UsageError
from deblurgan_tf.storage.installation import install_command
from deblurgan_tf.storage.output_folder import make_output_folder

Format = Literal["saved_model", "onnx", "litert"]
Quantize = Literal["float16", "int8"]

SMALLEST_LIMIT = 240 * 320
"""Pixels of the largest picture that an export is compared or warmed up with."""
_NEEDED = {  # format -> extra, its modules
    "saved_model": ("serve", ("tensorflow_serving",)),
    "onnx": ("onnx", ("onnx", "tf2onnx", "onnxruntime")),
    "litert": ("litert", ("ai_edge_litert",)),
}


def check(
    format: Format,
    output: Path,
    version: int,
    max_pixels: int | None,
    quantize: Quantize | None,
) -> None:
    """Checks the options and makes the folder `output`.

    Raises UsageError for options that do not go together, a version that is there, and
    an output that cannot be written to; MissingExtra where packages are missing.
    """
    if quantize is not None and format != "litert":
        raise UsageError(
            f"--quantize is an option of litert; leave it out for {format}"
        )
    if format != "saved_model" and (version != 1 or max_pixels is not None):
        raise UsageError(
            "--version and --max-pixels are options of saved_model; leave them out for "
            f"{format}"
        )
    extra, modules = _NEEDED[format]
    if any(importlib.util.find_spec(module) is None for module in modules):
        raise MissingExtra(
            f"--format {format} needs the extra {extra}; install it with "
            f"{install_command(extra)}"
        )
    target = output / str(version)
    if format == "saved_model" and target.exists():
        raise UsageError(
            f"{target}: is there already, and a server may be reading it; give "
            f"another --version, for example {_next_version(output)}"
        )
    make_output_folder(output)


def _next_version(output: Path) -> int:
    # TensorFlow Serving takes every folder with a number as its name for a version.
    return max(int(x.name) for x in output.iterdir() if x.name.isdecimal()) + 1
