"""Power spectrum (`blind_power_spectrum`): the kernel from spectral irregularities.

The power spectrum of a natural picture falls as a power of the frequency, so it can be
made flat ("whitened"). What is not flat in a whitened blurred picture comes from the
kernel. Long straight edges are exceptions, each in one direction, by an unknown factor
that is constant along the direction. Goldstein and Fattal, "Blur-Kernel Estimation from
Spectral Irregularities" (2012), use that along each direction the autocorrelation of
the whitened picture's projection is that of the kernel's projection, up to a factor and
an offset. These follow from the kernel's finite length and its sum. They whiten by a
derivative; here it is done in the frequency domain and with more than one power, as
Anger, Facciolo and Delbracio, "Estimating an Image's Blur Kernel Using Natural Image
Statistics" (2018), suggest.

The power spectrum has no phases. `phase_retrieval` finds them, except for a rotation by
180 degrees. So the picture is restored with both orientations, and the better one is
taken.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.fft
import scipy.ndimage

from deblurgan_tf.deconvolution.blind.clock import Clock
from deblurgan_tf.deconvolution.blind.phase_retrieval import retrieve
from deblurgan_tf.deconvolution.blind.scales import cleaned, point
from deblurgan_tf.deconvolution.fourier import convolve_circular
from deblurgan_tf.deconvolution.hyper_laplacian import deconvolve
from deblurgan_tf.errors import DataError

# The power spectrum falls with these powers of the frequency. Goldstein and Fattal take
# 2, but that of soft pictures falls faster, and their softness would become part of the
# kernel. No single value fits all, so the kernels of each are tried on the picture.
FALLS = (2.0, 2.4)
EDGE = 0.2  # share of the picture's side that is faded out at each border
MARGIN = 4  # pixels at the borders that do not count for `sparsity`
ROUNDS = 3  # of support, spectrum and phases
STARTS = 12  # random phases in each round
CANDIDATES = 2  # how many of the resulting kernels are tried on the picture
WIDENING = 2.0  # pixels: the largest change of the support in a degree
FAINT = 0.1  # share of an autocorrelation's largest value at which it ends
# Root mean square, of values in [0, 1]. scikit-image's camera, blurred by 9 pixels:
# about 0.015 with good kernels; sharp: at least 0.038 with all but a single pixel.
MISFIT = 0.025
WINDOW = 192  # pixels: the side of the part on which kernels are tried


def estimate_kernel(grey: np.ndarray, size: int, clock: Clock) -> np.ndarray:
    """Estimates the blur kernel of a picture: `blind_power_spectrum`.

    Estimates the kernel's power spectrum along all directions, retrieves phases from
    random starts, and returns the kernel that restores the picture best (Goldstein and
    Fattal 2012).

    Args:
        grey: float64 (H, W) in [0, 1].
        size: an upper bound of the kernel's side in pixels, odd, at most the picture's.
        clock: the time limit, and the progress.

    Returns:
        float64 (size, size), not negative, sum 1, centred.

    Raises:
        DataError: the picture is less than 2 MARGIN pixels larger than the kernel, or
            has too little structure.
        OutOfTime: the limit has passed.
    """
    if min(grey.shape) < size + 2 * MARGIN:
        raise DataError(
            f"a picture of {grey.shape[0]}x{grey.shape[1]} is too small to find a "
            f"kernel of {size} pixels in: it needs {size + 2 * MARGIN} a side"
        )
    angles = _angles(size)
    lags = _lags(angles, size)
    length = 2 * scipy.fft.next_fast_len(size, real=True)
    part = busiest(grey, max(WINDOW, 2 * size))
    scored = [oriented(part, point(size))]  # the picture may be sharp as it is
    for index, fall in enumerate(FALLS):
        correlations = autocorrelations(grey, angles, int(lags.max()), fall)
        supports = first_supports(correlations, lags)
        for number in range(ROUNDS):
            slices = power_slices(correlations, supports, length)
            magnitude = np.sqrt(on_grid(slices, length))
            found, _ = retrieve(magnitude, size, STARTS, seed=number)
            if not found[0].any():
                raise DataError(
                    "no kernel was found: the picture has too little structure"
                )
            for kernel in found[:CANDIDATES]:
                clock.tick((index + number / ROUNDS) / len(FALLS))
                if kernel.any():
                    scored.append(oriented(part, cleaned(kernel)))
            supports = kernel_supports(cleaned(found[0]), angles, lags)
    clock.tick(1.0)
    return min(scored, key=lambda pair: pair[0])[1]


def oriented(
    blurred: np.ndarray, kernel: np.ndarray
) -> tuple[tuple[float, float], np.ndarray]:
    """The kernel, or its rotation by 180 degrees if that restores better; its score.

    With the wrong one every edge has a ghost, or the restored picture does not explain
    the blurred one. The score, lower is better, is (misfit, sparsity): the misfit
    counts only above MISFIT, and the normalised sparsity |g|_1 / |g|_2 of the restored
    gradients g (Krishnan et al. 2011) decides between equal misfits.

    blurred: (H, W) in [0, 1]; kernel: (side, side). Returns (score, kernel).
    """
    candidates = [kernel, kernel[::-1, ::-1]]
    scores = []
    for candidate in candidates:
        restored = deconvolve(blurred, candidate)
        margin = min(kernel.shape[0] // 2, (min(blurred.shape) - 1) // 4)
        inner = slice(margin, -margin)
        error = (convolve_circular(restored, candidate) - blurred)[inner, inner]
        misfit = math.sqrt((error**2).mean())
        scores.append((max(misfit, MISFIT), sparsity(restored)))
    best = min(range(2), key=lambda index: scores[index])
    return scores[best], candidates[best]


def sparsity(picture: np.ndarray) -> float:
    """|g|_1 / |g|_2 of the gradients g inside a picture (H, W); infinity if g is 0."""
    inner = picture[MARGIN:-MARGIN, MARGIN:-MARGIN]
    gradients = np.concatenate([np.diff(inner, axis=axis).ravel() for axis in (0, 1)])
    size = math.sqrt((gradients**2).sum())
    return float(np.abs(gradients).sum() / size) if size > 0.0 else math.inf


def busiest(grey: np.ndarray, side: int) -> np.ndarray:
    """The square part, of at most `side` pixels, with the largest sum of gradients."""
    height, width = (min(side, n) for n in grey.shape)
    rough = np.hypot(*np.gradient(grey))
    sums = np.pad(rough, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    inside = (
        sums[height:, width:]
        - sums[:-height, width:]
        - sums[height:, :-width]
        + sums[:-height, :-width]
    )
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return grey[top : top + height, left : left + width]


def autocorrelations(
    grey: np.ndarray, angles: np.ndarray, lag: int, fall: float
) -> np.ndarray:
    """Autocorrelations of the whitened picture's projections: (angles, lag + 1).

    The power spectrum of a whitened projection is a slice through the picture's (the
    Fourier slice theorem), minus that of white noise, times the frequency to the power
    of `fall`. Its Fourier transform is the autocorrelation.

    grey: (H, W); angles: in radians; lag: the largest one, pixels.
    """
    taper = np.outer(*(_taper(n) for n in grey.shape))
    mean = (grey * taper).sum() / taper.sum()
    # Twice as fine as the picture's own frequencies, since slices are interpolated.
    rows, columns = (scipy.fft.next_fast_len(2 * n, real=True) for n in grey.shape)
    power = np.abs(scipy.fft.rfft2((grey - mean) * taper, (rows, columns))) ** 2
    power = power / (taper**2).sum() - noise_variance(grey)
    around = np.roll(power, rows // 2, axis=0)
    around = np.concatenate([around, around[:1]])
    count = scipy.fft.next_fast_len(2 * lag + 32, real=True)
    frequency = np.arange(count + 1) / (2.0 * count)  # cycles per pixel
    down = np.sin(angles)[:, None] * frequency
    across = np.cos(angles)[:, None] * frequency
    down = np.where(across < 0.0, -down, down)  # the other half is the same
    slices = scipy.ndimage.map_coordinates(
        around,
        [down * rows + rows // 2, np.abs(across) * columns],
        order=1,
        mode="nearest",
    )
    whitened = slices * (2.0 * math.pi * frequency) ** fall
    return scipy.fft.irfft(whitened, 2 * count, axis=1)[:, : lag + 1]


def noise_variance(grey: np.ndarray) -> float:
    """The variance of white noise in (H, W), measured as Immerkaer 1996 does.

    His filter responds little to edges.
    """
    bend = np.array([1.0, -2.0, 1.0])
    residual = scipy.ndimage.convolve(grey, np.outer(bend, bend))[1:-1, 1:-1]
    return float(math.pi / 2.0 * (np.abs(residual).mean() / 6.0) ** 2)


def first_supports(correlations: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """The lag at which each autocorrelation ends: that of its smallest value.

    Neighbouring directions limit each other: the end may grow by at most WIDENING
    pixels a degree. correlations: (angles, lag + 1); lags: the largest of each angle.
    """
    ends = np.array(
        [
            np.argmin(line[1 : lag + 1]) + 1
            for line, lag in zip(correlations, lags, strict=True)
        ]
    )
    count = len(ends)
    apart = np.abs(np.arange(count)[:, None] - np.arange(count))
    degrees = np.minimum(apart, count - apart) * 180.0 / count
    close = (ends + WIDENING * degrees).min(axis=1)
    return np.minimum(np.round(close).astype(int), lags)


def kernel_supports(
    kernel: np.ndarray, angles: np.ndarray, lags: np.ndarray
) -> np.ndarray:
    """The lags at which the autocorrelations of a kernel's own projections end."""
    ends = []
    for angle, lag in zip(angles, lags, strict=True):
        line = _splat(_places(kernel.shape, angle), kernel.ravel())
        own = _correlated(line, int(lag))
        ends.append(min(np.flatnonzero(own > FAINT * own[0])[-1] + 1, lag))
    return np.array(ends)


