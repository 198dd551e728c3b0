"""Importing TensorFlow, as fast as possible."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os


def import_triton() -> None:
    """Imports PyTorch's Triton if it is installed; call it before TensorFlow's import.

    PyTorch's first optimiser imports Triton, whose LLVM crashes if TensorFlow's was
    loaded before it.
    """
    with contextlib.suppress(ImportError):
        importlib.import_module("triton")


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras without their notices.

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
    finally:
        if collects:
            gc.enable()
