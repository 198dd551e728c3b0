"""What lies outside a blurred picture, so that Fourier methods make no rings.

Near its borders a blurred picture holds light from outside, and a Fourier transform
takes the opposite border for this outside. That makes rings which are worse than the
blur. So the sharp picture is assumed to be larger than the blurred one, by the kernel's
radius at each side, and it must fit only the pixels that were seen (Reeves 2005, "Fast
image restoration without boundary artifacts"; Bertero and Boccacci 2005, "A simple
method for the reduction of boundary effects in the Richardson-Lucy approach").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.fft

from deblurgan_tf.deconvolution.fourier import gradient_power, transfer
from deblurgan_tf.errors import DataError

SMOOTHNESS = 2e-3  # weight of the squared gradients in the estimate of the outside
STEPS = 12  # of conjugate gradients; 20 gain at most 0.3 dB more

Solver = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(channel (H, W), kernel) -> the restored channel (H, W)."""


def restore(solver: Solver, blurred: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Runs solver(channel, kernel) on each channel of a picture.

    A kernel of one pixel does not blur: the picture is returned as it is.

    Args:
        solver: restores one channel.
        blurred: float (H, W) or (H, W, C) in [0, 1].
        kernel: see `trimmed`.

    Returns:
        float64 in [0, 1], of blurred's shape.

    Raises:
        DataError: no kernel, or a picture that is smaller than the kernel.
        ValueError: `blurred` is no array of floats of these shapes.
    """
    if blurred.ndim not in (2, 3) or not np.issubdtype(blurred.dtype, np.floating):
        raise ValueError(
            "need a picture of floats (H, W) or (H, W, channels) in [0, 1]; got "
            f"{blurred.dtype} {blurred.shape}"
        )
    kernel = trimmed(kernel)
    height, width = blurred.shape[:2]
    if height < kernel.shape[0] or width < kernel.shape[1]:
        raise DataError(
            f"a picture of {height}x{width} is smaller than the kernel of "
            f"{kernel.shape[0]}x{kernel.shape[1]}"
        )
    picture = blurred.astype(np.float64)
    if kernel.size == 1:
        return picture
    if picture.ndim == 2:
        return solver(picture, kernel).clip(0.0, 1.0)
    channels = [solver(channel, kernel) for channel in np.moveaxis(picture, -1, 0)]
    return np.stack(channels, axis=-1).clip(0.0, 1.0)


def trimmed(kernel: np.ndarray) -> np.ndarray:
    """The kernel without zeros around it, float64, its middle kept, its sum exactly 1.

    Raises:
        DataError: it is not 2-D with odd sides, finite, not negative and of sum 1.
    """
    if kernel.ndim != 2 or kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        raise DataError(f"a kernel needs two odd sides; got shape {kernel.shape}")
    if not np.isfinite(kernel).all() or kernel.min() < 0:
        raise DataError("a kernel needs finite values, none below 0")
    if abs(kernel.sum() - 1.0) > 1e-3:
        raise DataError(f"a kernel needs the sum 1; got {kernel.sum():g}")
    middle = np.array(kernel.shape) // 2
    radius = np.abs(np.argwhere(kernel) - middle).max(axis=0)
    (top, left), (bottom, right) = middle - radius, middle + radius + 1
    part = kernel[top:bottom, left:right].astype(np.float64)
    return part / part.sum()


class Frame(NamedTuple):
    """Where the blurred picture lies in the larger sharp one."""

    shape: tuple[int, int]  # of the sharp picture; fast sizes for a Fourier transform
    rows: slice
    columns: slice

    def seen(self) -> np.ndarray:
        """1 where the blurred picture is, 0 around it."""
        mask = np.zeros(self.shape)
        mask[self.rows, self.columns] = 1.0
        return mask

    def cropped(self, picture: np.ndarray) -> np.ndarray:
        """The part of a picture of this shape that was seen."""
        return picture[self.rows, self.columns]


def frame(shape: tuple[int, int], kernel: np.ndarray, circular: bool) -> Frame:
    """The frame of a blurred picture of this shape; circular: the picture itself.

    Otherwise it is larger by the kernel's radius at each side, so that no pixel that
    was seen depends on what wraps around.
    """
    if circular:
        return Frame(shape, slice(0, shape[0]), slice(0, shape[1]))
    height, width = kernel.shape
    larger = (
        scipy.fft.next_fast_len(shape[0] + height - 1, real=True),
        scipy.fft.next_fast_len(shape[1] + width - 1, real=True),
    )
    rows = slice(height // 2, height // 2 + shape[0])
    return Frame(larger, rows, slice(width // 2, width // 2 + shape[1]))


class Extended(NamedTuple):
    """A blurred picture with an estimate of what surrounds it.

    picture: frame.shape, as if a picture that wraps around had been blurred. smooth:
    the spectrum (rfft2) of the smooth sharp picture that the estimate came from.
    """

    picture: np.ndarray
    smooth: np.ndarray
    frame: Frame


def extended(blurred: np.ndarray, kernel: np.ndarray) -> Extended:
    """Surrounds a picture (H, W) with an estimate, so that filters may wrap around.

    The estimate is kernel * x, with the smooth sharp picture x that minimises
    |kernel * x - blurred|^2 over the pixels that were seen + SMOOTHNESS |gradients of
    x|^2. x is found by conjugate gradients; the preconditioner is the same problem
    without borders.
    """
    place = frame((blurred.shape[0], blurred.shape[1]), kernel, circular=False)
    shape, seen = place.shape, place.seen()
    mirrored = _mirrored(blurred, place)
    response = transfer(kernel, shape)
    penalty = gradient_power(shape)
    penalty *= SMOOTHNESS
    # The denominator is never 0: only the mean has penalty 0, and its response is 1.
    preconditioner = 1.0 / (np.abs(response) ** 2 + penalty)

    def adjoint(picture: np.ndarray) -> np.ndarray:
        return np.conj(response) * scipy.fft.rfft2(seen * picture)

    def normal(spectrum: np.ndarray) -> np.ndarray:
        return (
            adjoint(scipy.fft.irfft2(response * spectrum, shape)) + penalty * spectrum
        )

    smooth = preconditioner * np.conj(response) * scipy.fft.rfft2(mirrored)
    residual = adjoint(mirrored) - normal(smooth)
    direction = scaled = preconditioner * residual
    size = _inner(residual, scaled, shape)
    smallest = 1e-20 * _inner(smooth, smooth, shape)
    for _ in range(STEPS):
        if size <= smallest:  # solved; the next step would divide by 0
            break
        image = normal(direction)
        length = size / _inner(direction, image, shape)
        smooth = smooth + length * direction
        residual = residual - length * image
        scaled = preconditioner * residual
        before, size = size, _inner(residual, scaled, shape)
        direction = scaled + size / before * direction
    around = scipy.fft.irfft2(response * smooth, shape)
    return Extended(np.where(seen > 0, mirrored, around), smooth, place)


def _inner(one: np.ndarray, other: np.ndarray, shape: tuple[int, int]) -> float:
    """The inner product of two real pictures, from their half spectra, times H W."""
    product = (np.conj(one) * other).real
    # The half that rfft2 omits repeats all columns but the first and, if the width is
    # even, the last.
    twice = product[:, 1 : (shape[1] + 1) // 2]
    return float(product.sum() + twice.sum())


def _mirrored(blurred: np.ndarray, place: Frame) -> np.ndarray:
    """The picture in its frame; around it, mixed mirror images of both borders."""
    for axis in (0, 1):
        gap = place.shape[axis] - blurred.shape[axis]
        share = (np.arange(gap) + 0.5) / max(gap, 1)
        share = share[:, None] if axis == 0 else share
        # Mirrored at its end, and at the start of the next period.
        nearest = np.minimum(np.arange(gap), blurred.shape[axis] - 1)
        after = np.take(blurred, -1 - nearest, axis)
        before = np.take(blurred, nearest[::-1], axis)
        filled = (1.0 - share) * after + share * before
        blurred = np.concatenate([blurred, filled], axis)
    return np.roll(blurred, (place.rows.start, place.columns.start), axis=(0, 1))
