"""What a user is shown when a training cannot write, for example on a full disk."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from deblurgan_tf.errors import RunError, first_line
from deblurgan_tf.storage.writing_errors import writing_to

# What TensorFlow puts around the system's words: the operation's place and name.
_AROUND = re.compile(r"^\{\{.*?\}\}\s*|\s*\[Op:\w+\]")


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turns an error of writing inside, of Python or TensorFlow, into a RunError.

    Only for lines that write: elsewhere TensorFlow's errors have other causes.
    """
    try:
        with writing_to(place):
            yield
    except tf.errors.OpError as error:
        reason = _AROUND.sub("", first_line(error))
        raise RunError(
            f"{place}: cannot be written ({reason}); mend it, and run the same command "
            "again to resume"
        ) from error
