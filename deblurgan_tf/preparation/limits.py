"""What a plate must have to be kept; what `prepare plates` takes its defaults from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a plate must have to be kept."""

    width: float = 64.0  # pixels of the straightened plate
    # Pixels, at a width of plate_cutting.JUDGED_WIDTH at most. sharpness.NOT_SHARP,
    # whose module imports OpenCV: --help does without.
    edge_width: float = 0.94
    score: float = 0.4  # the detector's, for plates that were found
