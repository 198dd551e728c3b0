"""How well the detector finds plates in real photos and rendered scenes.

    python measure_corners.py detector.keras --data DATA --output found.json
    python measure_corners.py --table found.json [--threshold .35]

Without a model the OCR's detector is measured, which needs the extra `ocr`.

DATA: the folder with plates/eu, dashcam, vietnam and bsds/val, as measure.py's PHOTOS
are made. Everything found with a score of .4 or more is kept in --output; the table
counts what a threshold leaves. A plate is found where the box around its corners has
an IoU of .5 with the marked one (.6 for Vietnam); no two with the same one.
"""

from __future__ import annotations

import argparse
import collections
import csv
import functools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import keras
import numpy as np
from measure import blurred

import deblurgan_tf.models  # registers the layers  # noqa: F401
from deblurgan_tf import images
from deblurgan_tf.plates import corners
from deblurgan_tf.plates.boxes import Box, iou
from deblurgan_tf.plates.detection import find_plates

LOWEST = 0.4
STRENGTHS = (0.0, 0.1, 0.15, 0.2)
# Blurred photos are kept here, since blurring takes longer than searching.
CACHE = Path(tempfile.gettempdir()) / "plate_detection_blurred"
Finder = Callable[[np.ndarray], list[corners.Quadrilateral]]


def eu(data: Path):
    """Name, pixels and marked boxes of each European photo, sharp and blurred."""
    folder = data / "plates" / "eu"
    with (folder / "plates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for strength in STRENGTHS:
        for number, row in enumerate(rows):
            box = Box(*(int(row[key]) for key in "xywh"))
            kept = CACHE / f"{strength:.2f}_{Path(row['file']).stem}.png"
            if not kept.exists():
                sharp = images.read_rgb(folder / row["file"])
                pixels = blurred(sharp, strength * box.width, number)
                kept.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(kept), pixels[..., ::-1])
            yield f"eu {strength:.0%}", row["file"], images.read_rgb(kept), [box]


