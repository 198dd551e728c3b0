"""What a plate must have to be kept: the defaults of `prepare plates`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a plate must have to be kept."""

    width: float = 64.0  # pixels of the straightened plate
    # Pixels, at a width of at most plate_cutting.JUDGED_WIDTH. The value of
    # sharpness.NOT_SHARP, whose module imports OpenCV, which --help does without.
    edge_width: float = 0.94
    score: float = 0.4  # of the detector, for plates that were found
