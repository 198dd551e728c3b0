"""Trains the unrolled generator until a clock says stop; what it has is on disk.

    python train.py photos DATA START.npz OUT --deadline UNIX_SECONDS [--how xla]
        [--hand-over FOLDER]

DATA holds photos.npz, small.npz and text.npz (JPEG files behind one another) and the
shards of render.py, which may still be growing. Half of each batch is blurred as the
package does it, the other half is photographed by camera.py; where a sample is hardly
blurred, the target is the picture itself. The rate falls with the clock. OUT/NAME.npz:
the average's weights, float16; NAME_60.npz and NAME_80.npz: after so much of the time.

With --hand-over two processes share a training: the one with --how graph begins at
once; the one with --how xla compiles meanwhile, checks its first step against the
other's, times itself, and takes over where it is faster.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import queue
import threading
import time
from pathlib import Path

STARTED = time.time()

import cv2  # noqa: E402
import numpy as np  # noqa: E402

NAMES = {
    # shares of photos, small photos, text and plates; sizes are those before the margin
    "photos": dict(
        crop=(256, 384),
        shares=(0.42, 0.14, 0.16, 0.28),
        batch=48,
        rate=5e-4,
        seed=41,
        plain=24,
        untouched=0.24,
        largest=3.0,
        color_jitter=0.5,
        presmoothing=(0.0, 1.2),
        varying=0.3,
        bank="mixed",
    ),
}
MARGIN = 32
# Deviation, pixels, up to which a kernel's blur is left alone: a pixel's motion.
HARDLY = 0.75
AVERAGE = 0.997  # of the weights, a step


def log(*parts) -> None:
    print(f"[{time.time() - STARTED:7.1f}]", *parts, flush=True)


class Pictures:
    """Crops of the pools of pictures, each drawn by its share."""

    def __init__(self, folder: Path, options: dict, seed: int):
        self.folder, self.options = folder, options
        self.rng = np.random.default_rng(seed)
        self.pools = [
            unpacked(folder / f"{x}.npz") for x in ("photos", "small", "text")
        ]
        self.chances = [chances(pool) for pool in self.pools]
        self.shards: dict[str, np.ndarray] = {}
        self.look()

    def look(self) -> None:
        """Takes up shards that are new."""
        height, width = self.options["crop"]
        for file in sorted(self.folder.glob(f"{height}x{width}-*.npy")):
            if file.name not in self.shards:
                self.shards[file.name] = np.load(file, mmap_mode="r")
        self.names = sorted(self.shards)

    def one(self) -> np.ndarray:
        height, width = self.options["crop"]
        shares = self.options["shares"]
        if not self.names:
            shares = (*shares[:3], 0.0)
        kind = self.rng.choice(4, p=np.array(shares) / sum(shares))
        if kind == 3:
            shard = self.shards[self.names[self.rng.integers(len(self.names))]]
            return shard[self.rng.integers(len(shard))]
        pool = self.pools[kind]
        picture = pool[self.rng.choice(len(pool), p=self.chances[kind])]
        top = self.rng.integers(picture.shape[0] - height + 1)
        left = self.rng.integers(picture.shape[1] - width + 1)
        crop = picture[top : top + height, left : left + width]
        # Text does not read backwards.
        return crop[:, ::-1] if kind < 2 and self.rng.random() < 0.5 else crop

    def batch(self) -> np.ndarray:
        return np.stack([self.one() for _ in range(self.options["batch"])])


def chances(pictures: list[np.ndarray]) -> np.ndarray:
    """How often each is taken: flat ones seldom, there is little to learn from them."""
    slopes = np.array(
        [np.abs(np.diff(x[::2, ::2].astype(np.int16), axis=1)).mean() for x in pictures]
    )
    usual = np.median(slopes)
    detail = np.clip(slopes / usual, 0.2, 2.0)
    return detail / detail.sum()


def unpacked(file: Path) -> list[np.ndarray]:
    """The pictures of JPEG files behind one another, RGB."""
    with np.load(file) as packed:
        data, ends = packed["data"], np.cumsum(packed["sizes"])
    parts = np.split(data, ends[:-1])
    return [
        np.ascontiguousarray(cv2.imdecode(x, cv2.IMREAD_COLOR)[..., ::-1])
        for x in parts
    ]


def feed(pictures: Pictures, batches: queue.Queue) -> None:
    """Makes batches for ever, and looks for new shards now and then."""
    looked = time.time()
    while True:
        batches.put(pictures.batch())
        if time.time() - looked > 10:
            pictures.look()
            looked = time.time()


def make_pairs(options: dict, how, mild):
    """What takes the place of blur.training_pairs: half of it, half a camera's."""
    import tensorflow as tf
    from camera import camera_pairs, joined

    from deblurgan_tf.blur.degradation import training_pairs

    plain = options["plain"]

    def pairs(sharp, degradation, seeds):
        made = joined(
            left_alone(training_pairs(sharp[:plain], how, seeds[:plain])),
            camera_pairs(
                sharp[plain:],
                mild,
                seeds[plain:],
                MARGIN,
                options["untouched"],
                options["largest"],
            ),
        )
        # One bad value would end the training: a compiler rounds as it likes.
        blurred, wanted, kernels = (
            tf.where(tf.math.is_finite(x), x, tf.zeros_like(x)) for x in made[:3]
        )
        return made._replace(blurred=blurred, sharp=wanted, kernels=kernels)

    return pairs


