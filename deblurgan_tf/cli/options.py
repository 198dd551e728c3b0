"""Options that `predict` and `batch` share: how a model is applied."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Tile = Annotated[
    int | None,
    typer.Option(
        metavar="PIXELS",
        help="side of the tiles that large pictures are cut into  [default: 416; "
        "1024 for a model that estimates no kernels]",
    ),
]
Tta = Annotated[
    bool,
    typer.Option("--tta", help="average over the eight flips and 90 degree rotations"),
]
Precision = Annotated[
    Literal["float32", "bfloat16"],
    typer.Option(help="bfloat16 is faster on some processors, and less exact"),
]
