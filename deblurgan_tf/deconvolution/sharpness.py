"""How blurred a picture is: the width of its strongest edges, in pixels.

Blur an edge by a Gaussian of deviation s, then by another of deviation a: its steepest
slope is proportional to 1 / sqrt(s^2 + a^2). So the ratio of its slopes after two known
blurs gives s, for any contrast (Zhuo and Sim, "Defocus map estimation from a single
image", Pattern Recognition 2011, section 3; there one of the two blurs is zero, but
then noise and JPEG look like sharp edges).

Motion blurs only the edges that it crosses. So slopes are measured in four directions,
and the direction with the widest edges counts.
"""

from __future__ import annotations

import cv2
import numpy as np

NOT_SHARP = 0.94
"""Pixels: sharp pictures have narrower edges, blurred ones wider.

Measured on 240 American plates (320x157) and 100 photos of BSDS500 (481x321), blurred
by straight lines of random directions, with noise of 3 grey levels. 1 of 70 sharp ones
is called blurred. Of those blurred by 4 pixels 1 of 3 is called sharp, by 6 pixels 1 of
17, by 8 and more 1 of 50.
"""

# Deviations of the two blurs, pixels.
FINE, COARSE = 1.0, 2.0
# A difference over two pixels blurs like a box of width 2, whose variance is this.
DIFFERENCE = 1 / 3
STRONGEST = 0.02  # share of the pixels that are used as edges
WINDOW = 512  # pixels: side of the measured parts of a large photo
LEAST_SIDE = 8  # pixels: no edge can be measured in a smaller picture
# Grey levels a pixel after the fine blur: smaller slopes are noise.
LEAST_SLOPE = 1.0
HALF = 0.5**0.5
# Along x, y and the diagonals, as weights of the derivatives along x and y.
DIRECTIONS = ((1.0, 0.0), (0.0, 1.0), (HALF, HALF), (HALF, -HALF))


def edge_width(pixels: np.ndarray) -> float | None:
    """Deviation of the Gaussian that blurs a step edge as much, in pixels.

    0 means too sharp to measure; above about 4 the values are too low. A straight
    motion of L pixels gives about L / 4. Brightness, contrast and the picture's size do
    not matter.

    pixels: grey levels up to 255, (H, W), or RGB uint8 (H, W, 3). Returns None for a
    picture without edges or smaller than 8 pixels a side.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    if min(grey.shape) < LEAST_SIDE:
        return None
    windows = _windows(grey)
    fine, coarse = (
        np.concatenate([_slopes(window, deviation) for window in windows], axis=1)
        for deviation in (FINE, COARSE)
    )
    count = max(round(STRONGEST * fine.shape[1]), LEAST_SIDE)
    widths = []
    for x, y in DIRECTIONS:
        slope = np.abs(x * fine[0] + y * fine[1])
        edges = np.argpartition(slope, -count)[-count:]
        if slope[edges].mean() < LEAST_SLOPE:
            continue
        blunted = np.abs(x * coarse[0, edges] + y * coarse[1, edges])
        ratio = float(np.median(slope[edges] / np.maximum(blunted, 1e-6))) ** 2
        # ratio = (s^2 + COARSE^2) / (s^2 + FINE^2), near 1 for a large s. s^2 is the
        # variance of the picture's blur and of the difference together.
        squared = (COARSE**2 - ratio * FINE**2) / max(ratio - 1, 1e-2)
        widths.append(max(squared - DIFFERENCE, 0.0) ** 0.5)
    return max(widths, default=None)


def _windows(grey: np.ndarray) -> list[np.ndarray]:
    """The picture; of a large one nine parts, since it would need gigabytes."""
    if grey.size <= (3 * WINDOW) ** 2:
        return [grey]
    height, width = grey.shape
    tops = np.linspace(0, max(height - WINDOW, 0), 3).astype(int)
    lefts = np.linspace(0, max(width - WINDOW, 0), 3).astype(int)
    return [
        grey[top : top + WINDOW, left : left + WINDOW] for top in tops for left in lefts
    ]


def _slopes(grey: np.ndarray, deviation: float) -> np.ndarray:
    """Derivatives along x and y after the blur, grey levels a pixel: (2, pixels)."""
    values = cv2.GaussianBlur(
        grey.astype(np.float32), (0, 0), deviation, borderType=cv2.BORDER_REFLECT_101
    )
    half = np.array([[-0.5, 0.0, 0.5]], np.float32)
    return np.stack(
        [cv2.filter2D(values, cv2.CV_32F, each).ravel() for each in (half, half.T)]
    )
