"""Packs folders of pictures for train.py: `pack_pictures.py OUT NAME=FOLDER...`.

OUT/NAME.npz holds the pictures as JPEG files behind one another, colour at full size.
train.py takes the names photos, small and text, tiles of 320x480.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

QUALITY = 94


def main(output: str, *folders: str) -> None:
    for argument in folders:
        name, _, folder = argument.partition("=")
        files = []
        for path in sorted(Path(folder).iterdir()):
            stored = io.BytesIO()
            picture = Image.open(path).convert("RGB")
            picture.save(stored, "JPEG", quality=QUALITY, subsampling="4:4:4")
            files.append(stored.getvalue())
        np.savez(
            Path(output) / f"{name}.npz",
            data=np.frombuffer(b"".join(files), np.uint8),
            sizes=np.array([len(x) for x in files]),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
