"""The command-line options that `predict` and `batch` share: how a model is run."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Tile = Annotated[
    int | None,
    typer.Option(
        metavar="PIXELS",
        help="side of the tiles that large pictures are cut into  [default: 416; "
        "1024 for a model that finds no kernels]",
    ),
]
Tta = Annotated[
    bool, typer.Option("--tta", help="average over eight flips and quarter turns")
]
Precision = Annotated[
    Literal["float32", "bfloat16"],
    typer.Option(help="bfloat16 is faster on some processors, and coarser"),
]
