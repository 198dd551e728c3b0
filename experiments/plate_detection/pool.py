"""Draws scenes without end into a pool that a training reads while they are drawn.

    python pool.py --pool /tmp/detector_data --backgrounds DIR --fonts DIR --processes 7

Needs neither TensorFlow nor a network. `pool.json` in --pool says where the pool is.
"""

import argparse
import json
import mmap
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "plate_reader"))

from scenes import FACTS, SIZE, Scenes


class Pool:
    """Pictures (slots, SIZE, SIZE, 3) uint8, facts (slots, FACTS) float32, shared."""

    def __init__(self, buffer: mmap.mmap, slots: int) -> None:
        size = slots * SIZE * SIZE * 3
        shape = (slots, SIZE, SIZE, 3)
        self.images = np.frombuffer(buffer, np.uint8, size).reshape(shape)
        facts = np.frombuffer(buffer, np.float32, slots * FACTS, offset=size)
        self.facts = facts.reshape(slots, FACTS)


def pool_bytes(slots: int) -> int:
    return slots * (SIZE * SIZE * 3 + FACTS * 4)


def open_pool(folder: Path) -> Pool:
    """The pool that a running `pool.py` has announced."""
    known = json.loads((folder / "pool.json").read_text())
    file = os.open(known["path"], os.O_RDWR)
    return Pool(mmap.mmap(file, pool_bytes(known["slots"])), known["slots"])


def work(pool: Pool, scenes: Scenes, first: int, step: int, seed: int) -> None:
    """Fills the slots first, first + step, ... again and again, for ever."""
    rng = np.random.default_rng([seed, first])
    slot = first
    while True:
        try:
            image, facts = scenes.draw(rng)
        except (OSError, cv2.error, ValueError, ZeroDivisionError) as error:
            print(repr(error), file=sys.stderr, flush=True)
            continue
        pool.facts[slot, 0] = 0
        pool.images[slot] = image
        pool.facts[slot, 1:] = facts[1:]
        pool.facts[slot, 0] = 1
        slot += step
        if slot >= len(pool.images):
            slot = first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=7)
    parser.add_argument("--slots", type=int, default=16_000)
    parser.add_argument("--seconds", type=float, default=1800, help="then it ends")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.pool.mkdir(parents=True, exist_ok=True)
    memory = Path("/dev/shm")
    slots = options.slots
    if memory.is_dir():
        free = shutil.disk_usage(memory).free
        slots = max(200, min(slots, int(0.4 * free / pool_bytes(1))))
    path = memory / f"scenes_{os.getpid()}"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    os.ftruncate(file, pool_bytes(slots))
    pool = Pool(mmap.mmap(file, pool_bytes(slots)), slots)
    # OpenCV's threads do not survive a fork: a child would wait for them for ever.
    cv2.setNumThreads(1)
    scenes = Scenes(options.backgrounds, options.fonts)
    children = []
    for k in range(options.processes):
        child = os.fork()
        if child == 0:
            try:
                work(pool, scenes, k, options.processes, options.seed)
            finally:
                os._exit(1)
        children.append(child)
    known = {"path": str(path), "slots": slots, "pid": os.getpid()}
    (options.pool / "pool.json").write_text(json.dumps(known))
    print(known, len(scenes.photos), "photos", flush=True)
    end = time.time() + options.seconds

    def stop(*_) -> None:
        nonlocal end
        end = 0.0

    signal.signal(signal.SIGTERM, stop)
    while time.time() < end and not (options.pool / "stop").exists():
        time.sleep(0.5)
    for child in children:
        os.kill(child, signal.SIGKILL)
    path.unlink()


if __name__ == "__main__":
    main()
