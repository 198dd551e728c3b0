"""MAP: the kernel under which the sharp picture has the fewest edges.

Of all pairs of a sharp picture and a kernel that explain a blurred one, it takes the
picture with the fewest pixels whose gradient is not zero. The count is no model of
photos, but it tells right from wrong: a blurred edge has many small gradients, a sharp
one has few. Xu, Zheng and Jia, "Unnatural L0 Sparse Representation for Natural Image
Deblurring" (2013); Pan, Hu, Su and Yang, "Deblurring Text Images via L0-Regularized
Intensity and Gradient Prior" (2014), without its prior on the intensities.

Two things are not from there. Both halves treat what lies outside the picture as
unknown, and the kernel is found under its constraints (`kernel_fit`). With the same
two, the normalised sparsity of Krishnan, Tay and Fergus (2011) found worse kernels.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from deblurgan_tf.deconvolution.blind.clock import Clock
from deblurgan_tf.deconvolution.blind.kernel_fit import fitted
from deblurgan_tf.deconvolution.blind.scales import coarse_to_fine, tidied
from deblurgan_tf.deconvolution.borders import Frame, extended
from deblurgan_tf.deconvolution.fourier import HORIZONTAL, VERTICAL, transfer

# The price of an edge, at full size. It is higher at coarse scales, where only the
# strong edges are to decide. Half of it lets texture in, which blurs the kernel of a
# sharp picture; twice of it leaves plates too few edges.
EDGE_PRICE = 1e-3
LARGEST_PENALTY = 3.0  # ends the splitting; 30 times more found no better kernels
ROUNDS = 5  # picture and kernel in turns, at each scale


def estimate_kernel(grey: np.ndarray, size: int, clock: Clock) -> np.ndarray:
    """Finds the blur kernel of a picture; returns (size, size), sum 1, centred.

    grey: float64 (H, W) in [0, 1]; size: odd, an upper bound of the kernel's side, at
    most the picture's.
    Minimises |kernel * sharp - grey|^2 + price |gradients of sharp|_0 over both in
    turns. Raises OutOfTime, and ValueError for an even size.
    """

    def step(picture: np.ndarray, kernel: np.ndarray, fineness: float) -> np.ndarray:
        surrounded, _, frame = extended(picture, kernel)
        for _ in range(ROUNDS):
            clock.check()
            edges, surrounded = sharp_edges(
                surrounded, frame, kernel, EDGE_PRICE / fineness
            )
            kernel = fitted(edges, gradients(surrounded), kernel)
            kernel = tidied(kernel, weakest=0.0)
        return kernel

    return tidied(coarse_to_fine(grey, size, step, clock))


def sharp_edges(
    blurred: np.ndarray, frame: Frame, kernel: np.ndarray, price: float
) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of the sharp picture with few edges, and a better guess around.

    blurred: (H, W), seen where the frame says and guessed around it. Half-quadratic
    splitting (Xu et al. 2013): gradients below a threshold are set to zero, the picture
    is drawn to the others, and the penalty on the difference doubles. Around what was
    seen, the guess becomes what the sharp picture predicts there, each time; this
    lowers the error over the seen part alone.
    Returns (2, H, W), horizontal and vertical, zero where there is no edge, and (H, W).
    """
    shape = blurred.shape
    response = transfer(kernel, shape)
    energy = np.abs(response) ** 2
    rough = np.abs(transfer(HORIZONTAL, shape)) ** 2
    rough += np.abs(transfer(VERTICAL, shape)) ** 2
    seen = blurred[frame.rows, frame.columns]
    sharp, penalty = blurred, price
    while True:
        edges = gradients(sharp)
        edges *= (edges**2).sum(axis=0) > price / penalty
        if penalty > LARGEST_PENALTY:
            return edges, blurred
        known = np.conj(response) * scipy.fft.rfft2(blurred)
        drawn = penalty * scipy.fft.rfft2(joined(edges))
        # Never 0 / 0: the kernel's sum is 1, and only the mean has no gradients.
        spectrum = (known + drawn) / (energy + penalty * rough)
        sharp = scipy.fft.irfft2(spectrum, shape)
        blurred = scipy.fft.irfft2(response * spectrum, shape)
        blurred[frame.rows, frame.columns] = seen
        penalty *= 2.0


def gradients(picture: np.ndarray) -> np.ndarray:
    """Differences to the right and to below, (2, H, W); the picture wraps around."""
    return np.stack(
        [np.roll(picture, -1, axis=1) - picture, np.roll(picture, -1, axis=0) - picture]
    )


def joined(edges: np.ndarray) -> np.ndarray:
    """The adjoint of `gradients`: sum(gradients(a) * b) = sum(a * joined(b))."""
    across, down = edges
    return np.roll(across, 1, axis=1) - across + np.roll(down, 1, axis=0) - down