def power_slices(
    correlations: np.ndarray, supports: np.ndarray, length: int
) -> np.ndarray:
    """The kernel's power spectrum along each direction: (angles, length + 1).

    An offset makes each autocorrelation end at 0, and a factor makes its sum 1, as the
    kernel's is. Its Fourier transform is the slice of the power spectrum (the Fourier
    slice theorem), from 0 to 1/2 cycle a pixel.
    """
    period = 2 * length
    whole = np.zeros((len(correlations), period))
    for row, (line, end) in enumerate(zip(correlations, supports, strict=True)):
        half = line[: end + 1] - line[end]
        whole[row, : end + 1] = half
        whole[row, period - end :] = half[:0:-1]
    sums = whole.sum(axis=1, keepdims=True)
    slices = np.maximum(scipy.fft.rfft(whole, axis=1).real, 0.0)
    return np.divide(slices, sums, out=np.zeros_like(slices), where=sums > 0.0)


def on_grid(slices: np.ndarray, length: int) -> np.ndarray:
    """Slices through the origin, resampled to `rfft2`: (length, length // 2 + 1)."""
    down = scipy.fft.fftfreq(length)[:, None]
    across = scipy.fft.rfftfreq(length)[None]
    radius = np.hypot(down, across)
    angle = np.arctan2(down, across) % math.pi
    around = np.concatenate([slices, slices[:1]])
    column = np.minimum(radius, 0.5) * 2.0 * (slices.shape[1] - 1)
    grid = scipy.ndimage.map_coordinates(
        around, [angle / math.pi * len(slices), column], order=1
    )
    return np.where(radius <= 0.5, grid, 0.0)


