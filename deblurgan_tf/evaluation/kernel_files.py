"""Blur kernels in .npy files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from deblurgan_tf.errors import DataError


def read_array(file: Path) -> np.ndarray:
    """The array of a .npy file, of any shape and type.

    Raises:
        DataError: the file cannot be read or holds something else.
    """
    try:
        array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{file}: not a kernel ({error}); save it with numpy.save"
        ) from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{file}: not a kernel (an archive of several arrays)")
    return array


def read_kernel(file: Path) -> np.ndarray:
    """A blur kernel: float64 (h, w), finite, not all zeros.

    The methods that use it check its sides, its signs and its sum.

    Raises:
        DataError: the file cannot be read or holds no such array.
    """
    kernel = read_array(file)
    numbers = np.issubdtype(kernel.dtype, np.number) or kernel.dtype == bool
    if kernel.ndim != 2 or not numbers or np.iscomplexobj(kernel):
        raise DataError(
            f"{file}: not a kernel (an array of {kernel.dtype} {kernel.shape}); it "
            "must hold real numbers (h, w)"
        )
    kernel = kernel.astype(np.float64)
    if not np.isfinite(kernel).all() or not kernel.any():
        raise DataError(f"{file}: not a kernel (values that are not finite, or all 0)")
    return kernel


def support(kernel: np.ndarray) -> int:
    """Side of the smallest centred square that holds all non-zero entries, odd."""
    middle = np.array(kernel.shape) // 2
    return 2 * int(np.abs(np.argwhere(kernel) - middle).max(initial=0)) + 1
