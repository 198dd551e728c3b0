"""Natural pictures with a known blur for the tests of the classical methods."""

from __future__ import annotations

import numpy as np

from deblurgan_tf.deconvolution.fourier import convolve_circular

NOISE = 1.5 / 255.0


def arc() -> np.ndarray:
    """A curved path of 17 pixels in a 19 x 19 kernel, its centroid in the middle."""
    angle = np.linspace(-0.9, 0.9, 400)
    x, y = 10.0 * np.sin(angle), 10.0 * np.cos(angle)
    kernel, _, _ = np.histogram2d(
        y - y.mean(), x - x.mean(), bins=np.arange(-9.5, 10.5)
    )
    return kernel / kernel.sum()


def pair(pixels: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, ...]:
    """blurred, sharp and the border strip, one reach wide, as a mask (H, W).

    The blurred picture is cut out of a larger one, so what lies outside it is real and
    unknown; it has noise and is rounded to 8 bits.
    """
    reach = kernel.shape[0] // 2
    sharp = pixels / 255.0
    inside = (slice(reach, -reach), slice(reach, -reach))
    noise = np.random.default_rng(0).normal(0.0, NOISE, sharp.shape)
    blurred = (convolve_circular(sharp, kernel) + noise).clip(0.0, 1.0)
    blurred, sharp = np.round(blurred * 255.0)[inside] / 255.0, sharp[inside]
    strip = np.ones(sharp.shape[:2], bool)
    strip[inside] = False
    return blurred, sharp, strip


def error(
    restored: np.ndarray, sharp: np.ndarray, where: np.ndarray | None = None
) -> float:
    """The mean squared error, all over or where a mask (H, W) says."""
    square = np.square(restored - sharp)
    return float(square.mean() if where is None else square[where].mean())
