"""How many of the given plates were found: precision, recall and F1."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.optimize

from deblurgan_tf.plates.boxes import Box, iou

SAME_PLACE = 0.5  # intersection over union from which two boxes are one object


def matched(found: Sequence[Box], given: Sequence[Box]) -> int:
    """How many boxes of the two lists can be paired: each once, IoU at least 0.5.

    The largest number of pairs (Hungarian method), whatever the order.
    """
    if not found or not given:
        return 0
    same = np.array([[iou(one, two) >= SAME_PLACE for two in given] for one in found])
    rows, columns = scipy.optimize.linear_sum_assignment(same, maximize=True)
    return int(same[rows, columns].sum())


def rates(matched: float, found: float, given: float) -> tuple[float, float, float]:
    """Precision, recall and F1 from numbers of boxes, of one or of many pictures; NaN
    where a share is of nothing.
    """

    def share(part: float, whole: float) -> float:
        return part / whole if whole else math.nan

    both = share(2 * matched, found + given)
    return share(matched, found), share(matched, given), both
