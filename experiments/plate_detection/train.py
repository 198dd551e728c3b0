"""Trains the detector by the clock on scenes that are drawn meanwhile.

    python train.py --seconds 420 --pool /tmp/detector_data --output out [--batch 48]

The weights, averaged, are kept every minute and at the end: `detector.npz` (`w0`, `w1`,
... as `get_weights` of a normalised `detector` gives them; kernels as float16), with
`log.txt`. `to_keras.py` makes a model of them.
"""

from __future__ import annotations

import argparse
import math
import os
import queue
import sys
import threading
import time
from pathlib import Path

START = time.time()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "package"), str(HERE)]

import keras  # noqa: E402
import numpy as np  # noqa: E402
import photograph  # noqa: E402
import tensorflow as tf  # noqa: E402
from pool import open_pool  # noqa: E402
from scenes import FIELDS, MOST  # noqa: E402

from deblurgan_tf.models import detector  # noqa: E402

# The heat of a plate is a Gaussian over it: deviations as parts of half its width and
# height, and at least so many pixels.
SPREAD, LEAST = 0.22, 4.0
BETA = 0.02  # corner errors below this part of the plate's size count quadratically


def targets(table: tf.Tensor, places: int) -> dict[str, tf.Tensor]:
    """What the network should say for plates (N, MOST, FIELDS) in pixels.

    Each is (N, places, places, ...): `heat`, 1 where a plate's middle is; `counts`, 0
    where it does not matter; `corners` (8), from the middle of the place; `size` of the
    plate; `weight` of the corners; `lines`, 0 or 1.
    """
    n, most = table.shape[0], table.shape[1]
    corners = tf.reshape(table[:, :, :8], [n, 1, 1, most, 4, 2])
    state = table[:, None, None, :, 8]
    at = (tf.range(places, dtype=tf.float32) + 0.5) * detector.STRIDE
    place = tf.stack(tf.meshgrid(at, at), -1)[None, :, :, None]  # x, y
    middle = tf.reduce_mean(corners, axis=4)
    half_x = (
        corners[..., 1, :]
        - corners[..., 0, :]
        + corners[..., 2, :]
        - corners[..., 3, :]
    ) / 4
    half_y = (
        corners[..., 3, :]
        - corners[..., 0, :]
        + corners[..., 2, :]
        - corners[..., 1, :]
    ) / 4
    offset = place - middle
    area = half_x[..., 0] * half_y[..., 1] - half_x[..., 1] * half_y[..., 0]
    area = tf.where(tf.abs(area) < 1e-3, 1.0, area)
    u = (offset[..., 0] * half_y[..., 1] - offset[..., 1] * half_y[..., 0]) / area
    v = (half_x[..., 0] * offset[..., 1] - half_x[..., 1] * offset[..., 0]) / area
    long, high = tf.norm(half_x, axis=-1) + 1e-3, tf.norm(half_y, axis=-1) + 1e-3
    far = tf.square(u / tf.maximum(SPREAD, LEAST / long))
    far += tf.square(v / tf.maximum(SPREAD, LEAST / high))
    found = state == 1.0
    heat = tf.where(found, tf.exp(-0.5 * far), 0.0)
    here = tf.reduce_all(tf.abs(offset) <= detector.STRIDE / 2, axis=-1) & found
    heat = tf.where(here, 1.0, heat)
    spoilt = (state == 2.0) & (tf.abs(u) < 1.1) & (tf.abs(v) < 1.1)
    counts = 1.0 - tf.cast(tf.reduce_any(spoilt, axis=-1), tf.float32)
    owner = tf.one_hot(tf.argmax(heat, axis=-1), most)
    best = tf.reduce_max(heat, axis=-1)
    counts = tf.where(best > 0.5, 1.0, counts)
    relative = tf.reshape(corners - place[..., None, :], [n, places, places, most, 8])

    def owned(values: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(values * owner, axis=-1)

    return {
        "heat": best,
        "counts": counts,
        "corners": tf.reduce_sum(relative * owner[..., None], axis=3),
        "size": tf.maximum(owned(long + high), 4.0),
        "weight": tf.where(best > 0.3, best, 0.0),
        "lines": owned(table[:, None, None, :, 9] + tf.zeros_like(heat)) - 1.0,
    }


def losses(
    outputs: dict[str, tf.Tensor], wanted: dict[str, tf.Tensor]
) -> list[tf.Tensor]:
    """Of the middles, the corners and the lines."""
    logit = tf.cast(outputs["middle"][..., 0], tf.float32)
    heat = wanted["heat"]
    p = tf.sigmoid(logit)
    log_yes, log_no = -tf.nn.softplus(-logit), -tf.nn.softplus(logit)
    peak = tf.cast(heat >= 1.0, tf.float32)
    focal = -peak * tf.square(1.0 - p) * log_yes
    focal -= (1.0 - peak) * tf.pow(1.0 - heat, 4.0) * tf.square(p) * log_no
    number = tf.maximum(tf.reduce_sum(peak), 1.0)
    middles = tf.reduce_sum(focal * wanted["counts"]) / number
    weight = wanted["weight"]
    total = tf.reduce_sum(weight) + 1e-3
    error = tf.abs(tf.cast(outputs["corners"], tf.float32) - wanted["corners"])
    error = error / wanted["size"][..., None]
    smooth = tf.where(error < BETA, 0.5 * tf.square(error) / BETA, error - 0.5 * BETA)
    corners = tf.reduce_sum(weight * tf.reduce_mean(smooth, axis=-1)) / total
    logit = tf.cast(outputs["lines"][..., 0], tf.float32)
    cross = tf.nn.sigmoid_cross_entropy_with_logits(wanted["lines"], logit)
    lines = tf.reduce_sum(weight * cross) / total
    error = tf.reduce_sum(weight * tf.reduce_mean(error, axis=-1)) / total
    return [middles, corners, lines, error]


class Feeder(threading.Thread):
    """Batches from the pool, on the device, two ahead."""

    def __init__(self, pool, batch: int) -> None:
        super().__init__(daemon=True)
        self.pool, self.batch = pool, batch
        self.queue: queue.Queue = queue.Queue(maxsize=2)
        self.rng = np.random.default_rng(0)

    def make(self) -> tuple:
        ready = np.flatnonzero(self.pool.facts[:, 0] > 0)
        chosen = self.rng.choice(ready, self.batch, replace=len(ready) < self.batch)
        chosen.sort()
        facts = self.pool.facts[chosen, 1:].reshape(self.batch, MOST, FIELDS)
        return (
            tf.constant(self.pool.images[chosen]),
            tf.constant(facts),
            tf.constant(self.rng.random((96, self.batch), np.float32)),
        )

    def run(self) -> None:
        while True:
            self.queue.put(self.make())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--began", type=float, default=START, help="when they began")
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--memory", type=int, default=16000)
    parser.add_argument("--xla", action="store_true", help="compile what makes photos")
    options = parser.parse_args()
    end = options.began + options.seconds
    options.output.mkdir(parents=True, exist_ok=True)

    def log(*words) -> None:
        line = f"{time.time() - options.began:6.1f}s " + " ".join(str(w) for w in words)
        print(line, flush=True)
        with open(options.output / "log.txt", "a") as file:
            file.write(line + "\n")

    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.set_logical_device_configuration(
            gpu, [tf.config.LogicalDeviceConfiguration(memory_limit=options.memory)]
        )
    log("devices", tf.config.list_physical_devices("GPU"), "tf", tf.__version__)
    model = detector.detector(normalised=True)
    kept = options.output / "detector.npz"
    if kept.exists():  # a training that broke off goes on from what it had kept
        stored = np.load(kept)
        model.set_weights([stored[f"w{k}"] for k in range(len(stored.files))])
    mean = [tf.Variable(v.numpy(), trainable=False) for v in model.variables]
    optimizer = keras.optimizers.AdamW(0.0, weight_decay=0.02, global_clipnorm=4.0)
    optimizer.build(model.trainable_variables)
    paths = tf.constant(np.load(HERE / "paths.npy").astype(np.float32))

    while not (options.pool / "pool.json").exists():
        time.sleep(0.5)
        if time.time() > end:
            raise SystemExit("nobody draws scenes")
    pool = open_pool(options.pool)
    least = min(4 * options.batch, len(pool.images) // 2)
    while (filled := int((pool.facts[:, 0] > 0).sum())) < least:
        time.sleep(0.5)
    log("pool", len(pool.images), "slots,", filled, "filled")

    @tf.function
    def step(pictures, table, rate, count):
        wanted = targets(table, math.ceil(photograph.SIDE / detector.STRIDE))
        with tf.GradientTape() as tape:
            middles, corners, lines, error = losses(
                model(pictures, training=True), wanted
            )
            loss = middles + 8.0 * corners + 0.3 * lines
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        share = tf.maximum(0.002, 9.0 / (10.0 + count))
        for average, variable in zip(mean, model.variables, strict=True):
            average.assign_add(share * (tf.convert_to_tensor(variable) - average))
        return tf.stack([loss, middles, corners, lines, error])

    views = {"now": tf.function(photograph.views)}

    def seed(count: int) -> tf.Tensor:
        return tf.constant([count, 20181], tf.int32)

    def compile_views(trial: tuple) -> None:
        began = time.time()
        try:
            fast = tf.function(photograph.views, jit_compile=True)
            inputs = (trial[0], trial[1], paths, trial[2], seed(1))
            one = fast(*inputs)
            other = views["now"](*inputs)
            apart = [
                float(tf.abs(tf.reduce_mean(a) - tf.reduce_mean(b)))
                for a, b in zip(one, other, strict=True)
            ]
            log(f"photos compiled in {time.time() - began:.0f} s, means apart {apart}")
            if max(apart) < 0.02:
                views["now"] = fast
        except Exception as error:  # whatever a compiler raises: the training goes on
            log("not compiled:", type(error).__name__, str(error)[:400])

    def save() -> None:
        # `get_weights` has another order than `variables`.
        places = {id(v): k for k, v in enumerate(model.variables)}
        values = [mean[places[id(v)]].numpy() for v in model.weights]
        parts = {
            f"w{k}": v.astype(np.float16) if v.ndim > 1 else v
            for k, v in enumerate(values)
        }
        part = options.output / ".part.npz"
        np.savez(part, **parts)
        os.replace(part, kept)

    feeder = Feeder(pool, options.batch)
    feeder.start()
    count, since_count, results = 0, 0, []
    since = time.time()
    first = None
    next_save = time.time() + 60
    log("tracing")
    while True:
        now = time.time()
        spent = 0.0 if first is None else (now - first) / (end - 14 - first)
        if spent >= 1.0:
            break
        cosine = 0.5 * (1 + math.cos(math.pi * spent))
        rate = options.rate * min(1.0, (count + 1) / 200) * cosine
        batch = feeder.queue.get()
        count += 1
        pictures, table = views["now"](batch[0], batch[1], paths, batch[2], seed(count))
        result = step(
            pictures,
            table,
            tf.constant(rate, tf.float32),
            tf.constant(count, tf.float32),
        )
        results.append(result)
        if first is None:
            log("first step", result.numpy().round(3))
            first = since = time.time()
            if options.xla:
                threading.Thread(
                    target=compile_views, args=(batch,), daemon=True
                ).start()
        elif len(results) % 10 == 0:
            result.numpy()  # not further ahead of the device than ten steps
        if time.time() - since > 10:
            values = np.array([r.numpy() for r in results])
            speed = options.batch * (count - since_count) / (time.time() - since)
            loss, middles, _, lines, error = values.mean(axis=0)
            filled = int((pool.facts[:, 0] > 0).sum())
            log(
                f"step {count} loss {loss:.3f} middles {middles:.3f}",
                f"corners {error:.4f} lines {lines:.3f} rate {rate:.1e}",
                f"{speed:.0f}/s pool {filled}",
            )
            if not np.isfinite(loss):
                raise SystemExit("the loss is not finite")
            results, since, since_count = [], time.time(), count
        if time.time() > next_save:
            save()
            log("kept")
            next_save = time.time() + 60
    save()
    log(f"done, {count} steps of {options.batch}")
    os._exit(0)  # a compiler may still be at work


if __name__ == "__main__":
    main()
