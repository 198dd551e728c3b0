"""TensorFlow, imported as fast as it can be."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os


def import_triton() -> None:
    """Imports PyTorch's Triton where there is one; call it before TensorFlow is there.

    PyTorch's first optimiser loads it, and its LLVM crashes after TensorFlow's.
    """
    with contextlib.suppress(ImportError):
        importlib.import_module("triton")


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras, quietly; a command calls it before it computes.

    The import makes some million objects that stay, and Python's collector would go
    through them again and again, in the import and in all that follows: without it
    the import takes three quarters of the time.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # notices of CPU features
    collects = gc.isenabled()
    gc.disable()
    try:
        import keras  # noqa: F401
        import tensorflow  # noqa: F401

        gc.freeze()
    finally:
        if collects:
            gc.enable()
