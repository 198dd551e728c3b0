"""The methods by name, and how one restores a picture.

Three kinds: those that are given the kernel, the blind ones, which find it, and
`deblurgan`, which needs none; `blurred` is the picture as it was.
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
    """What a method made of a picture."""

    pixels: np.ndarray  # uint8 (H, W, 3)
    seconds: float  # of the restoring alone, without files
    kernel: np.ndarray | None  # the one that a blind method found


def restore(
    method: str,
    blurred: np.ndarray,
    kernel: np.ndarray | None,
    size: int,
    limit: float | None,
) -> Restored:
    """Restores one picture, uint8 (H, W, 3), by a method of NON_BLIND or BLIND.

    kernel: the true one, for NON_BLIND. size: an upper bound of the kernel's side in
    pixels, odd, and limit: seconds that it may take, for BLIND.
    Raises ValueError where the method cannot work on the picture, blind.clock.OutOfTime
    after the limit.
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
