"""Draws assets/figures/texts.jpg: OpenCV's blurred texts, before and after.

    python experiments/plates_longer/texts.py FOLDER OUTPUT.jpg

FOLDER holds text_motion.jpg and text_defocus.jpg of OpenCV's documentation samples.
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure

import deblurgan_tf
from deblurgan_tf import images

MODELS = ("photos",)


def main(folder: str, output: str) -> None:
    figure = Figure((9.6, 6.6), dpi=100, layout="constrained")
    axes = figure.subplots(2, 1 + len(MODELS))
    restorers = [deblurgan_tf.load(name) for name in MODELS]
    for line, name in zip(axes, ("text_motion", "text_defocus"), strict=True):
        blurred = images.read_rgb(Path(folder, f"{name}.jpg"))
        shown = [blurred, *(restorer.restore(blurred) for restorer in restorers)]
        titles = ["blurred", *(f"restored by {model}" for model in MODELS)]
        for axis, picture, title in zip(line, shown, titles, strict=True):
            axis.imshow(picture[:340, :520], interpolation="nearest")
            if name == "text_motion":
                axis.set_title(title, fontsize=13)
            axis.set_axis_off()
    figure.savefig(output, pil_kwargs={"quality": 90, "subsampling": 0})


if __name__ == "__main__":
    main(*sys.argv[1:])
