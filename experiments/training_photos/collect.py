"""Cuts the photos to train on into tiles.

    python experiments/training_photos/collect.py ROOT --output DIR

The pictures named in pictures.txt (paths below ROOT) are downsampled to 0.5, 0.35 and
0.25 of their size, which removes noise and the blocks of JPEG, and cut into tiles of
320x480 pixels. Tiles without detail are left out; of one picture at most 40 are kept.
The same pictures give the same tiles.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from deblurgan_tf.deconvolution.sharpness import edge_width

SCALES = (0.5, 0.35, 0.25)
HEIGHT, WIDTH = 320, 480
MOST = 40
LIST = Path(__file__).with_name("pictures.txt")
# Least mean absolute difference between neighbours, in the quarter of the pixels where
# it is largest; grey levels of 255.
WEAKEST = 3.0


def tiles(picture: np.ndarray) -> dict[str, np.ndarray]:
    """The tiles of a picture (H, W, 3); their names say where they lie in it."""
    found = {}
    for scale in SCALES:
        height, width = (round(size * scale) for size in picture.shape[:2])
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        for top in range(0, height - HEIGHT + 1, HEIGHT):
            for left in range(0, width - WIDTH + 1, WIDTH):
                tile = small[top : top + HEIGHT, left : left + WIDTH]
                if is_detailed(tile):
                    found[f"{width}-{top}-{left}"] = tile
    return found


def is_detailed(tile: np.ndarray) -> bool:
    """Whether there are sharp edges, and not in one corner alone."""
    grey = cv2.cvtColor(tile, cv2.COLOR_BGR2GRAY).astype(np.float64)
    slopes = np.abs(np.diff(grey, axis=0))[:, 1:] + np.abs(np.diff(grey, axis=1))[1:]
    if np.sort(slopes, axis=None)[-slopes.size // 4 :].mean() < WEAKEST:
        return False
    width = edge_width(grey)
    return width is not None and width < 1.2


def main(
    root: Annotated[Path, typer.Argument(help="the folder that holds the pictures")],
    output: Annotated[Path, typer.Option()],
    pictures: Annotated[Path, typer.Option(help="a list of paths below ROOT")] = LIST,
) -> None:
    files = [root / line for line in pictures.read_text().split()]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        sys.exit(f"missing, see pictures.txt: {', '.join(missing)}")
    output.mkdir(parents=True, exist_ok=True)
    for file in files:
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if picture is None:
            sys.exit(f"{file}: cannot be read")
        stem = "_".join(file.relative_to(root).with_suffix("").parts)
        found = tiles(picture)
        kept = sorted(found, key=lambda name: zlib.crc32(f"{stem}{name}".encode()))
        for name in kept[:MOST]:
            cv2.imwrite(str(output / f"{stem}-{name}.png"), found[name])
        print(f"{stem}: {len(kept[:MOST])} of {len(found)} tiles")


if __name__ == "__main__":
    typer.run(main)
