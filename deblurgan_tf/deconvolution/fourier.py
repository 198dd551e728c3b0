"""Transfer functions of blur kernels, and circular convolution.

The classical and blind methods work in NumPy and float64: they run once a picture, and
they subtract large numbers that are nearly equal.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

# Differences to the right and below: (HORIZONTAL * p)[x] = p[x + 1] - p[x].
HORIZONTAL = np.array([[1.0, -1.0, 0.0]])
VERTICAL = HORIZONTAL.T
LAPLACIAN = np.array([[0.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 0.0]])


def transfer(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The transfer function of a filter whose origin is its middle pixel.

    Args:
        kernel: (h, w), both odd.
        shape: (H, W) of the pictures that it will filter.

    Returns:
        complex (H, W // 2 + 1), to multiply `scipy.fft.rfft2` of a picture with.

    Raises:
        ValueError: the kernel has an even side or is larger than the pictures.
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


def gradient_power(shape: tuple[int, int]) -> np.ndarray:
    """|transfer of HORIZONTAL|^2 + |transfer of VERTICAL|^2: (H, W // 2 + 1)."""
    power = np.abs(transfer(HORIZONTAL, shape)) ** 2
    power += np.abs(transfer(VERTICAL, shape)) ** 2
    return power


def convolve_circular(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolves a picture that wraps around, (H, W) or (H, W, C), with a kernel.

    kernel: (h, w), both odd, not larger than the picture. Returns the picture's shape.
    """
    shape = picture.shape[:2]
    response = transfer(kernel, shape)
    if picture.ndim == 3:
        response = response[..., None]
    spectrum = scipy.fft.rfft2(picture, axes=(0, 1)) * response
    return scipy.fft.irfft2(spectrum, shape, axes=(0, 1))
