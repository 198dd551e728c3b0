"""What other processes do in the tests of `workers`; light to import there."""

from __future__ import annotations

import os
import signal
import sys
import time


def double(number):
    return 2 * number


def double_but_die_of_seven(number):
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return double(number)


def wait_long(file):
    """Writes its process's number to the file, and does not come back in time."""
    with open(file, "w") as stream:
        stream.write(str(os.getpid()))
    time.sleep(600)


def surroundings(_):
    """The heavy modules that are imported, and the number of threads for BLAS."""
    import deblurgan_tf.evaluation.tasks

    heavy = {"tensorflow", "keras", "matplotlib"} & sys.modules.keys()
    assert deblurgan_tf.evaluation.tasks
    return heavy, os.environ.get("OPENBLAS_NUM_THREADS")