def dashcam(data: Path):
    """The frames of even and of odd groups; frames of both are left out."""
    folder = data / "dashcam"
    frames = collections.defaultdict(list)
    with (folder / "plates.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["frame"]:
                frames[row["frame"]].append(row)
    for name, rows in frames.items():
        odd = {int(row["group"][1:]) % 2 for row in rows}
        if len(odd) == 2:
            continue
        boxes = [
            Box(int(r["frame_x"]), int(r["frame_y"]), int(r["w"]), int(r["h"]))
            for r in rows
        ]
        part = "dashcam odd" if odd.pop() else "dashcam even"
        yield part, name, images.read_rgb(folder / "frames" / name), boxes


def vietnam(data: Path):
    folder = data / "vietnam"
    marked = collections.defaultdict(list)
    with (folder / "plates.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            marked[row["file"]].append(Box(*(int(row[key]) for key in "xywh")))
    for name, boxes in marked.items():
        yield "vietnam", name, images.read_rgb(folder / name), boxes


def without(data: Path):
    """Photos without plates, and one really blurred photo with one."""
    for path in sorted((data / "bsds" / "val").rglob("*.jpg")):
        yield "bsds", path.name, images.read_rgb(path), []
    path = data / "plates" / "licenseplate_motion.jpg"
    yield "motion", path.name, images.read_rgb(path), []


SETS = {"eu": eu, "dashcam": dashcam, "vietnam": vietnam, "without": without}


def ocr(pixels: np.ndarray) -> list[corners.Quadrilateral]:
    """What the OCR's text detector finds, as quadrilaterals."""
    return [
        corners.Quadrilateral(
            np.float32([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]), 1.0, 1
        )
        for (x, y, w, h), _ in find_plates(pixels)
    ]


def search(find: Finder, data: Path, names: list[str]) -> list[dict]:
    """What is found in each photo of the sets."""
    found = []
    for name in names:
        for part, file, pixels, boxes in SETS[name](data):
            began = time.perf_counter()
            plates = find(pixels)
            seconds = time.perf_counter() - began
            plates = [
                {
                    "corners": plate.corners.round(2).tolist(),
                    "score": round(plate.score, 4),
                    "lines": plate.lines,
                }
                for plate in plates
            ]
            photo = {"set": part, "file": file, "size": pixels.shape[1::-1]}
            photo |= {"marked": [list(b) for b in boxes], "plates": plates}
            found.append(photo | {"seconds": seconds})
    return found


def counted(photo: dict, threshold: float, narrow: float) -> tuple[int, int, int]:
    """Marked plates at least `narrow` pixels wide, those found, and boxes beside."""
    width, height = photo["size"]
    plates = [
        corners.Quadrilateral(np.float32(p["corners"]), p["score"], p["lines"])
        for p in photo["plates"]
        if p["score"] >= threshold
    ]
    boxes = [p.box(height, width) for p in plates]
    least = 0.6 if photo["set"] == "vietnam" else 0.5
    marked = [Box(*b) for b in photo["marked"]]
    free, hits, wanted = set(range(len(boxes))), 0, 0
    for mark in marked:
        best = max(free, key=lambda k: iou(boxes[k], mark), default=None)
        right = best is not None and iou(boxes[best], mark) >= least
        if right:
            free.discard(best)
        if mark.width >= narrow:
            wanted += 1
            hits += right
    return wanted, hits, len(free)


def table(found: list[dict], thresholds: list[float]) -> None:
    """Recall and boxes beside the marked plates, for each set and threshold."""
    parts = list(dict.fromkeys(photo["set"] for photo in found))
    print("| set | photos | marked | " + " | ".join(f"{t:.2f}" for t in thresholds))
    for part in parts:
        photos = [photo for photo in found if photo["set"] == part]
        narrow = 40.0 if part.startswith("dashcam") else 0.0
        cells = []
        for threshold in thresholds:
            sums = np.sum([counted(p, threshold, narrow) for p in photos], axis=0)
            recall = sums[1] / sums[0] if sums[0] else float("nan")
            cells.append(f"{recall:.3f} +{sums[2]}")
        print(f"| {part} | {len(photos)} | {sums[0]} | " + " | ".join(cells))
    seconds = np.median([photo["seconds"] for photo in found])
    print(f"median seconds a photo: {seconds:.3f}")


def draw(found: list[dict], data: Path, folder: Path, threshold: float) -> None:
    """Pictures of what is found: found plates green, marked boxes red."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {(photo["set"], photo["file"]): photo for photo in found}
    for name in SETS:
        for part, file, pixels, _ in SETS[name](data):
            if (part, file) not in known:
                continue
            photo = known[part, file]
            if part == "bsds" and not counted(photo, threshold, 0.0)[2]:
                continue
            image = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
            thick = max(1, round(max(image.shape) / 700))
            for x, y, w, h in photo["marked"]:
                cv2.rectangle(image, (x, y), (x + w, y + h), (0, 0, 255), thick)
            for plate in photo["plates"]:
                if plate["score"] < threshold:
                    continue
                quad = np.round(plate["corners"]).astype(np.int32)
                cv2.polylines(image, [quad], True, (0, 255, 0), thick, cv2.LINE_AA)
                text = f"{plate['score']:.2f} {plate['lines']}"
                place = (int(quad[3][0]), int(quad[3][1]) + 12 * thick)
                cv2.putText(image, text, place, 0, 0.4 * thick, (0, 255, 255), thick)
            scale = min(1.0, 960 / max(image.shape))
            image = cv2.resize(
                image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
            )
            cv2.imwrite(
                str(folder / f"{part}_{Path(file).stem}.png".replace(" ", "_")), image
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--table", type=Path)
    parser.add_argument("--draw", type=Path, help="a folder for pictures")
    parser.add_argument("--threshold", type=float, default=corners.THRESHOLD)
    options = parser.parse_args()
    if options.table:
        found = json.loads(options.table.read_text())
    else:
        if options.model:
            model = keras.models.load_model(options.model)
            find = functools.partial(corners.find_corners, model, threshold=LOWEST)
        else:
            find = ocr
        found = search(find, options.data, options.sets.split(","))
        if options.output:
            options.output.write_text(json.dumps(found))
    table(found, sorted({0.1, 0.2, 0.3, 0.4, 0.5, options.threshold}))
    if options.draw:
        draw(found, options.data, options.draw, options.threshold)


if __name__ == "__main__":
    main()
