"""At which width a plate is best restored: PSNR, SSIM and texts read, by that width.

    python experiments/plate_detection/work_width.py CROPS MODEL.keras

CROPS: a folder of sharp crops of plates and plates.csv (file,...,text); every tenth is
used, blurred as in measure.py. Needs the extra `ocr`.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import keras
import numpy as np
from measure import blurred

from deblurgan_tf import images
from deblurgan_tf.metrics import pixels as metrics
from deblurgan_tf.models import layers
from deblurgan_tf.plates import detection as plates
from deblurgan_tf.plates.boxes import Box
from deblurgan_tf.plates.texts import plate_text
from deblurgan_tf.restoring import plates as plate_restoration

WIDTHS = (90, 115, 150, 190)
assert layers  # their import registers the model's own layers


class Model:
    kernel = None

    def __init__(self, path: str):
        self.generator = keras.models.load_model(path, compile=False)

    def restore(self, pixels: np.ndarray) -> np.ndarray:
        values = self.generator(images.to_float(pixels)[None], training=False)
        return images.to_uint8(values[0].numpy())


def main(folder: Path, model: Model) -> None:
    with (folder / "plates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[::10]
    print(f"{len(rows)} crops: PSNR, SSIM, texts read exactly")
    for strength in (0.05, 0.1, 0.15):
        for width in (None, *WIDTHS):
            scores = []
            for number, row in enumerate(rows):
                sharp = images.read_rgb(folder / row["file"])
                height, columns = sharp.shape[:2]
                made = blurred(sharp, strength * columns, number)
                if width is not None:
                    plate_restoration.WORK_WIDTH = (width, width)
                    whole = Box(0, 0, columns, height)
                    made = plate_restoration.restore_plates(model, made, [whole]).pixels
                right = plates.read_plate(made).text == plate_text(row["text"])
                scores.append(
                    (metrics.psnr(made, sharp), metrics.ssim(made, sharp), right)
                )
            psnr, ssim, _ = np.mean(scores, axis=0)
            read = sum(right for *_, right in scores)
            name = width or "blurred"
            print(f"{strength:.0%} {name}: {psnr:.2f} {ssim:.3f} {read}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Model(sys.argv[2]))
