"""Load on an exported SavedModel: threads, mixed sizes, damaged files among good ones.

    python tests/helpers/serving_load.py models/plates_quick/1 --requests 2000

Every answer is compared with the one that the same request got alone. It exits with 1
after a wrong answer, or where the process grew by more than 3 % in the second half.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

SIZES = ((64, 128), (1, 1), (37, 211), (180, 61), (128, 192), (240, 320))


@dataclass
class Report:
    answered: int = 0
    refused: int = 0
    damaged: int = 0
    wrong: int = 0
    differing: float = 0.0
    """The largest share of values of one answer that were one grey level off."""
    seconds: float = 0.0
    memory: tuple[int, ...] = ()
    """Bytes that the process holds, after each tenth of the requests."""


def requests_of(folder):
    """[(signature, argument, what it answers alone, or None for a refusal)]."""
    signatures = tf.saved_model.load(str(folder)).signatures
    rng = np.random.default_rng(0)
    pictures = [
        cv2.blur(rng.integers(0, 256, (*size, 3), np.uint8), (3, 3)).reshape(*size, 3)
        for size in SIZES
    ]
    files = [tf.io.encode_png(x).numpy() for x in pictures]
    jpegs = [tf.io.encode_jpeg(x).numpy() for x in pictures]
    made = [("serving_default", {"image": tf.constant(x[None])}) for x in pictures]
    made += [("serving_default", {"image": tf.stack([x, x[::-1]])}) for x in pictures]
    made += [
        ("serve_float", {"image": tf.constant(x[None] / np.float32(255))})
        for x in pictures
    ]
    lists = [[file] for file in files + jpegs] + [files[:3], jpegs[1:4], files[:1]]
    bad = [files[0][:90], jpegs[0][:-300], b"", b"no picture", b"GIF89a" + files[0]]
    lists += [[file] for file in bad] + [[files[0], bad[0]], [bad[3], jpegs[1]]]
    made += [("serve_bytes", {"image_bytes": tf.constant(x)}) for x in lists]
    return signatures, [
        (name, arguments, answer(signatures, name, arguments))
        for name, arguments in made
    ]


def answer(signatures, name, arguments):
    """Arrays, or None where it is refused."""
    try:
        (value,) = signatures[name](**arguments).values()
    except tf.errors.InvalidArgumentError:
        return None
    if name == "serve_bytes":
        return [tf.io.decode_png(file).numpy() for file in value]
    if name == "serve_float":
        return list(np.rint(value.numpy() * 255).astype(np.uint8))
    return list(value.numpy())


def load(folder, requests, threads):
    """Sends that many, drawn at random, from as many threads at once."""
    signatures, known = requests_of(folder)
    report, lock = Report(), threading.Lock()
    draw = random.Random(0)
    chosen = [draw.randrange(len(known)) for _ in range(requests)]

    def send(number):
        name, arguments, wanted = known[chosen[number]]
        got = answer(signatures, name, arguments)
        right, share = compared(got, wanted)
        with lock:
            report.damaged += wanted is None
            report.refused += got is None
            report.answered += got is not None
            report.wrong += not right
            report.differing = max(report.differing, share)
            if (report.answered + report.refused) % max(requests // 10, 1) == 0:
                report.memory += (resident(),)

    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(send, range(requests)))
    report.seconds = time.perf_counter() - begun
    return report


def compared(got, wanted):
    """(whether no value is more than a grey level off, the share that is one off)."""
    if got is None or wanted is None:
        return got is None and wanted is None, 0.0
    if [x.shape for x in got] != [x.shape for x in wanted]:
        return False, 1.0
    apart = [np.abs(a.astype(int) - b) for a, b in zip(got, wanted, strict=True)]
    return max(x.max() for x in apart) <= 1, max(float((x > 0).mean()) for x in apart)


def resident():
    """Bytes of memory of this process, on Linux; 0 where that cannot be known."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * 4096 if status.exists() else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of a version")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=8)
    given = parser.parse_args()
    report = load(given.folder, given.requests, given.threads)
    middle, last = report.memory[len(report.memory) // 2 - 1], report.memory[-1]
    print(
        f"{given.requests} requests from {given.threads} threads in "
        f"{report.seconds:.0f} s: {report.answered} answered, {report.refused} refused "
        f"(damaged: {report.damaged}), {report.wrong} wrong; at most "
        f"{report.differing:.2g} of an answer's values one grey level off"
    )
    message = ", ".join(f"{size / 1e6:.0f}" for size in report.memory)
    print(f"memory after each tenth, MB: {message}")
    if report.wrong or report.refused != report.damaged or last > 1.03 * middle:
        sys.exit(1)


if __name__ == "__main__":
    main()
