"""Goes on with a trained detector, on scenes and on real frames, on a CPU.

    python finetune.py detector.keras --frames DASHCAM --minutes 10 \
        --backgrounds DIR --fonts DIR --paths paths.npy --output tuned.keras

DASHCAM: the folder with plates.csv and frames/. Of it the frames of odd groups alone
are used, completed by odd_frames.json; they teach where plates are and where none are,
not their corners, since their boxes are loose. Two scenes and four parts of frames a
step, no normalisation, Adam, the weights averaged.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import time
from pathlib import Path

import cv2
import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "plate_reader"))

import photograph  # noqa: E402
from scenes import FIELDS, MOST, Scenes  # noqa: E402
from train import losses, targets  # noqa: E402

import deblurgan_tf.models  # noqa: E402, F401  (registers the layers)
from deblurgan_tf import images  # noqa: E402

SIDE = photograph.SIDE
ROOM = 14  # plates and unclear areas in a part of a frame, at most
MARGIN = 0.08  # of a marked box's width and height around its plate


class Frames:
    """Parts of the frames of odd groups, with what is known about their plates."""

    def __init__(self, folder: Path) -> None:
        more = json.loads((HERE / "odd_frames.json").read_text())
        self.tables: dict[str, list[tuple]] = {}
        mixed = set()
        with (folder / "plates.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                if not row["frame"]:
                    continue
                if not int(row["group"][1:]) % 2:
                    mixed.add(row["frame"])
                x, y, w, h = (int(row[k]) for k in ("frame_x", "frame_y", "w", "h"))
                box = (x + MARGIN * w, y + 0.15 * h, x + w - MARGIN * w, y + 0.85 * h)
                self.tables.setdefault(row["frame"], []).append((*box, 1.0))
        self.tables = {k: v for k, v in self.tables.items() if k not in mixed}
        for name, table in self.tables.items():
            table += [(*box, 1.0) for box in more["plates"].get(name, [])]
            table += [(*box, 2.0) for box in more["unclear"].get(name, [])]
        self.names = sorted(self.tables)
        self.pixels = {n: images.read_rgb(folder / "frames" / n) for n in self.names}

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A part (SIDE, SIDE, 3), float32 in [-1, 1], and its table (ROOM, FIELDS)."""
        name = self.names[int(rng.integers(len(self.names)))]
        pixels, table = self.pixels[name], self.tables[name]
        scale = float(np.exp(rng.uniform(np.log(0.5), np.log(1.4))))
        height, width = pixels.shape[:2]
        middle = rng.uniform((0, 0.25 * height), (width, 0.85 * height))
        if rng.random() < 0.6:
            x0, y0, x1, y1, _ = table[int(rng.integers(len(table)))]
            middle = (
                np.array([x0 + x1, y0 + y1]) + rng.uniform(-200, 200, 2) / scale
            ) / 2
        room = SIDE / scale / 2
        middle = np.clip(middle, room, np.maximum([width - room, height - room], room))
        left, top = middle - room
        way = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
        way[:, 2] += scale / 2 - 0.5
        source = pixels
        if scale < 0.75:
            source = cv2.GaussianBlur(pixels, (0, 0), 0.4 / scale)
        part = cv2.warpAffine(source, way, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
        values = part.astype(np.float32) / 255.0
        values *= np.exp(rng.normal(0, 0.08, 3)).astype(np.float32)
        values = (
            (values - 0.4) * float(rng.uniform(0.7, 1.3)) + 0.4 + rng.normal(0, 0.05)
        )
        values += rng.normal(0, 0.012, values.shape).astype(np.float32)
        facts = np.zeros((ROOM, FIELDS), np.float32)
        for k, (x0, y0, x1, y1, state) in enumerate(table[:ROOM]):
            quad = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
            quad = (quad - [left, top]) * scale
            wide = quad[1, 0] - quad[0, 0]
            inside = (quad >= 0).all() and (quad <= SIDE).all()
            if state == 1.0 and not (inside and 15 <= wide <= photograph.WIDE):
                state = 2.0
            facts[k, :8], facts[k, 8], facts[k, 9] = quad.reshape(8), state, 1
        return values.clip(0, 1).astype(np.float32) * 2 - 1, facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--frames", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--paths", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    model = keras.models.load_model(options.model)
    rng = np.random.default_rng(11)
    scenes = Scenes(options.backgrounds, options.fonts, stock=60)
    frames = Frames(options.frames)
    paths = tf.constant(np.load(options.paths).astype(np.float32))
    optimizer = keras.optimizers.Adam(options.rate, global_clipnorm=4.0)
    mean = [tf.Variable(v.numpy(), trainable=False) for v in model.variables]
    views = tf.function(photograph.views)
    places = math.ceil(SIDE / 8)

    @tf.function
    def step(pictures, table, drawn, rate):
        wanted = targets(table, places)
        # Real boxes say nothing about corners and lines.
        wanted["weight"] *= drawn[:, None, None]
        with tf.GradientTape() as tape:
            middles, corners, lines, error = losses(model(pictures), wanted)
            loss = middles + 8.0 * corners + 0.3 * lines
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        for average, variable in zip(mean, model.variables, strict=True):
            average.assign_add(0.02 * (tf.convert_to_tensor(variable) - average))
        return tf.stack([middles, error, lines])

    began, count, results = time.time(), 0, []
    while (spent := (time.time() - began) / 60 / options.minutes) < 1:
        drawn = [scenes.draw(rng) for _ in range(2)]
        seen, table = views(
            np.stack([picture for picture, _ in drawn]),
            np.stack([facts[1:].reshape(MOST, FIELDS) for _, facts in drawn]),
            paths,
            rng.random((96, 2), np.float32),
            tf.constant([count, 5]),
        )
        real = [frames.draw(rng) for _ in range(4)]
        empty = np.zeros((2, ROOM - MOST, FIELDS), np.float32)
        table = np.concatenate(
            [np.concatenate([table, empty], 1), [t for _, t in real]]
        )
        pictures = np.concatenate([seen, [p for p, _ in real]])
        rate = options.rate * min(1.0, (count + 1) / 20) * (1 - spent)
        results.append(
            step(
                pictures.astype(np.float32),
                table.astype(np.float32),
                np.float32([1, 1, 0, 0, 0, 0]),
                tf.constant(rate, tf.float32),
            ).numpy()
        )
        count += 1
        if count % 10 == 0:
            print(count, np.mean(results, axis=0).round(4), flush=True)
            results = []
    for average, variable in zip(mean, model.variables, strict=True):
        rounded = average.numpy().astype(np.float16).astype(np.float32)
        variable.assign(rounded)
    model.save(options.output)
    print(f"{count} steps")


if __name__ == "__main__":
    main()
