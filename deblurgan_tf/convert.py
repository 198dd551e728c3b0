"""Carry models over into today's: `python -m deblurgan_tf.convert --help`.

Takes the authors' PyTorch weights (`models.torch_weights`, needs the extra `torch`) and
.keras files of version 0.1 (`models.version_0_1`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.terminal import harmless
from deblurgan_tf.errors import UsageError

app = App()


@app.command(
    examples=(
        "python -m deblurgan_tf.convert latest_net_G.pth --output generator.keras",
        "python -m deblurgan_tf.convert old/photos.keras --output photos.keras",
        "python -m deblurgan_tf.predict photo.jpg --model generator.keras "
        "--output restored",
    ),
)
def main(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="a PyTorch state dict, or a .keras file of version 0.1",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="the model to write, *.keras")
    ],
    dropout: Annotated[
        bool | None,
        typer.Option(
            "--dropout/--no-dropout",
            help="whether PyTorch weights were trained with dropout. It matters for "
            "one convolution a block: there the authors' --no_dropout changes the "
            "network, and the file does not say so  [default: dropout]",
        ),
    ] = None,
) -> None:
    """Carry a model over: PyTorch weights of DeblurGAN, or a file of version 0.1.

    PyTorch weights are a state dict of the authors' ResNet generator. The output of the
    network is added to its input (the authors' --learn_residual, as in the paper). A
    .keras file of version 0.1 is written under today's names, its weights equal bit by
    bit. No code from the file is run. Exit codes: 0 done, 2 wrong usage or file.
    """
    if output.suffix != ".keras":
        raise UsageError(f"{output}: name the model *.keras")
    if not output.parent.is_dir():
        raise UsageError(f"{output.parent}: is no folder; make it first")
    old = file.suffix == ".keras"
    if old and dropout is not None:
        raise UsageError(
            "--dropout and --no-dropout belong to PyTorch weights; leave them out for "
            f"{file}"
        )
    import_tensorflow()
    # TensorFlow takes seconds to import: --help and wrong usage do without.
    from deblurgan_tf.models import torch_weights, version_0_1
    from deblurgan_tf.storage.atomic import write_atomically
    from deblurgan_tf.storage.writing_errors import writing_to

    if old:
        generator = version_0_1.convert(file)
    else:
        generator = torch_weights.convert(file, dropout is not False)
    with writing_to(output):
        write_atomically(output, generator.save)
    print(f"{harmless(str(output))}: {generator.count_params():,} parameters")


if __name__ == "__main__":
    app()
