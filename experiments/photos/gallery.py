"""Draws assets/figures/samples.png: the blurred samples before and after.

    python experiments/photos/gallery.py OUTPUT.png

The pictures are those of assets/samples. Plates are restored by `plates`, at the places
that assets/samples/README.md names, the street by `photos`.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import deblurgan_tf
from deblurgan_tf import images
from deblurgan_tf.plates.boxes import Box
from deblurgan_tf.restoring.plates import restore_plates
from deblurgan_tf.storage.resources import resource

PLACES = {"car-blurred.jpg": Box(228, 220, 136, 80)}


def before_and_after(name: str) -> tuple[np.ndarray, np.ndarray]:
    pixels = images.read_rgb(resource("assets", "samples", name))
    if name.startswith("street"):
        return pixels, deblurgan_tf.load("photos").restore(pixels)
    whole = Box(0, 0, pixels.shape[1], pixels.shape[0])
    restorer = deblurgan_tf.load("plates")
    (plate,) = restore_plates(restorer, pixels, [PLACES.get(name, whole)]).plates
    return plate.before, plate.after


def main(output: str) -> None:
    names = sorted(x.name for x in resource("assets", "samples").glob("*blurred*"))
    figure = Figure((9, 2.4 * len(names)), dpi=100, layout="constrained")
    axes = figure.subplots(len(names), 2)
    for line, name in zip(axes, names, strict=True):
        for axis, picture in zip(line, before_and_after(name), strict=True):
            axis.set_axis_off()
            axis.imshow(picture, interpolation="nearest")
        line[0].set_title(name)
        line[1].set_title("restored")
    figure.savefig(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
