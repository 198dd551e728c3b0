"""What a user is shown when results cannot be written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from deblurgan_tf.errors import RunError


@contextlib.contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Turns an OSError inside, such as a full disk, into a RunError about `place`.

    Only for lines that write: elsewhere an OSError may be a fault of this package.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{place}: {error}; mend it, and run the same command again to resume"
        ) from error
