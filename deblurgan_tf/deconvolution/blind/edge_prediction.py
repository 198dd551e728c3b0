"""Edge prediction (`blind_edge_prediction`): the kernel that blurs predicted edges.

Cho and Lee, "Fast motion deblurring" (2009), alternate three fast steps at each scale:
deconvolve, predict the edges of the sharp picture from the result, and fit the kernel
that turns these edges into those of the blurred picture. From Xu and Jia, "Two-phase
kernel estimation for robust motion deblurring" (2010), are the selection of edges by
their r-map, and the deconvolution that keeps the gradients near the edges of the round
before.

Two things are different here. The kernel's least squares are solved with entries that
are not negative; both papers solve without that and clip. And all weights are relative
to the picture, so that brightness and contrast do not matter.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from deblurgan_tf.deconvolution.blind.clock import Clock
from deblurgan_tf.deconvolution.blind.kernel_fit import central_lags
from deblurgan_tf.deconvolution.blind.scales import (
    centred,
    cleaned,
    enlarged,
    normalised,
    scales,
)
from deblurgan_tf.deconvolution.blind.strong_edges import (
    directions,
    gradients,
    predicted,
    threshold,
    usefulness,
)
from deblurgan_tf.deconvolution.fourier import (
    HORIZONTAL,
    VERTICAL,
    gradient_power,
    transfer,
)
from deblurgan_tf.errors import DataError

COARSEST = 5  # pixels: the kernel's side at the first scale, at least
ROUNDS = 6  # at each scale
CONTRAST = 0.25  # the standard deviation of grey values that the constants are for
PULL = 2e-3  # weight of the gradients in the deconvolution (Xu and Jia: 2e-3)
RIDGE = 0.01  # weight of the kernel's square, in units of the edges' energy
STEPS = 30  # of accelerated projected gradients
# How many pixels of each direction are kept at least, with P pixels in the picture and
# K in the kernel: USEFUL sqrt(P K) by the r-map, and of these STRONG sqrt(K) by their
# strength (Xu and Jia: 0.5 and 2); GROWTH times more in each round. With small kernels
# that is too few to average out the edges' own softness: at least these shares of P
# are kept.
USEFUL, STRONG, GROWTH = 0.5, 8.0, 1.1
USEFUL_SHARE, STRONG_SHARE = 0.12, 0.008


def estimate_kernel(grey: np.ndarray, size: int, clock: Clock) -> np.ndarray:
    """Estimates the blur kernel of a picture: `blind_edge_prediction`.

    Alternates deconvolution, edge prediction and a least-squares fit of the kernel,
    coarse to fine (Cho and Lee 2009; Xu and Jia 2010).

    Args:
        grey: float64 (H, W) in [0, 1].
        size: an upper bound of the kernel's side in pixels, odd, at most the picture's.
        clock: the time limit, and the progress.

    Returns:
        float64 (size, size), not negative, sum 1, centred.

    Raises:
        DataError: the picture is smaller than the kernel or has too little structure.
        OutOfTime: the limit has passed.
        ValueError: `size` is even or below 3.
    """
    if min(grey.shape) < size:
        raise DataError(
            f"a picture of {grey.shape[0]}x{grey.shape[1]} is smaller than the kernel "
            f"of {size}x{size}: give a smaller size"
        )
    spread = grey.std()
    if spread < 1e-6:
        raise DataError("no kernel was found: the picture has too little structure")
    levels = list(scales((grey - grey.mean()) * (CONTRAST / spread), size))
    shares = [*(done for done, _, _ in levels[1:]), 1.0]
    kernel = None
    for (done, side, picture), after in zip(levels, shares, strict=True):
        if side < min(COARSEST, size):
            continue
        level = _Level(picture, side)
        kernel = None if kernel is None else enlarged(kernel, side)
        for number in range(ROUNDS):
            clock.tick(done + (after - done) * number / ROUNDS)
            kernel = level.improved(kernel, GROWTH**number)
    clock.tick(1.0)
    assert kernel is not None  # the last level's side is `size`
    return kernel


class _Level:
    """What is the same for all rounds at one scale, and the edges of the last round."""

    def __init__(self, picture: np.ndarray, side: int) -> None:
        self.picture = picture
        self.side = side
        self.gradients = gradients(picture)
        self.directions = directions(*self.gradients)
        self.usefulness = usefulness(*self.gradients, side)
        self.edges: tuple[np.ndarray, np.ndarray] | None = None
        surrounded = periodic(picture, side)
        self.shape = surrounded.shape
        self.spectrum = scipy.fft.rfft2(surrounded)
        self.differences = [transfer(f, self.shape) for f in (HORIZONTAL, VERTICAL)]
        self.smoothing = gradient_power(self.shape)

    def improved(self, kernel: np.ndarray | None, growth: float) -> np.ndarray:
        """One round; without a kernel, edges are predicted from the blurred picture."""
        sharper = self.picture if kernel is None else self.deconvolved(kernel)
        self.edges = self.selected(*gradients(predicted(sharper)), growth)
        if kernel is None:
            kernel = np.full((self.side, self.side), 1.0 / self.side**2)
        return cleaned(fitted_kernel(self.edges, self.gradients, kernel))

    def deconvolved(self, kernel: np.ndarray) -> np.ndarray:
        """The x that minimises |kernel * x - picture|^2 + PULL |grad x - edges|^2.

        This is the coarse image estimation of Xu and Jia 2010. In the first round there
        are no edges yet, and it is Cho and Lee's prior.
        """
        height, width = self.picture.shape
        response = transfer(centred(kernel), self.shape)
        wanted = np.conj(response) * self.spectrum
        if self.edges is not None:
            for difference, edges in zip(self.differences, self.edges, strict=True):
                edges = scipy.fft.rfft2(edges, self.shape)
                wanted += PULL * np.conj(difference) * edges
        spectrum = wanted / (np.abs(response) ** 2 + PULL * self.smoothing)
        return scipy.fft.irfft2(spectrum, self.shape)[:height, :width]

    def selected(
        self, across: np.ndarray, down: np.ndarray, growth: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The gradients, 0 where they do not help to estimate the kernel."""
        pixels = across.size
        count = max(USEFUL * np.sqrt(pixels) * self.side, USEFUL_SHARE * pixels)
        least = threshold(self.usefulness, self.directions, count * growth)
        strength = np.hypot(across, down) * (self.usefulness >= least)
        groups = directions(across, down)
        count = max(STRONG * self.side, STRONG_SHARE * pixels)
        least = threshold(strength, groups, count * growth)
        kept = (strength > 0) & (strength >= least)
        return across * kept, down * kept


