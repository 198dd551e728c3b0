"""How well number plates are found in photos: recall, false boxes, seconds.

    python experiments/plate_detection/measure.py PHOTOS [--without FOLDER]

PHOTOS: a folder of photos with one plate each, and plates.csv (file,x,y,w,h,...), in
pixels. FOLDER: photos without plates, where every box is false. Every photo of PHOTOS
is measured sharp, and blurred by random trajectories whose length is a part of its
plate's width. Needs the extra `ocr`. The cascade needs an OpenCV 4 with
CascadeClassifier; it is left out, with a notice, where OpenCV has none.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np

from deblurgan_tf import images
from deblurgan_tf.blur.degradation import blur
from deblurgan_tf.blur.kernels import kernel_bank
from deblurgan_tf.plates import detection as plates
from deblurgan_tf.plates.boxes import Box, FoundPlate, distinct, iou

STRENGTHS = (0.0, 0.05, 0.1, 0.15, 0.2)  # trajectory length over plate width
Finder = Callable[[np.ndarray], list[Box]]


def blurred(pixels: np.ndarray, length: float, seed: int) -> np.ndarray:
    """A picture blurred by one random trajectory of `length` pixels."""
    if length == 0:
        return pixels
    canvas = math.ceil(length + 3) | 1
    kernel = kernel_bank(
        "trajectory", 1, canvas, length, (0.003, 0.005), (1.0,), seed=seed
    )
    return images.to_uint8(blur(images.to_float(pixels)[None], kernel)[0].numpy())


def ours(pixels: np.ndarray) -> list[Box]:
    """What the package does."""
    return [plate.box for plate in plates.find_plates(pixels)]


def ocr_plain() -> Finder:
    """RapidOCR's text detector with its own settings: every box is a plate."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})

    def find(pixels: np.ndarray) -> list[Box]:
        result = engine(pixels[..., ::-1], use_det=True, use_cls=False, use_rec=False)
        if result.boxes is None:
            return []
        return [
            Box(*corners.min(0).astype(int), *np.ptp(corners, 0).astype(int))
            for corners in result.boxes
        ]

    return find


def cascade(fitted: bool) -> Finder:
    """OpenCV's cascade for Russian plates; fitted: its boxes are cut to the plates."""
    name = "haarcascade_russian_plate_number.xml"
    classifier = cv2.CascadeClassifier(os.path.join(cv2.data.haarcascades, name))

    def find(pixels: np.ndarray) -> list[Box]:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        found = classifier.detectMultiScale(grey, 1.1, 1)
        boxes = [Box(*map(int, box)) for box in found]
        if fitted:
            boxes = [
                Box(
                    x + round(0.03 * w),
                    y + round(0.16 * h),
                    round(0.94 * w),
                    round(0.68 * h),
                )
                for x, y, w, h in boxes
            ]
        return boxes

    return find


def morphology(pixels: np.ndarray) -> list[Box]:
    """The classical method: dense vertical edges, closed to shapes of plates."""
    scale = 480 / pixels.shape[1]
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    hat = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, np.ones((9, 25), np.uint8))
    edges = np.abs(cv2.Sobel(hat, cv2.CV_32F, 1, 0))
    edges = cv2.GaussianBlur(edges, (5, 5), 0)
    edges = cv2.normalize(edges, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    closed = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((5, 19), np.uint8))
    mask = cv2.threshold(closed, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((7, 15), np.uint8))
    boxes = []
    for contour in cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[
        0
    ]:
        x, y, w, h = cv2.boundingRect(contour)
        if 2.5 <= w / h <= 7 and w >= 40 and cv2.contourArea(contour) > 0.5 * w * h:
            boxes.append(Box(*(round(v / scale) for v in (x, y, w, h))))
    return boxes


def both(one: Finder, other: Finder) -> Finder:
    """The boxes of two methods; where two overlap, the first method's."""

    def find(pixels: np.ndarray) -> list[Box]:
        marked = [FoundPlate(box, 1.0) for box in one(pixels)]
        marked += [FoundPlate(box, 0.5) for box in other(pixels)]
        return [plate.box for plate in distinct(marked)]

    return find


def otherwise(one: Finder, other: Finder) -> Finder:
    """The boxes of one method; where it finds none, the other's."""
    return lambda pixels: one(pixels) or other(pixels)


def finders() -> dict[str, Finder]:
    found: dict[str, Finder] = {
        "find_plates (ours)": ours,
        "RapidOCR's settings": ocr_plain(),
        "morphology": morphology,
        "ours or morphology": otherwise(ours, morphology),
    }
    if hasattr(cv2, "CascadeClassifier"):
        found["cascade"] = cascade(fitted=False)
        found["cascade cut to plates"] = cascade(fitted=True)
        found["ours + cascade cut"] = both(ours, cascade(fitted=True))
    else:
        print(f"OpenCV {cv2.__version__} has no cascades: left out")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--without", type=Path, help="photos without plates")
    parser.add_argument("--methods", help="some of the methods, with commas")
    arguments = parser.parse_args()
    methods = finders()
    if arguments.methods:
        methods = {name: methods[name] for name in arguments.methods.split(",")}
    with (arguments.photos / "plates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    print(f"{len(rows)} photos, OpenCV {cv2.__version__}")
    heading = " | ".join(f"{strength:.0%}" for strength in STRENGTHS)
    print(f"| method | measure | {heading} |")
    print("| --- | --- " + "| --- " * len(STRENGTHS) + "|")
    scores = {
        name: {"recall": [], "false boxes": [], "seconds": []} for name in methods
    }
    for strength in STRENGTHS:
        hits = dict.fromkeys(methods, 0)
        false = dict.fromkeys(methods, 0)
        seconds = dict.fromkeys(methods, 0.0)
        for number, row in enumerate(rows):
            plate = Box(*(int(row[key]) for key in "xywh"))
            sharp = images.read_rgb(arguments.photos / row["file"])
            pixels = blurred(sharp, strength * plate.width, number)
            for name, find in methods.items():
                start = time.perf_counter()
                boxes = find(pixels)
                seconds[name] += time.perf_counter() - start
                right = [iou(box, plate) >= 0.5 for box in boxes]
                hits[name] += any(right)
                false[name] += len(right) - any(right)
        for name in methods:
            scores[name]["recall"].append(hits[name] / len(rows))
            scores[name]["false boxes"].append(false[name] / len(rows))
            scores[name]["seconds"].append(seconds[name] / len(rows))
    for name, measures in scores.items():
        for measure, values in measures.items():
            cells = " | ".join(f"{value:.2f}" for value in values)
            print(f"| {name} | {measure} | {cells} |")
    if arguments.without:
        files = sorted(arguments.without.rglob("*.jpg"))
        print(f"false boxes a photo in {len(files)} photos without plates:")
        for name, find in methods.items():
            count = sum(len(find(images.read_rgb(file))) for file in files)
            print(f"{name}: {count / len(files):.2f}")


if __name__ == "__main__":
    main()
