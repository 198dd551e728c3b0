"""Restoring with DeblurGAN: in this process, before the other processes begin.

So it has the whole machine, as in normal use.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from deblurgan_tf import images
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.evaluation.tasks import (
    Result,
    Task,
    failure,
    perform,
    write_restored,
)


def perform_all(tasks: list[Task], model: str) -> Iterator[tuple[Task, Result]]:
    """Restores, writes and measures the tasks' pictures; yields them one by one.

    model: a shipped model's name, a run or a file. The first picture is restored twice,
    and the first time does not count: a network's first call compiles. Without tasks
    nothing is loaded.

    Raises:
        ModelError: the model cannot be used.
    """
    if not tasks:
        return
    import_tensorflow()
    # Seconds to import, and only this method needs it.
    from deblurgan_tf.devices import prepare_devices
    from deblurgan_tf.inference.restorer import load

    prepare_devices()
    restorer = load(model)
    compiled = False
    for task in tasks:
        assert task.picture is not None
        try:
            blurred = images.read_rgb(task.pair.blurred)
            if not compiled:
                restorer.restore(blurred)
                compiled = True
            begun = time.perf_counter()
            restored = restorer.restore(blurred)
            seconds = time.perf_counter() - begun
            write_restored(task.picture, restored)
        except Exception as error:
            yield task, failure(error)
        else:
            yield task, perform(replace(task, restored=True, seconds=seconds))
