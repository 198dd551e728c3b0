"""Whether TensorFlow sees the card, and whether XLA compiles for it: one line each."""

import time

begun = time.time()
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

print("devices", tf.config.list_physical_devices("GPU"), f"{time.time() - begun:.1f} s")


def mixed(x, kernel):
    y = tf.nn.conv2d(x, kernel, 1, "SAME")
    y = tf.sin(y) + tf.cast(tf.abs(tf.signal.rfft2d(y[..., 0])[..., :1, None]), y.dtype)
    return tf.reduce_mean(tf.matmul(y[..., 0], y[..., 0], transpose_b=True) ** 1.7)


rng = np.random.default_rng(0)
x = tf.constant(rng.random((4, 64, 64, 8)), tf.float32)
kernel = tf.constant(rng.random((3, 3, 8, 8)) / 30, tf.float32)
for name, compile_ in (("plain", False), ("xla", True)):
    begun = time.time()
    value = float(tf.function(mixed, jit_compile=compile_)(x, kernel))
    print(name, value, f"{time.time() - begun:.1f} s", flush=True)
