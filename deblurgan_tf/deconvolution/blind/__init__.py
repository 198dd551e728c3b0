"""Blind deconvolution: only the blurred picture is given, and the kernel is found too.

One representative of each family of Wang and Tao's survey ("Recent Progress in Image
Deblurring", 2014). They differ in how they find the kernel; what is around is shared:
the luminance is what they look at, they go from coarse to fine, and the picture is
restored by the same non-blind method, so a table compares the kernels and nothing else.
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

# (grey (H, W), size, clock) -> kernel (size, size)
EstimateKernel = Callable[[np.ndarray, int, Clock], np.ndarray]
METHODS: dict[str, EstimateKernel] = {
    "blind_map": l0_gradients.estimate_kernel,
    "blind_variational": variational.estimate_kernel,
    "blind_edge_prediction": edge_prediction.estimate_kernel,
    "blind_power_spectrum": power_spectrum.estimate_kernel,
}
LUMINANCE = np.array([0.299, 0.587, 0.114])  # Rec. 601, of red, green and blue
UNBLURRED = 0.75
"""Pixels: a picture with edges no wider (`edge_width`) is taken for sharp.

All four families find a blob in a sharp picture, since its edges are never perfect, and
make the picture worse. Measured on 90 photos and plates, sharp or blurred by straight
lines, with noise of 1.5 grey levels: 94 % of the sharp ones are at most as wide, of
those blurred by 4 pixels 40 %, by 5 pixels 13 %, by 6 pixels 2 %, by 9 pixels none.
"""
KERNEL_SHARE = 0.75  # of the progress; the rest is the last deconvolution
FLAT = 1.5 / 255.0  # a picture whose values span less is one colour and its rounding


class Restored(NamedTuple):
    """What a blind method finds."""

    picture: np.ndarray  # float64 in [0, 1], of the blurred picture's shape
    kernel: np.ndarray  # float64 (size, size): non-negative, sum 1, centred


def restore(
    blurred: np.ndarray,
    method: str,
    size: int,
    seconds: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Restored:
    """Finds the kernel of a blurred picture and restores it.

    blurred: floats (H, W) or (H, W, 3) RGB in [0, 1]; method: one of `METHODS`; size:
    odd, an upper bound of the kernel's side in pixels. seconds: the limit for finding
    the kernel, None for none. progress: called with the share done, rising to 1.
    Of a large picture, the kernel is found in its most textured window (`window`). A
    picture that is sharp already is returned as it is, with a kernel of one pixel.
    The same arguments give the same result on a machine.
    Raises OutOfTime, and ValueError for a picture that is smaller than the kernel, flat
    or no picture, for an unknown method and for an even size.
    """
    if method not in METHODS:
        raise ValueError(f"no blind method {method!r}; there are {', '.join(METHODS)}")
    check(blurred, size)
    grey = blurred @ LUMINANCE if blurred.ndim == 3 else blurred
    grey = grey.astype(np.float64)
    if np.ptp(grey) < FLAT:
        raise DataError("the picture is flat: nothing in it shows a kernel")
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
    """Raises ValueError unless this is a picture and a kernel of this size fits."""
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
