"""How close restored pictures are to sharp ones: PSNR and SSIM, one value a picture.

Both take uint8 (H, W, 3): the pixels that a file holds, full frames, no crop.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

SSIM_SIDE = 11  # pixels: SSIM's window


def psnr(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Peak signal-to-noise ratio over RGB in decibels; infinite for equal pictures."""
    _check(restored, sharp)
    error = np.mean(np.square(restored.astype(np.float64) - sharp))
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def ssim(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004): 11-tap Gaussian, sigma 1.5, K 0.01 and
    0.03, over RGB in [0, 1], mean over pixels and channels (`tf.image.ssim`).

    Raises ValueError for pictures smaller than the window.
    """
    _check(restored, sharp)
    if min(sharp.shape[:2]) < SSIM_SIDE:
        raise ValueError(
            f"SSIM needs {SSIM_SIDE} pixels a side; got {sharp.shape[0]}x"
            f"{sharp.shape[1]}"
        )
    return float(tf.image.ssim(restored / 255.0, sharp / 255.0, max_val=1.0))


def _check(restored: np.ndarray, sharp: np.ndarray) -> None:
    if restored.dtype != np.uint8 or sharp.dtype != np.uint8:
        raise ValueError(f"need uint8; got {restored.dtype} and {sharp.dtype}")
    if restored.shape != sharp.shape:
        raise ValueError(f"sizes differ: {restored.shape} and {sharp.shape}")
