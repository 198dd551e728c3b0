"""Whether restoring changed a picture so much that a person sees it."""

from __future__ import annotations

import numpy as np

BLOCK = 16  # pixels
LEAST = 6.0
"""Grey levels of 255. The pictures that people saw no difference in changed by at most
5.1 in all but a hundredth of their blocks, those they saw one in by 8.3 or more
(experiments/model_choice)."""


def hardly_changed(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two pictures look the same: of one shape, uint8 or uint16 (H, W, 3).

    The mean change in each block of 16x16 pixels counts, in the one that only a
    hundredth of all exceed: a small part that got sharp is a change.
    """
    levels = np.iinfo(before.dtype).max / 255
    rows = [
        _means(before[top : top + BLOCK], after[top : top + BLOCK])
        for top in range(0, before.shape[0], BLOCK)
    ]
    return bool(np.quantile(np.concatenate(rows), 0.99) < LEAST * levels)


def _means(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The mean change in each block of a strip of pictures; a strip saves memory."""
    change = np.abs(before.astype(np.float32) - after).mean(axis=(0, 2))
    starts = np.arange(0, len(change), BLOCK)
    widths = np.diff([*starts, len(change)])
    return np.add.reduceat(change, starts) / widths
