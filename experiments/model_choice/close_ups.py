"""A box around all of a close-up, with and without enlarging: `close_ups.py PAIRS`.

PAIRS are the 40 American plates of experiments/plates. Every second one, brought to
several widths, is restored as the picture and, scaled to the work widths, as a plate.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import cv2
import numpy as np

import deblurgan_tf
from deblurgan_tf import images
from deblurgan_tf.metrics.pixels import psnr
from deblurgan_tf.metrics.texts import character_error_rate
from deblurgan_tf.plates.boxes import Box
from deblurgan_tf.plates.detection import read_plate
from deblurgan_tf.restoring import plates

WIDTHS = (96, 128, 180, 400, 600)


def main(folder: str) -> None:
    plates.CLOSE_UP = 2.0  # no box has twice the picture: all are scaled
    root, restorer = Path(folder), deblurgan_tf.load("photos")
    with open(root / "texts.csv", newline="", encoding="utf-8") as file:
        texts = {row["file"]: row["text"] for row in csv.DictReader(file)}
    files = sorted((root / "blurred").glob("*.png"))[::2]
    for width in WIDTHS:
        found: dict[str, list[tuple[float, float]]] = {}
        for file in files if width < 300 else files[:12]:
            blurred, sharp = (
                resized(images.read_rgb(x), width)
                for x in (file, root / "sharp" / file.name)
            )
            whole = Box(0, 0, width, blurred.shape[0])
            as_plate = plates.restore_plates(restorer, blurred, [whole]).pixels
            as_picture = restorer.restore(blurred)
            for name, picture in (
                ("blurred", blurred),
                ("as the picture", as_picture),
                ("as a plate", as_plate),
            ):
                cer = character_error_rate(read_plate(picture).text, texts[file.name])
                found.setdefault(name, []).append((psnr(picture, sharp), cer))
        print(
            width, {name: np.mean(x, 0).round(3).tolist() for name, x in found.items()}
        )


def resized(pixels: np.ndarray, width: int) -> np.ndarray:
    size = (width, round(pixels.shape[0] * width / pixels.shape[1]))
    method = cv2.INTER_AREA if width < pixels.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(pixels, size, interpolation=method)


if __name__ == "__main__":
    main(*sys.argv[1:])
