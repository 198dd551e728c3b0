"""Carry the authors' PyTorch weights over: `python -m deblurgan_tf.convert --help`.

Needs the extra `torch`; `torch_weights` says what it takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import ModelError

app = App()


@app.command(
    epilog="Examples: python -m deblurgan_tf.convert latest_net_G.pth --output "
    "generator.keras && python -m deblurgan_tf.predict photo.jpg --model "
    "generator.keras --output restored",
)
def main(
    weights: Annotated[
        Path, typer.Argument(metavar="WEIGHTS.pth", help="a PyTorch state dict")
    ],
    output: Annotated[Path, typer.Option(help="the model to write, *.keras")],
    dropout: Annotated[
        bool,
        typer.Option(
            help="as it was trained; with one convolution a block the authors' "
            "--no_dropout changes the network, and the file does not tell"
        ),
    ] = True,
) -> None:
    """Carry a PyTorch generator of DeblurGAN (ResNet) over into a Keras model.

    The output of the network is added to its input (the authors' --learn_residual, as
    in the paper). No code from the file is run. Exit codes: 0 done, 2 wrong usage or
    weights.
    """
    if output.suffix != ".keras":
        raise _refused(f"{output}: name the model *.keras")
    if not output.parent.is_dir():
        raise _refused(f"{output.parent}: is no folder; make it first")
    import_tensorflow()
    # TensorFlow takes seconds to import: --help and wrong usage do without.
    from deblurgan_tf.models.torch_weights import convert
    from deblurgan_tf.storage.atomic import write_atomically

    try:
        generator = convert(weights, dropout)
        write_atomically(output, generator.save)
    except (ModelError, OSError) as error:
        raise _refused(error) from None
    print(f"{output}: {generator.count_params():,} parameters")


def _refused(error: Exception | str) -> typer.Exit:
    say(f"error: {error}", "bold red")
    return typer.Exit(2)


if __name__ == "__main__":
    app()
