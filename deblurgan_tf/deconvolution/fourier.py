"""Blur kernels as transfer functions, and convolution that wraps around.

The classical and blind methods work in NumPy and float64: they run once a picture, and
their small differences of large numbers need the digits.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

# Differences to the right and to below: [f * X][x] = picture[x + 1] - picture[x].
HORIZONTAL = np.array([[1.0, -1.0, 0.0]])
VERTICAL = HORIZONTAL.T
LAPLACIAN = np.array([[0.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 0.0]])


def transfer(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The transfer function of a filter whose origin is its middle pixel.

    kernel: (h, w), h and w odd; shape: (H, W) of the pictures that it will filter.
    Returns complex (H, W // 2 + 1), to be multiplied with `scipy.fft.rfft2` of them.
    Raises ValueError for a kernel with an even side or larger than the picture.
    """
    height, width = kernel.shape
    if height % 2 == 0 or width % 2 == 0:
        raise ValueError(f"a kernel needs odd sides; got {height}x{width}")
    if height > shape[0] or width > shape[1]:
        raise ValueError(
            f"a kernel of {height}x{width} is larger than the picture of "
            f"{shape[0]}x{shape[1]}"
        )
    padded = np.zeros(shape)
    padded[:height, :width] = kernel
    padded = np.roll(padded, (-(height // 2), -(width // 2)), axis=(0, 1))
    return scipy.fft.rfft2(padded)


def convolve_circular(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolves (H, W) or (H, W, C) with a kernel; the picture wraps around."""
    shape = picture.shape[:2]
    response = transfer(kernel, shape)
    if picture.ndim == 3:
        response = response[..., None]
    spectrum = scipy.fft.rfft2(picture, axes=(0, 1)) * response
    return scipy.fft.irfft2(spectrum, shape, axes=(0, 1))
