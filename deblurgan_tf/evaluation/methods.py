"""The methods by name, and how one of them restores a picture.

Nine methods, of four kinds:

blurred                the input itself
deblurgan              the network of a model file, which needs no kernel (`network`)
richardson_lucy        NON_BLIND, they get the true kernel: `deconvolution.classical`
regularized_filter
wiener
blind_map              BLIND, they estimate the kernel: `deconvolution.blind`
blind_variational
blind_edge_prediction
blind_power_spectrum
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from deblurgan_tf.deconvolution import blind, classical
from deblurgan_tf.evaluation.names import NAMES as NAMES

NON_BLIND = {
    "richardson_lucy": classical.richardson_lucy,
    "regularized_filter": classical.regularized_filter,
    "wiener": classical.wiener,
}
BLIND = tuple(blind.METHODS)


class Restored(NamedTuple):
    """The result of a method for one picture."""

    pixels: np.ndarray  # uint8 (H, W, 3)
    seconds: float  # of restoring, without reading and writing files
    kernel: np.ndarray | None  # the one that a blind method estimated


def restore(
    method: str,
    blurred: np.ndarray,
    kernel: np.ndarray | None,
    size: int,
    limit: float | None,
) -> Restored:
    """Restores one picture by a method of NON_BLIND or BLIND.

    Args:
        method: a name of NON_BLIND or BLIND.
        blurred: uint8 (H, W, 3).
        kernel: the true kernel, for NON_BLIND.
        size: for BLIND, an upper bound of the kernel's side in pixels, odd.
        limit: for BLIND, the time limit in seconds; None for none.

    Raises:
        DataError: the method cannot work on this picture or kernel.
        deconvolution.blind.OutOfTime: the limit has passed.
    """
    begun = time.perf_counter()
    values = blurred / 255.0
    found = None
    if method in BLIND:
        restored, found = blind.restore(values, method, size, seconds=limit)
    else:
        assert kernel is not None
        restored = NON_BLIND[method](values, kernel)
    pixels = np.round(255 * restored.clip(0, 1)).astype(np.uint8)
    return Restored(pixels, time.perf_counter() - begun, found)
