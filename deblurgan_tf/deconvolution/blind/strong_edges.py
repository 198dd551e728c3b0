"""The edges of the sharp picture, predicted from a picture that is not yet sharp.

Noise and rings are smoothed away, slopes become steps, and those steps are selected
that determine a kernel: strong ones, in all directions, none narrower than the blur.
"""

from __future__ import annotations

import cv2
import numpy as np

DIRECTIONS = 4  # groups of 45 degrees; opposite gradients are one direction


def predicted(picture: np.ndarray) -> np.ndarray:
    """The picture with steps as edges: bilateral filter, then shock filter.

    This is the prediction step of Cho and Lee 2009: support of 5 pixels, spatial sigma
    2, range sigma 0.5, one step of the shock filter. picture: float64 (H, W), contrasts
    around 1; so is the result.
    """
    smooth = cv2.bilateralFilter(picture.astype(np.float32), 5, 0.5, 2.0)
    return shock_filtered(smooth.astype(np.float64))


def shock_filtered(picture: np.ndarray) -> np.ndarray:
    """One explicit step, of length 1, of the shock filter of Osher and Rudin 1990.

    I - sign(second derivative along the gradient) |gradient of I|, as Cho and Lee 2009
    use it. The gradient is the smaller of the two one-sided differences, and 0 if their
    signs differ, so that no value leaves the range of its neighbours. picture: (H, W).
    """
    around = np.pad(picture, 1, mode="edge")
    left, right = around[1:-1, :-2], around[1:-1, 2:]
    above, below = around[:-2, 1:-1], around[2:, 1:-1]
    across, down = (right - left) / 2, (below - above) / 2
    mixed = around[2:, 2:] + around[:-2, :-2] - around[2:, :-2] - around[:-2, 2:]
    bend = (
        across**2 * (right - 2 * picture + left)
        + 2 * across * down * mixed / 4
        + down**2 * (below - 2 * picture + above)
    )
    slope = np.hypot(
        _smaller(right - picture, picture - left),
        _smaller(below - picture, picture - above),
    )
    return picture - np.sign(bend) * slope


def _smaller(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    size = np.minimum(np.abs(one), np.abs(other))
    return np.where(one * other > 0, np.sign(one) * size, 0.0)


def gradients(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences to the right and to below; 0 in the last column and row."""
    return (
        np.diff(picture, axis=1, append=picture[:, -1:]),
        np.diff(picture, axis=0, append=picture[-1:]),
    )


def usefulness(across: np.ndarray, down: np.ndarray, side: int) -> np.ndarray:
    """How much the gradients around a pixel agree: the r-map of Xu and Jia 2010.

    |sum of gradients| / (sum of |gradients| + 0.5) over a window of `side` pixels, in
    [0, 1). The two flanks of details narrower than the window cancel out: such details
    are useless, since blur changes their height. across, down: (H, W).
    """

    def summed(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(
            values, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT
        )

    size = summed(np.hypot(across, down))
    return np.hypot(summed(across), summed(down)) / (size + 0.5)


def directions(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Each gradient's direction as a number from 0 to DIRECTIONS - 1, (H, W)."""
    share = np.arctan2(down, across) % np.pi / np.pi  # of half a rotation
    return np.minimum((DIRECTIONS * share).astype(int), DIRECTIONS - 1)


def threshold(values: np.ndarray, groups: np.ndarray, count: float) -> float:
    """The largest threshold that keeps at least `count` values in each direction.

    0 if a direction has fewer (Cho and Lee 2009; Xu and Jia 2010). values: (H, W);
    groups: their directions, (H, W).
    """
    least = np.inf
    for group in range(DIRECTIONS):
        members = values[groups == group]
        place = members.size - int(count)
        least = min(least, np.partition(members, place)[place] if place > 0 else 0.0)
    return float(least)
