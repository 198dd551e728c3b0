"""Blind deconvolution: only the blurred picture is given; the kernel is estimated.

There is one representative of each family of Wang and Tao's survey ("Recent Progress in
Image Deblurring", 2014). They differ in how they estimate the kernel. All of them use
the luminance, and `hyper_laplacian` restores the picture with the kernel, so a table of
them compares the kernels only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from deblurgan_tf.deconvolution.blind import (
    edge_prediction,
    l0_gradients,
    power_spectrum,
    variational,
)
from deblurgan_tf.deconvolution.blind.clock import Clock, OutOfTime
from deblurgan_tf.deconvolution.blind.scales import point
from deblurgan_tf.deconvolution.blind.window import most_textured
from deblurgan_tf.deconvolution.hyper_laplacian import deconvolve
from deblurgan_tf.deconvolution.sharpness import edge_width
from deblurgan_tf.errors import DataError

__all__ = ["METHODS", "Clock", "OutOfTime", "Restored", "restore"]

EstimateKernel = Callable[[np.ndarray, int, Clock], np.ndarray]
"""(grey (H, W), size, clock) -> kernel (size, size)."""
METHODS: dict[str, EstimateKernel] = {
    "blind_map": l0_gradients.estimate_kernel,
    "blind_variational": variational.estimate_kernel,
    "blind_edge_prediction": edge_prediction.estimate_kernel,
    "blind_power_spectrum": power_spectrum.estimate_kernel,
}
LUMINANCE = np.array([0.299, 0.587, 0.114])  # Rec. 601, of red, green and blue
UNBLURRED = 0.75
"""Pixels: a picture whose edges are not wider (`edge_width`) counts as sharp.

In a sharp picture all four families estimate a small spot as the kernel, since edges
are never perfect, and make the picture worse. Measured on 90 photos and plates, sharp
or blurred by straight lines, with noise of 1.5 grey levels: 94 % of the sharp ones
count as sharp, of those blurred by 4 pixels 40 %, by 5 pixels 13 %, by 6 pixels 2 %, by
9 pixels none.
"""
KERNEL_SHARE = 0.75  # of the progress; the rest is the last deconvolution
FLAT = 1.5 / 255.0  # the values of a picture of one colour, rounded, span less


class Restored(NamedTuple):
    """The result of a blind method."""

    picture: np.ndarray  # float64 in [0, 1], of the blurred picture's shape
    kernel: np.ndarray  # float64 (size, size): not negative, sum 1, centred


def restore(
    blurred: np.ndarray,
    method: str,
    size: int,
    seconds: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Restored:
    """Estimates the kernel of a blurred picture and restores the picture with it.

    In a large picture, the kernel is estimated in the window with the most texture
    (`window`). A picture that is sharp already is returned as it is, with a kernel of
    one pixel. The same arguments give the same result on the same machine.

    Args:
        blurred: float (H, W) or (H, W, 3) RGB in [0, 1].
        method: a name of `METHODS`.
        size: an upper bound of the kernel's side in pixels, odd, 3 or more.
        seconds: the time limit for estimating the kernel; None for none.
        progress: called with the share that is done, rising to 1.

    Raises:
        DataError: the picture is smaller than the kernel, has one colour only or too
            little structure.
        OutOfTime: the limit has passed.
        ValueError: an unknown method, an even size, or no picture in [0, 1].
    """
    if method not in METHODS:
        raise ValueError(f"no blind method {method!r}; there are {', '.join(METHODS)}")
    check(blurred, size)
    grey = blurred @ LUMINANCE if blurred.ndim == 3 else blurred
    grey = grey.astype(np.float64)
    if np.ptp(grey) < FLAT:
        raise DataError("the picture is flat: it has no edges that show a kernel")
    report = progress or (lambda share: None)
    width = edge_width(255.0 * grey)
    if width is not None and width <= UNBLURRED:
        report(1.0)
        return Restored(blurred.astype(np.float64), point(size))
    clock = Clock(seconds, lambda share: report(KERNEL_SHARE * share))
    kernel = METHODS[method](most_textured(grey, size), size, clock)
    picture = deconvolve(blurred, kernel)
    report(1.0)
    return Restored(picture, kernel)


def check(blurred: np.ndarray, size: int) -> None:
    """Checks the arguments of `restore`.

    Raises:
        DataError: the picture is smaller than the kernel.
        ValueError: an even size, or no picture in [0, 1].
    """
    if size < 3 or size % 2 == 0:
        raise ValueError(f"the kernel's size must be odd, 3 or more; got {size}")
    colour = blurred.ndim == 3 and blurred.shape[2] == 3
    floats = np.issubdtype(blurred.dtype, np.floating)
    if not floats or not (blurred.ndim == 2 or colour):
        raise ValueError(
            "need a picture of floats (H, W) or (H, W, 3) in [0, 1]; got "
            f"{blurred.dtype} {blurred.shape}"
        )
    height, width = blurred.shape[:2]
    if min(height, width) < size:
        raise DataError(
            f"a picture of {height}x{width} is smaller than the kernel of "
            f"{size}x{size}; give a smaller kernel size"
        )
    if not np.isfinite(blurred).all() or blurred.min() < 0.0 or blurred.max() > 1.0:
        raise ValueError("the picture's values must lie in [0, 1]")
