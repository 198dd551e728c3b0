"""Draws the gallery of the README: `python gallery.py PHOTO OUTPUT`.

PHOTO is licenseplate_motion.jpg of OpenCV's documentation samples.
"""

import sys

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

import deblurgan_tf
from deblurgan_tf import blur, config, images
from deblurgan_tf.data.rendered_plates import render_plate
from deblurgan_tf.plate_boxes import Box
from deblurgan_tf.plate_restoration import restore_plates
from deblurgan_tf.seeds import sample_seeds

SEEDS = (900001, 900005, 900012, 900020)  # plates of no training
PLACE = Box(228, 220, 136, 80)


def main(photo: str, output: str) -> None:
    restorer = deblurgan_tf.load("plates_quick")
    settings = config.load(config.experiment("plates_quick"))
    how = blur.degradation(settings.blur, seed=7)
    rows = []
    for number, seed in enumerate(SEEDS):
        sharp = render_plate(seed, *settings.data.crop)[0]
        values = tf.constant(images.to_float(sharp)[None])
        seeds = sample_seeds(7, np.array([number]))
        blurred = images.to_uint8(blur.degrade(values, how, seeds)[0].numpy())
        rows.append((blurred, restorer.restore(blurred), sharp))
    (plate,) = restore_plates(restorer, images.read_rgb(photo), [PLACE]).plates
    rows.append((plate.before, plate.after, None))
    figure = Figure((9, 8), dpi=100, layout="constrained")
    axes = figure.subplots(len(rows), 3)
    for line, row in zip(axes, rows, strict=True):
        for axis, picture in zip(line, row, strict=True):
            axis.set_axis_off()
            if picture is not None:
                axis.imshow(picture, interpolation="nearest")
    for axis, title in zip(axes[0], ("blurred", "restored", "sharp"), strict=True):
        axis.set_title(title)
    figure.savefig(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
