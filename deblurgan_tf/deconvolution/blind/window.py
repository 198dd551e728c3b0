"""Which part of a large picture shows its kernel best.

More pixels than a few hundred times the kernel's cost time and add little, and parts
without texture add noise alone (Hu and Yang, "Good Regions to Deblur", 2012).
"""

from __future__ import annotations

import numpy as np

SIDE = 512  # pixels of a window; smaller pictures are used whole
KERNELS = 8  # a window is at least this many kernels wide


def most_textured(grey: np.ndarray, size: int) -> np.ndarray:
    """The square window of a picture (H, W) with the largest sum of gradients.

    size: the side of the kernel that is to be found in it.
    """
    side = max(SIDE, KERNELS * size)
    height, width = (min(side, length) for length in grey.shape)
    if (height, width) == grey.shape:
        return grey
    texture = np.abs(np.diff(grey, axis=0, append=grey[-1:]))
    texture += np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    total = np.zeros((grey.shape[0] + 1, grey.shape[1] + 1))
    total[1:, 1:] = texture.cumsum(axis=0).cumsum(axis=1)
    inside = total[height:, width:] - total[:-height, width:]
    inside += total[:-height, :-width] - total[height:, :-width]
    top, left = np.unravel_index(np.argmax(inside), inside.shape)
    return grey[top : top + height, left : left + width]
