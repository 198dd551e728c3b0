"""MAP (`blind_map`): the kernel under which the sharp picture has the fewest edges.

Of all pairs of a sharp picture and a kernel that explain a blurred picture, this method
takes the sharp picture with the fewest non-zero gradients. Their number is no model of
photos, but it distinguishes: a blurred edge has many small gradients, a sharp edge few.
Xu, Zheng and Jia, "Unnatural L0 Sparse Representation for Natural Image Deblurring"
(2013); Pan, Hu, Su and Yang, "Deblurring Text Images via L0-Regularized Intensity and
Gradient Prior" (2014), without its prior on the intensities.

Two things are different here. Both steps treat the outside of the picture as unknown,
and the kernel is estimated under its constraints (`kernel_fit`). With the same two
changes, the normalised sparsity of Krishnan, Tay and Fergus (2011) gave worse kernels.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from deblurgan_tf.deconvolution.blind.clock import Clock
from deblurgan_tf.deconvolution.blind.kernel_fit import fitted
from deblurgan_tf.deconvolution.blind.scales import cleaned, coarse_to_fine
from deblurgan_tf.deconvolution.borders import Frame, extended
from deblurgan_tf.deconvolution.fourier import gradient_power, transfer

# The price of an edge at full size. It is higher at coarse scales, where only strong
# edges should count. At half of it texture counts too, which blurs the kernel of a
# sharp picture; at twice of it plates have too few edges.
EDGE_PRICE = 1e-3
LARGEST_PENALTY = 3.0  # ends the splitting; 30 times more gave no better kernels
ROUNDS = 5  # of picture and kernel alternately, at each scale


def estimate_kernel(grey: np.ndarray, size: int, clock: Clock) -> np.ndarray:
    """Estimates the blur kernel of a picture: `blind_map`.

    Minimises |kernel * sharp - grey|^2 + price |gradients of sharp|_0, over the sharp
    picture and the kernel alternately, coarse to fine (Xu, Zheng and Jia 2013).

    Args:
        grey: float64 (H, W) in [0, 1].
        size: an upper bound of the kernel's side in pixels, odd, at most the picture's.
        clock: the time limit, and the progress.

    Returns:
        float64 (size, size), not negative, sum 1, centred.

    Raises:
        DataError: the picture has too little structure.
        OutOfTime: the limit has passed.
        ValueError: `size` is even or below 3.
    """

    def step(picture: np.ndarray, kernel: np.ndarray, scale: float) -> np.ndarray:
        surrounded, _, frame = extended(picture, kernel)
        for _ in range(ROUNDS):
            clock.check()
            edges, surrounded = sharp_edges(
                surrounded, frame, kernel, EDGE_PRICE / scale
            )
            kernel = fitted(edges, gradients(surrounded), kernel)
            kernel = cleaned(kernel, weakest=0.0)
        return kernel

    return cleaned(coarse_to_fine(grey, size, step, clock))


def sharp_edges(
    blurred: np.ndarray, frame: Frame, kernel: np.ndarray, price: float
) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of a sharp picture with few edges, and a better outside.

    Half-quadratic splitting (Xu et al. 2013): small gradients are set to 0, the picture
    is fitted to the others, and the penalty on the difference doubles. Outside the part
    that was seen, `blurred` is replaced by the prediction of the sharp picture each
    time, so that only the error of the seen part counts.

    Args:
        blurred: (H, W), the part of the frame was seen, the rest is an estimate.
        frame: where it was seen.
        kernel: the current one.
        price: of each non-zero gradient.

    Returns:
        (2, H, W), gradients to the right and below, 0 where there is no edge, and the
        blurred picture with the new outside, (H, W).
    """
    shape = blurred.shape
    response = transfer(kernel, shape)
    energy = np.abs(response) ** 2
    smoothing = gradient_power(shape)
    seen = blurred[frame.rows, frame.columns]
    sharp, penalty = blurred, price
    while True:
        edges = gradients(sharp)
        edges *= (edges**2).sum(axis=0) > price / penalty
        if penalty > LARGEST_PENALTY:
            return edges, blurred
        known = np.conj(response) * scipy.fft.rfft2(blurred)
        fitted_edges = penalty * scipy.fft.rfft2(gradients_adjoint(edges))
        # Never 0 / 0: only the mean has smoothing 0, and its energy is 1.
        spectrum = (known + fitted_edges) / (energy + penalty * smoothing)
        sharp = scipy.fft.irfft2(spectrum, shape)
        blurred = scipy.fft.irfft2(response * spectrum, shape)
        blurred[frame.rows, frame.columns] = seen
        penalty *= 2.0


def gradients(picture: np.ndarray) -> np.ndarray:
    """Differences to the right and below, (2, H, W); the picture wraps around."""
    return np.stack(
        [np.roll(picture, -1, axis=1) - picture, np.roll(picture, -1, axis=0) - picture]
    )


def gradients_adjoint(edges: np.ndarray) -> np.ndarray:
    """The adjoint of `gradients`, (2, H, W) -> (H, W).

    sum(gradients(a) * b) = sum(a * gradients_adjoint(b)) for all a and b.
    """
    across, down = edges
    return np.roll(across, 1, axis=1) - across + np.roll(down, 1, axis=0) - down