def fitted_kernel(
    edges: tuple[np.ndarray, np.ndarray],
    blurred: tuple[np.ndarray, np.ndarray],
    start: np.ndarray,
) -> np.ndarray:
    """The kernel that turns the edges into the gradients of the blurred picture.

    Minimises |k * edges - blurred|^2 + RIDGE |edges|^2 |k|^2 over k >= 0 (Xu and Jia
    2010, kernel estimation), then scales k to sum 1. Only the correlations of the
    pictures up to `side` pixels apart are needed (Cho and Lee 2009, fast kernel
    estimation), so a step costs Fourier transforms of the kernel's size. The method is
    accelerated projected gradients (Beck and Teboulle 2009), restarted when they go
    uphill (O'Donoghue and Candes 2015).

    Args:
        edges: gradients to the right and below, (H, W) each, 0 outside the picture.
        blurred: those of the blurred picture.
        start: the first kernel, (side, side), side odd; the result has its shape.

    Raises:
        DataError: there are no edges.
    """
    side = start.shape[0]
    shape = [scipy.fft.next_fast_len(n + side, real=True) for n in edges[0].shape]
    spectra = [scipy.fft.rfft2(edge, shape) for edge in edges]
    among = sum(np.abs(edge) ** 2 for edge in spectra)
    between = sum(
        np.conj(edge) * scipy.fft.rfft2(gradient, shape)
        for edge, gradient in zip(spectra, blurred, strict=True)
    )
    among = central_lags(scipy.fft.irfft2(among, shape), 2 * side - 1)
    between = central_lags(scipy.fft.irfft2(between, shape), side)
    energy = among[side - 1, side - 1]
    if not energy > 0:
        raise DataError("no kernel was found: the picture has too little structure")
    among, between = among / energy, between / energy

    # Large enough for a convolution of a kernel and the correlations without wrapping.
    box = [scipy.fft.next_fast_len(3 * side - 2, real=True)] * 2
    response = transfer(among, (box[0], box[1])).real + RIDGE
    steepest = np.abs(response).max()
    kernel = ahead = start
    speed = 1.0
    for _ in range(STEPS):
        image = scipy.fft.irfft2(response * scipy.fft.rfft2(ahead, box), box)
        slope = image[:side, :side] - between
        moved = np.maximum(ahead - slope / steepest, 0.0)
        if np.sum((ahead - moved) * (moved - kernel)) > 0:
            speed = 1.0
        faster = (1.0 + np.sqrt(1.0 + 4.0 * speed**2)) / 2.0
        ahead = moved + (speed - 1.0) / faster * (moved - kernel)
        kernel, speed = moved, faster
    return normalised(kernel)


def periodic(picture: np.ndarray, gap: int) -> np.ndarray:
    """The picture with at least `gap` more rows and columns, so that it wraps around.

    They are mixed mirror images of both borders: a Fourier transform then sees no jump
    between opposite borders. Less exact than `borders.py`, and much cheaper.
    picture: (H, W).
    """
    for axis in (0, 1):
        length = picture.shape[axis]
        more = scipy.fft.next_fast_len(length + gap, real=True) - length
        margins = [(0, 0), (0, 0)]
        margins[axis] = (more, more)
        mirrored = np.pad(picture, margins, mode="symmetric")
        before, _, after = np.split(mirrored, [more, more + length], axis=axis)
        share = np.arange(1, more + 1) / (more + 1)
        share = share**2 * (3 - 2 * share)  # without a kink at either end
        share = share[:, None] if axis == 0 else share
        filled = (1 - share) * after + share * before
        picture = np.concatenate([picture, filled], axis=axis)
    return picture
