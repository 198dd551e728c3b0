"""Export a model for others to run: `python -m deblurgan_tf.export --help`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.stopping import stoppable
from deblurgan_tf.errors import UsageError
from deblurgan_tf.exporting.options import SMALLEST_LIMIT, Format, Quantize, check
from deblurgan_tf.storage.resources import AUTO_MODEL

app = App()


@app.command(
    no_args_is_help=True,
    examples=(
        "python -m deblurgan_tf.export --model plates --output models/plates",
        "python -m deblurgan_tf.export --model runs/mine --output models/mine "
        "--version 2",
        "python -m deblurgan_tf.export --model photos --output files --format onnx",
        "python -m deblurgan_tf.export --model photos --output files --format litert "
        "--quantize int8",
    ),
)
def main(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="saved_model: the model's folder, in which a folder of the version is "
            "made; other formats: the folder of the file",
        ),
    ],
    model: Annotated[
        str, typer.Option(help="a shipped model, a run's folder or a .keras file")
    ],
    format: Annotated[
        Format,
        typer.Option(help="saved_model is for TensorFlow Serving"),
    ] = "saved_model",
    version: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="saved_model: the name of the version's folder; an existing one is "
            "never replaced",
        ),
    ] = 1,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=SMALLEST_LIMIT,
            help="saved_model: larger pictures are refused  [default: 1048576, the "
            "largest that predict restores without tiles]",
        ),
    ] = None,
    quantize: Annotated[
        Quantize | None,
        typer.Option(help="litert: how the weights are stored; the cost is measured"),
    ] = None,
) -> None:
    """Export a model to TensorFlow Serving, ONNX or LiteRT.

    The export is opened in a fresh process and compared with predict; one that differs
    is not kept. Exit codes: 0 exported, 1 it differs, cannot be converted or cannot be
    written, 2 wrong usage or model.
    """
    with stoppable():
        if model == AUTO_MODEL:
            raise UsageError(
                f"--model {model}: chooses by the picture; export a model by its name"
            )
        check(format, output, version, max_pixels, quantize)
        import_tensorflow()
        from deblurgan_tf.exporting import writing

        restorer, origin = writing.load(model)
        if format == "saved_model":
            target = output / str(version)
            writing.write_saved_model(restorer, origin, target, max_pixels)
        else:
            writing.write_file(restorer, origin, output, format, quantize)


if __name__ == "__main__":
    app()
