"""Renders scenes with plates on many cores, without TensorFlow, in shards.

    python render.py OUT --size 192x352 --count 20000 --processes 14 --seed 1

Plates take 38 to 95 % of the frame's width, so bumpers and lamps lie around them. Each
shard, OUT/SIZE-NNNN.npy, holds 250 pictures and is there whole or not at all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import types
from pathlib import Path

import cv2
import numpy as np

SHARD = 250


def _renderer():
    """The renderer without the package's other sources, which import TensorFlow."""
    import deblurgan_tf

    if "deblurgan_tf.data" not in sys.modules:
        package = types.ModuleType("deblurgan_tf.data")
        package.__path__ = [str(Path(deblurgan_tf.__file__).parent / "data")]
        sys.modules["deblurgan_tf.data"] = package
    from deblurgan_tf.data.plates import render as rendered_plates

    return rendered_plates


def wide_corners(rng, aspect, height, width):
    """Like the renderer's own, further away and anywhere in the frame."""
    a = aspect * float(rng.uniform(0.92, 1.04)) / 2
    quad = np.array([(-a, -0.5), (a, -0.5), (a, 0.5), (-a, 0.5)])
    yaw, pitch = rng.normal(0, 0.025, 2).clip(-0.06, 0.06)
    depth = 1 + yaw * np.array([-1, 1, 1, -1]) + pitch * np.array([-1, -1, 1, 1])
    quad = quad / depth[:, None]
    quad[:, 0] += quad[:, 1] * float(rng.normal(0, 0.04))
    angle = np.deg2rad(float(np.clip(rng.normal(0, 2.5), -7, 7)))
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    quad = quad @ turn
    extent = np.ptp(quad, axis=0)
    fraction = float(rng.uniform(0.38, 0.95))
    zoom = fraction * min(width / extent[0], 1.15 * height / extent[1])
    quad = quad * zoom
    middle = (quad.max(axis=0) + quad.min(axis=0)) / 2
    room = np.maximum((np.array([width, height]) - extent * zoom) / 2, 0)
    shift = rng.uniform(-0.8, 0.8, 2) * room
    quad = quad - middle + np.array([width, height]) / 2 + shift
    return quad.astype(np.float32)


def shard(task):
    number, seed, height, width, out = task
    cv2.setNumThreads(1)
    rendered_plates = _renderer()
    rendered_plates._corners = wide_corners
    sample = rendered_plates.sample_plate
    # Half of them as for a wide frame: plates of one line.
    rendered_plates.sample_plate = lambda rng, aspect: sample(
        rng, 4.5 if rng.random() < 0.5 else aspect
    )
    pictures = np.empty((SHARD, height, width, 3), np.uint8)
    for place in range(SHARD):
        pictures[place] = rendered_plates.render_plate(
            seed * 10_000_000 + number * SHARD + place, height, width
        )[0]
    target = Path(out) / f"{height}x{width}-{number:04d}.npy"
    partial = target.with_suffix(".partial")
    with open(partial, "wb") as file:
        np.save(file, pictures)
    os.replace(partial, target)
    return number


def main():
    options = argparse.ArgumentParser()
    options.add_argument("out")
    options.add_argument("--size", default="192x352")
    options.add_argument("--first", type=int, default=0, help="where to go on")
    options.add_argument("--count", type=int, default=1000, help="in all")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    height, width = (int(x) for x in options.size.split("x"))
    Path(options.out).mkdir(parents=True, exist_ok=True)
    tasks = [
        (number, options.seed, height, width, options.out)
        for number in range(options.first // SHARD, -(-options.count // SHARD))
    ]
    with multiprocessing.get_context("fork").Pool(options.processes) as pool:
        for _ in pool.imap_unordered(shard, tasks):
            pass


if __name__ == "__main__":
    main()