def left_alone(pairs):
    """The same, but what is hardly blurred is its own target, noise and JPEG too."""
    import tensorflow as tf

    kernels = pairs.kernels
    places = tf.range(kernels.shape[1], dtype=tf.float32)
    variance = 0.0
    for axis in (1, 2):
        along = tf.reduce_sum(kernels, axis)
        mean = tf.reduce_sum(along * places, 1, keepdims=True)
        variance += tf.reduce_sum(along * tf.square(places - mean), 1)
    hardly = pairs.invariant & (variance < HARDLY**2)
    return pairs._replace(
        sharp=tf.where(hardly[:, None, None, None], pairs.blurred, pairs.sharp)
    )


def part_of(now: float, first: float, deadline: float) -> float:
    """How much of the time is over, 0 to 1."""
    return min(max((now - first) / max(deadline - first, 1.0), 0.0), 1.0)


def rate_at(now: float, first: float, deadline: float, peak: float) -> float:
    """Warm for five seconds, constant for a quarter of the time, cosine to 0."""
    warm = min((now - first) / 5.0, 1.0)
    falling = max((part_of(now, first, deadline) - 0.25) / 0.75, 0.0)
    return peak * warm * 0.5 * (1.0 + math.cos(math.pi * falling))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("data", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--deadline", type=float, required=True)
    parser.add_argument("--how", default="graph", choices=["graph", "xla"])
    parser.add_argument("--hand-over", type=Path)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--peak", type=float, help="learning rate")
    parser.add_argument("--crop")
    parser.add_argument("--save-every", type=float, default=60.0)
    parser.add_argument("--steps", type=int, default=10**9)
    parser.add_argument("--tiny", action="store_true", help="a trial on a CPU")
    arguments = parser.parse_args()
    options = dict(NAMES[arguments.name])
    if arguments.batch:
        options |= dict(batch=arguments.batch, plain=arguments.batch // 2)
    if arguments.peak:
        options["rate"] = arguments.peak
    start = arguments.start
    if arguments.tiny:
        options["model"], start = dict(width=8, levels=2), None
    if arguments.crop:
        options["crop"] = tuple(int(x) for x in arguments.crop.split("x"))

    # Batches of one seed: the first one is the same in both processes of a hand-over,
    # as long as no rendered plate is in it.
    pictures = Pictures(arguments.data, options, options["seed"])
    known, pictures.names = pictures.names, []
    first_batch = pictures.batch()
    pictures.names = known
    if arguments.how == "xla":
        pictures.rng = np.random.default_rng(options["seed"] + 1)
    batches: queue.Queue = queue.Queue(4)
    threading.Thread(target=feed, args=(pictures, batches), daemon=True).start()
    log("pictures", [len(x) for x in pictures.pools], len(pictures.names), "shards")

    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus and arguments.memory:
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=arguments.memory)
        tf.config.set_logical_device_configuration(gpus[0], [limit])
    log("devices", gpus)

    from made_steps import bank, compiled, new_state, options_of

    from deblurgan_tf.blur.degradation import Degradation
    from deblurgan_tf.training import step as steps
    from deblurgan_tf.training.losses import content_loss

    config = options_of(
        dict(batch=options["batch"], crop=options["crop"], ema=AVERAGE)
        | options.get("model", {})
    )
    how = Degradation(
        bank(options["bank"]), (0.0, 3.0), 1.0, options["presmoothing"], (60, 95),
        options["varying"], options["color_jitter"], MARGIN,
    )  # fmt: skip
    steps.training_pairs = make_pairs(options, how, bank("mild"))
    rate = tf.Variable(0.0, dtype=tf.float32)
    steps.learning_rate = lambda config, step, total: rate
    state = new_state(config, start)
    log("starts from", start)
    content = content_loss({"charbonnier": 1.0})
    step = compiled(
        steps.make_train_step(config, state, content, how, 10**9), arguments.how
    )
    count = options["batch"]
    paired = tf.zeros(count, tf.bool)
    done = 0

    def run(batch: np.ndarray):
        sharp = tf.constant(batch)
        positions = tf.range(done * count, (done + 1) * count, dtype=tf.int64)
        return step(
            {"sharp": sharp, "blurred": sharp, "paired": paired, "position": positions}
        )

    variables = [
        *state.generator.weights,
        *state.average.weights,
        *state.generator_optimizer.variables,
    ]

    def values() -> list[np.ndarray]:
        return [np.asarray(x) for x in variables]

    def put(saved: list[np.ndarray]) -> None:
        for variable, value in zip(variables, saved, strict=True):
            variable.assign(value)

    def finite(saved: list[np.ndarray]) -> bool:
        return all(np.isfinite(x).all() for x in saved)

    def save(suffix: str = "") -> None:
        weights = [np.asarray(x) for x in state.average.weights]
        if not finite(weights):
            log("the average is not finite: not saved")
            return
        target = arguments.out / f"{arguments.name}{suffix}.npz"
        partial = arguments.out / f".{arguments.name}.npz"
        with open(partial, "wb") as file:
            np.savez(file, *[x.astype(np.float16) for x in weights])
        os.replace(partial, target)

    arguments.out.mkdir(parents=True, exist_ok=True)
    meeting = arguments.hand_over
    if meeting:
        meeting.mkdir(parents=True, exist_ok=True)
    begin = values()
    losses = {k: float(v) for k, v in run(first_batch).items()}
    log("first step", {k: round(v, 5) for k, v in losses.items()})
    put(begin)
    state.sums.assign(tf.zeros_like(state.sums))
    state.step.assign(0)
    first, peak, took_over = time.time(), options["rate"], None
    if meeting and arguments.how == "xla":
        taken = take_over(meeting, losses, run, batches, count, arguments.deadline)
        if taken is None:
            return
        saved, done, first, peak = taken
        put(saved)
        state.step.assign(done)
        state.sums.assign(tf.zeros_like(state.sums))
        state.first_bad.assign([-1, -1])
        took_over = done
        log("took over at step", done)
    elif meeting:
        write_json(meeting / "losses.json", losses)

    begun = part_of(time.time(), first, arguments.deadline)
    snapshots = [x for x in (0.6, 0.8) if x > begun]
    good, good_at = values(), time.time()
    logged, logged_at, saved_at = done, time.time(), time.time()
    while time.time() < arguments.deadline and done < arguments.steps:
        rate.assign(rate_at(time.time(), first, arguments.deadline, peak))
        run(batches.get())
        done += 1
        if took_over is not None and done == took_over + 10:
            float(state.sums[0])  # waits for the device
            (meeting / "running").touch()
        if done - logged >= 25:
            means = state.sums.numpy() / (done - logged)
            state.sums.assign(tf.zeros_like(state.sums))
            now = time.time()
            speed = (done - logged) * count / (now - logged_at)
            text = " ".join(
                f"{k} {v:.4g}" for k, v in zip(state.loss_names, means, strict=True)
            )
            shards = len(pictures.names)
            log(f"step {done} {speed:.0f}/s rate {float(rate):.2e} {text} ({shards})")
            logged, logged_at = done, now
            if meeting and arguments.how == "graph":
                write_json(meeting / "speed.json", {"crops_a_second": speed})
            if int(state.first_bad[0]) >= 0 or not np.isfinite(means).all():
                log("not finite: back to", round(now - good_at), "s ago, a third of it")
                put(good)
                state.first_bad.assign([-1, -1])
                peak /= 3.0
            elif now - good_at > 20:
                new = values()
                if finite(new):
                    good, good_at = new, now
        if meeting and arguments.how == "graph":
            paused = time.time()
            while (meeting / "wait").exists() and time.time() - paused < 90:
                time.sleep(0.02)
                logged_at = time.time()
            if (meeting / "give").exists():
                new = values()
                facts = {"done": done, "first": first, "peak": peak}
                with open(meeting / "state.partial", "wb") as file:
                    np.savez(file, *(new if finite(new) else good))
                os.replace(meeting / "state.partial", meeting / "state.npz")
                write_json(meeting / "state.json", facts)
                log("handed over at step", done)
                paused = time.time()
                while not (meeting / "running").exists():
                    if time.time() - paused > 60:
                        break
                    time.sleep(0.1)
                else:
                    return
                log("nobody goes on: it does so itself")
                meeting = None
        if time.time() - saved_at > arguments.save_every:
            save()
            saved_at = time.time()
        if snapshots and part_of(time.time(), first, arguments.deadline) > snapshots[0]:
            save(f"_{100 * snapshots.pop(0):.0f}")
    if not finite(values()):
        put(good)
    save()
    log(f"done: {done} steps, {done * count} crops")


def take_over(meeting: Path, losses: dict, run, batches, count: int, deadline: float):
    """Compares with the process that began, and takes its state; None: it goes on."""
    while not (meeting / "losses.json").exists():
        if time.time() > deadline:
            return None
        time.sleep(0.1)
    other = json.loads((meeting / "losses.json").read_text())
    worst = max(abs(losses[k] - other[k]) / abs(other[k]) for k in other)
    facts = {"largest_relative_difference_of_losses": worst}
    log("against the plain step: losses differ by", f"{worst:.2e}")
    if not worst < 0.02:
        write_json(meeting / "xla.json", facts | {"verdict": "other losses"})
        return None
    (meeting / "wait").touch()
    try:
        run(batches.get())
        begun, number, finite = time.time(), 0, True
        while time.time() - begun < 3.0:
            for _ in range(3):
                last = run(batches.get())
            finite = finite and math.isfinite(float(last["generator"]))
            number += 3
        speed = number * count / (time.time() - begun)
    finally:
        (meeting / "wait").unlink()
    plain = 0.0
    if (meeting / "speed.json").exists():
        plain = json.loads((meeting / "speed.json").read_text())["crops_a_second"]
    facts |= {"crops_a_second": speed, "plain_crops_a_second": plain}
    if not finite:
        write_json(meeting / "xla.json", facts | {"verdict": "not finite"})
        log("not finite:", facts)
        return None
    if speed < 1.1 * plain:
        write_json(meeting / "xla.json", facts | {"verdict": "not faster"})
        log("not faster:", facts)
        return None
    write_json(meeting / "xla.json", facts | {"verdict": "takes over"})
    (meeting / "give").touch()
    log("asks for the state:", facts)
    while not (meeting / "state.json").exists():
        if time.time() > deadline:
            return None
        time.sleep(0.05)
    with np.load(meeting / "state.npz") as file:
        saved = [file[f"arr_{n}"] for n in range(len(file.files))]
    told = json.loads((meeting / "state.json").read_text())
    return saved, told["done"], told["first"], told["peak"]


def write_json(path: Path, facts: dict) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(facts, indent=1))
    os.replace(partial, path)


if __name__ == "__main__":
    main()
