"""How many of the given plates were found: precision, recall and F1."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.optimize

from deblurgan_tf.plates.boxes import Box, iou

SAME_PLACE = 0.5  # intersection over union from which two boxes are one object


def matched(found: Sequence[Box], given: Sequence[Box]) -> int:
    """The largest number of one-to-one pairs with an IoU of at least 0.5.

    The Hungarian method finds it; the order of the boxes does not matter.
    """
    if not found or not given:
        return 0
    same = np.array([[iou(one, two) >= SAME_PLACE for two in given] for one in found])
    rows, columns = scipy.optimize.linear_sum_assignment(same, maximize=True)
    return int(same[rows, columns].sum())


def rates(matched: float, found: float, given: float) -> tuple[float, float, float]:
    """Precision, recall and F1 from numbers of boxes, of one picture or of many.

    matched: the pairs of found and given boxes. NaN where the denominator is 0.
    """

    def share(part: float, whole: float) -> float:
        return part / whole if whole else math.nan

    f1 = share(2 * matched, found + given)
    return share(matched, found), share(matched, given), f1
