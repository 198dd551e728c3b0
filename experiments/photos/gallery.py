"""Draws assets/figures/samples.jpg: the blurred samples before and after.

    python experiments/photos/gallery.py OUTPUT.jpg

The pictures are those of assets/samples, restored as the README's first command does:
whole, by the model that `auto` chooses. Of the car and of the street a part is shown.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import deblurgan_tf
from deblurgan_tf import images
from deblurgan_tf.plates.boxes import Box
from deblurgan_tf.storage.resources import resource

PARTS = {
    "car-blurred.jpg": Box(200, 205, 192, 110),
    "street-blurred.jpg": Box(60, 40, 448, 256),
}
NAMES = (
    "plate-1-blurred.png",
    "plate-2-blurred.png",
    "plate-3-blurred.png",
    "car-blurred.jpg",
    "street-blurred.jpg",
)


def main(output: str) -> None:
    restorer = deblurgan_tf.load()
    rows = []
    for name in NAMES:
        blurred = images.read_rgb(resource("assets", "samples", name))
        height, width = blurred.shape[:2]
        part = PARTS.get(name, Box(0, 0, width, height))
        restored = restorer.restore(blurred)
        change = np.abs(restored.astype(int) - blurred).mean()
        print(f"{name}: mean change {change:.1f} grey levels")
        rows.append((name, part.cut(blurred), part.cut(restored)))
    ratios = [before.shape[0] / before.shape[1] for _, before, _ in rows]
    figure = Figure((9, 4.55 * sum(ratios) + 0.3), dpi=100, facecolor="white")
    grid = figure.add_gridspec(
        len(rows),
        2,
        height_ratios=ratios,
        left=0.005,
        right=0.995,
        top=1 - 0.28 / (4.55 * sum(ratios) + 0.3),
        bottom=0.004,
        wspace=0.012,
        hspace=0.03,
    )
    for row, (_, before, after) in enumerate(rows):
        for column, (title, picture) in enumerate(
            (("blurred", before), ("restored", after))
        ):
            axis = figure.add_subplot(grid[row, column])
            axis.set_axis_off()
            axis.imshow(picture, interpolation="bicubic", aspect="auto")
            if row == 0:
                axis.set_title(title, fontsize=13, pad=5)
    figure.savefig(output, pil_kwargs={"quality": 90, "subsampling": 0})


if __name__ == "__main__":
    main(*sys.argv[1:])
