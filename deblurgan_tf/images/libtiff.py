"""The errors of the libtiff that Pillow uses: it prints them, and may go on.

Its decoders of fax compressions give wrong rows where a code is damaged, and say so on
the process's standard error alone.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import _imaging

from deblurgan_tf.errors import PictureError

# A C function of (module, format, arguments); the last cannot be read from here.
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_OF_THREAD = threading.local()


@contextmanager
def heard(*, needed: bool) -> Iterator[list[str]]:
    """Inside, the first error of this thread's decoding is put into the list given.

    needed: nothing but these errors tells of damage. Raises PictureError if so
    where Pillow was built without a libtiff that can be asked.
    """
    if not _install() and needed:
        raise PictureError(
            "fax compressions are read with the libtiff of Pillow's own packages; "
            "install Pillow from PyPI, or save it with deflate"
        )
    errors: list[str] = []
    _OF_THREAD.errors = errors
    try:
        yield errors
    finally:
        _OF_THREAD.errors = None


@_HANDLER
def _hear(module: bytes | None, text: bytes | None, _: int) -> None:
    errors: list[str] | None = getattr(_OF_THREAD, "errors", None)
    if errors is not None and not errors:  # there may be one for every row
        parts = (part.decode("ascii", "replace") for part in (module, text) if part)
        errors.append(": ".join(parts))


@functools.cache
def _install() -> bool:
    """Whether libtiff speaks to `_hear` now, and no longer to standard error."""
    try:
        library = ctypes.CDLL(_imaging.__file__)  # with the libraries that it needs
        install = library.TIFFSetErrorHandler
    except (AttributeError, OSError):
        return False
    install.argtypes, install.restype = (_HANDLER,), ctypes.c_void_p
    install(_hear)
    return True
