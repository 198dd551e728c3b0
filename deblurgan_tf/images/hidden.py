"""The colours of transparent pixels: nobody sees them, so they must not count.

Programs leave anything there: black, white, an older picture. A network looks at the
surroundings of a pixel, and a kernel is found from the whole picture, so hidden colours
would reach the visible ones. They are replaced by what lies around them.
"""

from __future__ import annotations

import cv2
import numpy as np

UNSEEN = 2
"""Of 255: at this opacity no colour changes what is seen by more than this."""
_BAND = 256  # rows taken at a time, an even number, to bound the memory


def filled(colour: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """The colours with those of the hidden pixels filled from the visible ones.

    colour: uint8 or uint16 (H, W) or (H, W, 3). alpha: its opacity (H, W), of the same
    type. Pixels of an opacity of at most 2 of 255 count as hidden. Where nothing is
    hidden, or all is, `colour` comes back as it was.
    """
    if alpha is None:
        return colour
    known = alpha > UNSEEN * (np.iinfo(alpha.dtype).max // 255)
    if known.all() or not known.any():
        return colour
    height, width = known.shape
    return _filled(colour.reshape(height, width, -1), known).reshape(colour.shape)


def _filled(colour: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The unknown pixels of (H, W, C) from a picture of half the size, filled so."""
    if known.all():
        return colour
    height, width = known.shape
    half = _filled(*_halved(colour, known))
    rough = cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None], colour, rough.reshape(colour.shape))


def _halved(colour: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of the known pixels of each square of 2 x 2, and where there are any."""
    height, width, channels = colour.shape
    rows, columns = (height + 1) // 2, (width + 1) // 2
    small = np.zeros((rows, columns, channels), colour.dtype)
    some = np.zeros((rows, columns), bool)
    for top in range(0, height, _BAND):
        seen = known[top : top + _BAND, :, None].astype(np.float32)
        share = _of_squares(seen)
        means = _of_squares(colour[top : top + _BAND] * seen)
        place = slice(top // 2, top // 2 + len(share))
        small[place] = np.rint(means / np.maximum(share, 0.25))
        some[place] = share[..., 0] > 0
    return small, some


def _of_squares(values: np.ndarray) -> np.ndarray:
    """Means of squares of 2 x 2; what an odd side lacks counts as 0."""
    height, width, channels = values.shape
    even = cv2.copyMakeBorder(
        values, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT, value=0
    )
    size = (width + 1) // 2, (height + 1) // 2
    halved = cv2.resize(even, size, interpolation=cv2.INTER_AREA)
    return halved.reshape(*size[::-1], channels)
