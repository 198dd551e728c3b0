"""Trains the reader by the clock on plates that are drawn meanwhile.

    python train.py --seconds 420 --pool /tmp/reader_data --output out [--batch 192]

The whole state is a few flat vectors and a step is a pure function of them, so a
compiled variant can be built and timed beside the training, and takes over only where
it is faster and computes the same. The weights, averaged, are kept as float16 every
minute and at the end: `reader.npz` (`w0`, `w1`, ... as `get_weights` gives them), with
`log.txt`.
"""

from __future__ import annotations

import argparse
import json
import mmap
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

import degrade  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from deblurgan_tf.models import reader  # noqa: E402

LONGEST = 12
FIELDS = 8 + LONGEST


def open_pool(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The pictures and facts of the pool that a running `draw.py` has announced."""
    known = json.loads((folder / "pool.json").read_text())
    slots, size = known["slots"], known["slots"] * degrade.HEIGHT * degrade.WIDTH * 3
    file = os.open(known["path"], os.O_RDWR)
    buffer = mmap.mmap(file, size + slots * FIELDS * 4)
    shape = (slots, degrade.HEIGHT, degrade.WIDTH, 3)
    images = np.frombuffer(buffer, np.uint8, size).reshape(shape)
    facts = np.frombuffer(buffer, np.float32, slots * FIELDS, offset=size)
    return images, facts.reshape(slots, FIELDS)


class ShiftedDepthwise(keras.layers.DepthwiseConv2D):
    """The same as a sum of shifted products, which a compiler fuses into one pass."""

    def call(self, inputs):
        kernel = tf.cast(self.kernel, inputs.dtype)
        height, width = kernel.shape[:2]
        x = tf.pad(inputs, [[0, 0], [height // 2] * 2, [width // 2] * 2, [0, 0]])
        rows, columns = inputs.shape[1], inputs.shape[2]
        parts = [
            x[:, i : i + rows, j : j + columns] * kernel[i, j, :, 0]
            for i in range(height)
            for j in range(width)
        ]
        x = tf.add_n(parts) + tf.cast(self.bias, inputs.dtype)
        return self.activation(x) if self.activation is not None else x


@tf.custom_gradient
def lean_gelu(x: tf.Tensor):
    """GELU that keeps its input alone for the gradient: a fifth of the memory."""

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        normal = 0.5 * (1.0 + tf.math.erf(x * 0.70710678))
        density = 0.39894228 * tf.exp(-0.5 * x * x)
        return upstream * (normal + x * density)

    return x * (0.5 * (1.0 + tf.math.erf(x * 0.70710678))), gradient


class LeanGelu(keras.layers.Layer):
    def call(self, inputs):
        return lean_gelu(inputs)


def network(shifted: bool, policy: str) -> keras.Model:
    """The reader for training; the same function and weights in any variant."""
    keras.config.set_dtype_policy(policy)

    def cloned(layer):
        config = layer.get_config()
        if shifted and type(layer) is keras.layers.DepthwiseConv2D:
            return ShiftedDepthwise.from_config(config)
        if layer.name.endswith("_gelu"):
            return LeanGelu(name=layer.name)
        return layer.__class__.from_config(config)

    model = keras.models.clone_model(reader.reader(), clone_function=cloned)
    keras.config.set_dtype_policy("float32")
    return model


def ctc(logits: tf.Tensor, classes: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Negative log likelihoods (N,) of texts under CTC.

    logits: float32 (N, T, C), blank 0; classes: int32 (N, L), padded with 0; lengths:
    int32 (N,).
    The forward recursion over 2 L + 1 states, normalised in each column.
    """
    n, steps, count = logits.shape
    states = 2 * LONGEST + 1
    probabilities = tf.nn.softmax(logits)
    zeros = tf.zeros_like(classes)
    extended = tf.reshape(tf.stack([zeros, classes], 2), [n, 2 * LONGEST])
    extended = tf.concat([extended, zeros[:, :1]], 1)
    chosen = tf.one_hot(extended, count, dtype=tf.float32)
    emitted = tf.matmul(probabilities, chosen, transpose_b=True)  # (N, T, states)
    k = tf.range(states)[None]
    used = tf.cast(k <= 2 * lengths[:, None], tf.float32)
    emitted = emitted * used[:, None] + 1e-12
    before = tf.pad(extended[:, :-2], [[0, 0], [2, 0]], constant_values=-1)
    skip = tf.cast((extended != 0) & (extended != before) & (k >= 2), tf.float32)
    alpha = tf.concat([emitted[:, 0, :2], tf.zeros([n, states - 2])], 1)
    scales = []
    for t in range(steps):
        if t:
            one = tf.pad(alpha[:, :-1], [[0, 0], [1, 0]])
            two = tf.pad(alpha[:, :-2], [[0, 0], [2, 0]])
            alpha = (alpha + one + skip * two) * emitted[:, t]
        scale = tf.reduce_sum(alpha, axis=1, keepdims=True) + 1e-30
        alpha = alpha / scale
        scales.append(scale)
    ends = tf.cast(
        (k == 2 * lengths[:, None]) | (k == 2 * lengths[:, None] - 1), tf.float32
    )
    last = tf.reduce_sum(alpha * ends, axis=1)
    return -tf.reduce_sum(tf.math.log(tf.concat(scales, 1)), axis=1) - tf.math.log(
        last + 1e-30
    )


class Flat:
    """The weights as one vector, and back."""

    def __init__(self, weights: list[np.ndarray]) -> None:
        self.shapes = [w.shape for w in weights]
        self.sizes = [int(np.prod(s)) for s in self.shapes]
        decayed = [
            np.full(n, float(len(s) > 1), np.float32)
            for s, n in zip(self.shapes, self.sizes, strict=True)
        ]
        self.decayed = tf.constant(np.concatenate(decayed))

    def join(self, weights: list) -> np.ndarray:
        return np.concatenate([np.asarray(w, np.float32).ravel() for w in weights])

    def parts(self, vector: tf.Tensor) -> list[tf.Tensor]:
        parts = tf.split(vector, self.sizes)
        return [tf.reshape(p, s) for p, s in zip(parts, self.shapes, strict=True)]


def step_function(model: keras.Model, flat: Flat, compiled: bool):
    """A pure step: (state, batch, rate, count) -> (state, [loss, norm, ctc, lines])."""

    @tf.function(jit_compile=compiled)
    def step(
        weights,
        first,
        second,
        mean,
        views,
        classes,
        lengths,
        lines,
        strips,
        rate,
        count,
    ):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            outputs, _ = model.stateless_call(
                flat.parts(weights), [], views, training=True
            )
            # A text is read from the view that shows it: two lines as two strips.
            reads = tf.cast(strips == (lines > 0.5), tf.float32)
            text = ctc(tf.cast(outputs["signs"], tf.float32), classes, lengths)
            text = tf.reduce_sum(text * reads) / tf.reduce_sum(reads) / 8.0
            whole = tf.cast(~strips, tf.float32)
            cross = tf.nn.sigmoid_cross_entropy_with_logits(
                lines, tf.cast(outputs["lines"], tf.float32)[:, 0]
            )
            cross = tf.reduce_sum(cross * whole) / tf.reduce_sum(whole)
            loss = text + 0.05 * cross
        gradient = tape.gradient(loss, weights)
        norm = tf.norm(gradient)
        gradient *= tf.minimum(1.0, 1.0 / (norm + 1e-6))
        new_first = 0.9 * first + 0.1 * gradient
        new_second = 0.99 * second + 0.01 * tf.square(gradient)
        change = (new_first / (1.0 - tf.pow(0.9, count))) / (
            tf.sqrt(new_second / (1.0 - tf.pow(0.99, count))) + 1e-8
        )
        new = weights - rate * (change + 0.02 * flat.decayed * weights)
        kept = tf.minimum(0.998, (1.0 + count) / (10.0 + count))
        fine = tf.math.is_finite(loss) & tf.math.is_finite(norm)
        state = [
            tf.where(fine, new, weights),
            tf.where(fine, new_first, first),
            tf.where(fine, new_second, second),
            tf.where(fine, kept * mean + (1.0 - kept) * new, mean),
        ]
        return state, tf.stack([loss, norm, text, cross])

    return step


class Feeder(threading.Thread):
    """Batches from the pool, on the device, two ahead."""

    def __init__(
        self, images: np.ndarray, facts: np.ndarray, batch: int, strips: float
    ) -> None:
        super().__init__(daemon=True)
        self.images, self.facts, self.batch, self.strips = images, facts, batch, strips
        self.queue = queue.Queue(maxsize=2)
        self.rng = np.random.default_rng(0)

    def make(self) -> tuple:
        ready = np.flatnonzero(self.facts[:, 0] > 0)
        chosen = self.rng.choice(ready, self.batch, replace=len(ready) < self.batch)
        chosen.sort()
        facts = self.facts[chosen].copy()
        two = facts[:, 6] > 1.5
        strips = two & (self.rng.random(self.batch) < self.strips)
        return (
            tf.constant(self.images[chosen]),
            tf.constant(facts[:, 1:5]),
            tf.constant(facts[:, 5]),
            tf.constant(strips),
            tf.constant(facts[:, 8:].astype(np.int32)),
            tf.constant(facts[:, 7].astype(np.int32)),
            tf.constant(two.astype(np.float32)),
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
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--memory", type=int, default=16000)
    parser.add_argument("--variants", default="native,xla,bf16")
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
    # A training that broke off goes on from what it had kept.
    kept = options.output / "reader.npz"
    stored = np.load(kept if kept.exists() else HERE / "start.npz")
    weights = [stored[f"w{k}"].astype(np.float32) for k in range(len(stored.files))]
    flat = Flat(weights)
    paths = tf.constant(np.load(HERE / "paths.npy").astype(np.float32))
    begin = tf.constant(flat.join(weights))
    state = [begin, tf.zeros_like(begin), tf.zeros_like(begin), tf.identity(begin)]

    while not (options.pool / "pool.json").exists():
        time.sleep(0.5)
        if time.time() > end:
            raise SystemExit("nobody draws plates")
    images, facts = open_pool(options.pool)
    while (filled := int((facts[:, 0] > 0).sum())) < min(4 * options.batch, len(facts)):
        time.sleep(0.5)
    log("pool", len(facts), "slots,", filled, "filled")
    feeder = Feeder(images, facts, options.batch, 0.85)
    feeder.start()

    native = network(False, "float32")
    views = {"now": tf.function(degrade.views)}
    steps = {"now": step_function(native, flat, False)}

    def save(vector: tf.Tensor) -> None:
        parts = [p.numpy().astype(np.float16) for p in flat.parts(vector)]
        part = options.output / "reader_part.npz"
        np.savez(part, **{f"w{k}": p for k, p in enumerate(parts)})
        os.replace(part, options.output / "reader.npz")

    def seed(count: int) -> tf.Tensor:
        return tf.constant([count, 20181], tf.int32)

    def timed(function, *inputs, repeats: int = 6) -> float:
        def wait(result):
            return float(tf.reduce_max(tf.nest.flatten(result)[-1]))

        wait(function(*inputs))
        began = time.time()
        for _ in range(repeats):
            result = function(*inputs)
        wait(result)
        return (time.time() - began) / repeats

    # Faster variants are compiled beside the training; `ready` is read between steps.
    ready: list[tuple[str, object, tuple]] = []
    asked = [v for v in options.variants.split(",") if v != "native"]

    def compile_variants() -> None:
        began = time.time()
        trial = feeder.make()
        try:
            if "xla" in asked:
                fast = tf.function(degrade.views, jit_compile=True)
                inputs = (*trial[:4], paths, trial[7], seed(1))
                tf.nest.map_structure(lambda t: t.numpy(), fast(*inputs))
                ready.append(("views", fast, inputs))
                log(f"compiled views in {time.time() - began:.0f} s")
            for policy in ("mixed_bfloat16",) if "bf16" in asked else ("float32",):
                if "xla" not in asked and "bf16" not in asked:
                    break
                began = time.time()
                shifted = network(True, policy)
                fast = step_function(shifted, flat, "xla" in asked)
                pictures = views["now"](*trial[:4], paths, trial[7], seed(1))
                frozen = [tf.identity(s) for s in state]
                inputs = (*frozen, pictures, trial[4], trial[5], trial[6], trial[3],
                          tf.constant(1e-4), tf.constant(5.0))  # fmt: skip
                fast(*inputs)[1].numpy()
                ready.append(("steps", fast, inputs))
                log(f"compiled steps ({policy}) in {time.time() - began:.0f} s")
        except (
            Exception
        ) as error:  # whatever a compiler may raise: the training goes on
            log("no faster variant:", type(error).__name__, str(error)[:600])

    compiler = threading.Thread(target=compile_variants, daemon=True)
    count, since, since_count = 0, time.time(), 0
    next_save, results = time.time() + 60, []
    first_step = None
    warm = 100.0
    log("tracing")
    while True:
        now = time.time()
        spent = (
            0.0 if first_step is None else (now - first_step) / (end - 14 - first_step)
        )
        if spent >= 1.0:
            break
        rate = (
            options.rate
            * min(1.0, (count + 1) / warm)
            * 0.5
            * (1 + np.cos(np.pi * spent))
        )
        batch = feeder.queue.get()
        count += 1
        try:
            pictures = views["now"](*batch[:4], paths, batch[7], seed(count))
            state, result = steps["now"](
                *state, pictures, batch[4], batch[5], batch[6], batch[3],
                tf.constant(rate, tf.float32), tf.constant(count, tf.float32),
            )  # fmt: skip
            if first_step is None:
                result.numpy()
        except tf.errors.ResourceExhaustedError:
            if first_step is not None or feeder.batch <= 32:
                raise
            count = 0
            feeder = Feeder(images, facts, feeder.batch // 2, 0.85)
            feeder.start()
            log("too little memory, batches of", feeder.batch)
            continue
        results.append(result)
        if first_step is None:
            log("first step", result.numpy().round(3))
            first_step = since = time.time()
            if asked:
                compiler.start()
        elif len(results) % 10 == 0:
            result.numpy()  # not further ahead of the device than ten steps
        if ready:
            which, fast, inputs = ready.pop(0)
            result.numpy()
            table = views if which == "views" else steps
            old, new = timed(table["now"], *inputs), timed(fast, *inputs)
            a, b = table["now"](*inputs), fast(*inputs)
            if which == "views":
                # The noise may be another; the pictures' means are not.
                means = tf.reduce_mean(a, [1, 2, 3]) - tf.reduce_mean(b, [1, 2, 3])
                apart = float(tf.reduce_mean(tf.abs(means)))
                same = apart < 0.01
            else:
                apart = (a[1] - b[1]).numpy()[:2]
                same = bool(abs(apart[0]) < 0.02 * float(a[1][0]) + 0.002)
            log(
                f"{which}: {old * 1e3:.1f} ms, compiled {new * 1e3:.1f} ms,",
                f"apart {apart}",
            )
            if new < 0.95 * old and same:
                table["now"] = fast
                log(f"{which}: the compiled variant takes over")
        if time.time() - since > 10:
            values = np.array([r.numpy() for r in results])
            fine = np.isfinite(values).all(1)
            speed = feeder.batch * (count - since_count) / (time.time() - since)
            _, norm, text, lines = values[fine].mean(axis=0)
            log(f"step {count} loss {text:.4f} lines {lines:.4f} norm {norm:.2f}")
            log(
                f"    rate {rate:.2e}, {speed:.0f} plates/s, {(~fine).sum()} not finite"
            )
            results, since, since_count = [], time.time(), count
        if time.time() > next_save:
            save(state[3])
            log("kept")
            next_save = time.time() + 60
    save(state[3])
    log(f"done, {count} steps of {feeder.batch}")
    os._exit(0)  # a compiler may still be at work


if __name__ == "__main__":
    main()
