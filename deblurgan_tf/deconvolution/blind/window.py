"""Which part of a large picture is best for estimating its kernel.

More than a few hundred times the kernel's pixels take time and add little, and parts
without texture add only noise (Hu and Yang, "Good Regions to Deblur", 2012).
"""

from __future__ import annotations

import numpy as np

SIDE = 512  # pixels of a window; of smaller pictures all is used
KERNELS = 8  # a window is at least this many kernels wide


def most_textured(grey: np.ndarray, size: int) -> np.ndarray:
    """The square window of a picture (H, W) with the largest sum of gradients.

    size: the side of the kernel that will be estimated in it, pixels.
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
