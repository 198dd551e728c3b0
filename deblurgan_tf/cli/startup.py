"""Importing TensorFlow, as fast as possible."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os

from deblurgan_tf.errors import UsageError, first_line


def import_triton() -> None:
    """Imports PyTorch's Triton if it is installed; call it before TensorFlow's import.

    PyTorch's first optimiser imports Triton, whose LLVM crashes if TensorFlow's was
    loaded before it.
    """
    with contextlib.suppress(ImportError):
        importlib.import_module("triton")


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras without their notices, with this package's settings.

    Raises UsageError where Keras cannot be imported with what the user's keras.json or
    environment says.

    The import creates about a million objects that stay. Python's garbage collector
    would visit them again and again, so it is off during the import, which then takes
    three quarters of the time, and it ignores these objects afterwards.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # notices of CPU features
    collects = gc.isenabled()
    gc.disable()
    try:
        import keras  # noqa: F401
        import tensorflow  # noqa: F401

        gc.freeze()
    # Both check keras.json as they are imported, with errors of many kinds.
    except Exception as error:
        reason = first_line(error)
        raise UsageError(
            f"TensorFlow and Keras cannot be imported ({type(error).__name__}: "
            f"{reason}). If you changed keras.json (in ~/.keras or KERAS_HOME) or the "
            "environment variables KERAS_*, mend or remove them; if not, install the "
            "package again. --debug shows more"
        ) from error
    finally:
        if collects:
            gc.enable()
    from deblurgan_tf.keras_settings import use_own_settings

    use_own_settings(tell=False)
