"""Restoring with DeblurGAN, in this process, before the others begin: so it has the
whole machine, as in use.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from deblurgan_tf import images
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.evaluation.tasks import Task, told, write_restored


def restore_all(tasks: list[Task], model: str) -> Iterator[tuple[Task, float | str]]:
    """Restores the tasks' pictures and writes them; yields the seconds that each took
    without its files, or why it failed.

    model: a shipped model's name, a run or a file. The first picture is restored once
    before, untimed, because a network's first work is slow.
    Raises ModelError for a model that cannot be used.
    """
    import_tensorflow()
    # Seconds to import, and only this method needs it.
    from deblurgan_tf.devices import prepare_devices
    from deblurgan_tf.inference.restorer import load

    prepare_devices()
    restorer = load(model)
    warm = False
    for task in tasks:
        assert task.picture is not None
        try:
            blurred = images.read_rgb(task.pair.blurred)
            if not warm:
                restorer.restore(blurred)
                warm = True
            begun = time.perf_counter()
            restored = restorer.restore(blurred)
            seconds = time.perf_counter() - begun
            write_restored(task.picture, restored)
        except Exception as error:  # one picture's, whatever it is
            yield task, told(error)
        else:
            yield task, seconds
