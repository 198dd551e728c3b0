"""Rendered Vietnamese plates of two lines with their texts, sharp, to be read.

    python render_vietnam.py --output vn2 --count 200

Each is cut out by the box of its corners and brought to a width of 256 pixels; `prepare
blur` makes pairs of them. The seeds are far from those that any training draws.
"""

import argparse
import csv
from pathlib import Path

import cv2

from deblurgan_tf.data.plates.render import render

FIRST = 3_000_000_000
KINDS = ("vietnam_motorbike", "vietnam_car_two_line", "vietnam_military_two_line")
WIDTH = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    rows, seed = [], FIRST
    while len(rows) < options.count:
        seed += 1
        drawn = render(seed, 240, 360, with_glyphs=False)
        if drawn.plate.layout not in KINDS:
            continue
        x0, y0 = drawn.corners.min(axis=0).clip(0).astype(int)
        x1, y1 = drawn.corners.max(axis=0).astype(int) + 1
        crop = drawn.image[y0:y1, x0:x1]
        height = round(WIDTH * crop.shape[0] / crop.shape[1])
        crop = cv2.resize(crop, (WIDTH, height), interpolation=cv2.INTER_AREA)
        name = f"{seed}.png"
        cv2.imwrite(str(options.output / name), crop[..., ::-1])
        rows.append((name, drawn.plate.text))
    with open(options.output / "plates.csv", "w", newline="") as file:
        csv.writer(file).writerows([("file", "text"), *rows])


if __name__ == "__main__":
    main()
