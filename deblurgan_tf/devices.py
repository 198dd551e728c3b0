"""How TensorFlow uses the machine in a training."""

from __future__ import annotations

import tensorflow as tf


def prepare_devices() -> None:
    """Makes operations deterministic; on a CPU they run one after another.

    Call it before TensorFlow's first operation, which fixes the number of threads.
    """
    # Otherwise a GPU adds in any order, and a resumed run would not be bit-equal.
    tf.config.experimental.enable_op_determinism()
    if tf.config.list_physical_devices("GPU"):
        return
    # Each convolution uses all cores, and two at a time compete for them. One after
    # another is 1.13 times as fast (measured: forward and backward pass of the
    # generator, 256x256 pixels, two cores).
    if tf.config.threading.get_inter_op_parallelism_threads() != 1:
        try:
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:
            # TensorFlow ran in this process before: the threads stay as they are, and
            # only speed is lost.
            return
