"""The folder that a command writes its results to."""

from __future__ import annotations

import os
from pathlib import Path

from deblurgan_tf.errors import UsageError
from deblurgan_tf.storage.atomic import make_folder


def make_output_folder(output: Path) -> None:
    """Makes the folder of `--output` and what is above it, before any work is done.

    Raises UsageError where it cannot be made or written to.
    """
    try:
        make_folder(output)
    except OSError as error:
        raise UsageError(
            f"--output {output}: cannot be made ({error.strerror}); name a folder"
        ) from error
    if not os.access(output, os.W_OK | os.X_OK):
        raise UsageError(f"--output {output}: cannot be written to; check its rights")
