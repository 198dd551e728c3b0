"""Draws the samples of the demo's page.

    python assets/samples/draw.py CAR GOPRO SEEDING

CAR is licenseplate_motion.jpg of OpenCV's documentation samples, GOPRO the blurred
frame and SEEDING the photo that README.md names. The results are written beside this
file.
"""

import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from deblurgan_tf import config, images
from deblurgan_tf.blur import degradation as blur
from deblurgan_tf.blur.seeds import sample_seeds
from deblurgan_tf.data.plates.render import render_plate

HERE = Path(__file__).resolve().parent
PLATES = (900005, 900012, 900001)  # seeds of plates that no training has seen
SHARP_PLATE = 900033
PHOTO_WIDTH = 640


def main(car: str, gopro: str, seeding: str) -> None:
    settings = config.load(config.experiment("plates_quick"))
    assert settings.blur is not None
    how = blur.degradation(settings.blur, seed=7)
    for number, seed in enumerate(PLATES):
        sharp = render_plate(seed, *settings.data.crop)[0]
        values = tf.constant(images.to_float(sharp)[None])
        seeds = sample_seeds(7, np.array([number]))
        blurred = images.to_uint8(blur.degrade(values, how, seeds)[0].numpy())
        images.write(HERE / f"plate-{number + 1}-blurred.png", images.Picture(blurred))
    sharp = render_plate(SHARP_PLATE, 128, 256)[0]
    images.write(HERE / "plate-sharp.png", images.Picture(sharp))
    shutil.copyfile(car, HERE / "car-blurred.jpg")
    for source, name in ((gopro, "street-blurred"), (seeding, "seeds-sharp")):
        pixels = images.read_rgb(source)
        size = (PHOTO_WIDTH, round(PHOTO_WIDTH * pixels.shape[0] / pixels.shape[1]))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        ok, data = cv2.imencode(
            ".jpg", pixels[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 88)
        )
        assert ok
        (HERE / f"{name}.jpg").write_bytes(data.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