def _angles(size: int) -> np.ndarray:
    """Angles in radians; the slices are half a cell apart at the rim of the grid."""
    count = 2 * math.ceil(math.pi * size / 2.0)
    return np.arange(count) * math.pi / count


def _lags(angles: np.ndarray, size: int) -> np.ndarray:
    """The largest lag at which a kernel of this size overlaps itself, by direction."""
    reach = (size - 1) * (np.abs(np.cos(angles)) + np.abs(np.sin(angles)))
    return np.ceil(reach).astype(int)


def _places(shape: tuple[int, ...], angle: float) -> np.ndarray:
    """The coordinate of each pixel along a direction, flat, 0 or more."""
    rows, columns = np.indices(shape)
    place = (columns * math.cos(angle) + rows * math.sin(angle)).ravel()
    return place - math.floor(place.min())


def _taper(count: int) -> np.ndarray:
    """1 in the middle, falling to 0 at both ends, over EDGE of the length each."""
    index = np.arange(count)
    inside = np.minimum(index + 0.5, count - index - 0.5) / (EDGE * count)
    return np.sin(math.pi / 2.0 * np.minimum(inside, 1.0)) ** 2


def _splat(place: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums of values by place; each value is shared by the two nearest bins."""
    index = place.astype(int)
    right = place - index
    count = int(index.max()) + 2
    return np.bincount(index, values * (1.0 - right), count) + np.bincount(
        index + 1, values * right, count
    )


def _correlated(line: np.ndarray, lag: int) -> np.ndarray:
    """The sums of line(r) line(r + l), for each l from 0 to `lag`."""
    period = scipy.fft.next_fast_len(len(line) + lag, real=True)
    power = np.abs(scipy.fft.rfft(line, period)) ** 2
    return scipy.fft.irfft(power, period)[: lag + 1]
