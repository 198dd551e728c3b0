"""Plates cut out of a photo: straightened crops, and reasons for dropping others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import cv2
import numpy as np

from deblurgan_tf.deconvolution.sharpness import edge_width
from deblurgan_tf.plates.boxes import Box, check_inside, grow
from deblurgan_tf.plates.detection import LEGIBLE, find_plates, read_plate
from deblurgan_tf.plates.texts import plate_like
from deblurgan_tf.preparation.limits import Limits
from deblurgan_tf.preparation.straightening import (
    LIMIT,
    Slant,
    cut_straight,
    find_slant,
    straight_size,
)
from deblurgan_tf.preparation.tables import GivenPlate
from deblurgan_tf.restoring.plates import GROWTH

Reason = Literal[
    "small", "cut off", "slanted", "shape", "flat", "blurred", "unsure", "unread"
]

ASPECT = (0.8, 8.0)  # width over height of a plate, one or two rows
# A given box holds the whole plate. These shares of its width and height are added at
# each side.
GIVEN_MARGIN = (0.04, 0.1)
# Pixels. Wider plates are downsampled to this width before their sharpness is measured:
# what counts is the sharpness at the size that models are trained on.
JUDGED_WIDTH = 192
LEAST_CONTRAST = 40  # grey levels between the darkest and the lightest 5 %


class CutPlate(NamedTuple):
    """One place of a photo that was examined.

    reason: why it is dropped; None for a plate that is kept. pixels: uint8 (h, w, 3),
    the straightened crop. slant: what was straightened, degrees. edge_width: of the
    sharpest edges, pixels; None if there are no edges. score: of the detector; None for
    given boxes. text: given or read; confidence: of reading, 0 to 1.
    """

    box: Box
    reason: Reason | None
    pixels: np.ndarray
    slant: Slant
    edge_width: float | None
    score: float | None
    text: str | None
    confidence: float | None


def cut_plates(
    photo: np.ndarray,
    given: Sequence[GivenPlate] | None,
    limits: Limits,
    read: bool = False,
) -> list[CutPlate]:
    """Cuts all plates out of a photo.

    Args:
        photo: uint8 RGB (H, W, 3).
        given: where the plates are; None finds them (extra `ocr`).
        limits: what a plate must have to be kept.
        read: read the plates without a given text (extra `ocr`), and drop those whose
            text cannot be that of a plate.

    Raises:
        UsageError: a given box is outside the photo.
        MissingExtra: the extra `ocr` is needed and not installed.
    """
    if given is None:
        return [
            _cut(photo, plate.box, plate.score, None, limits, read)
            for plate in find_plates(photo)
        ]
    for plate in given:
        check_inside(plate.box, *photo.shape[:2])
    return [_cut(photo, plate.box, None, plate.text, limits, read) for plate in given]


def _cut(
    photo: np.ndarray,
    box: Box,
    score: float | None,
    text: str | None,
    limits: Limits,
    read: bool,
) -> CutPlate:
    margin = GIVEN_MARGIN if score is None else GROWTH
    around = grow(box, margin[0] * box.width, margin[1] * box.height, *photo.shape[:2])
    slant = find_slant(around.cut(photo))
    pixels = cut_straight(photo, box, slant, margin)
    width = edge_width(_at_judged_width(pixels))
    confidence = None
    if read and text is None:
        reading = read_plate(pixels)
        text, confidence = reading.text or None, reading.confidence
    size = straight_size(box, slant)
    reasons: dict[Reason, bool] = {
        "small": size[0] < limits.width,
        "cut off": score is not None and _on_edge(box, *photo.shape[:2]),
        "slanted": max(map(abs, slant)) >= LIMIT,
        "shape": not ASPECT[0] <= size[0] / size[1] <= ASPECT[1],
        "flat": _contrast(pixels) < LEAST_CONTRAST,
        "blurred": width is None or width > limits.edge_width,
        "unsure": score is not None and score < limits.score,
        "unread": confidence is not None
        and (confidence < LEGIBLE or not plate_like(text or "")),
    }
    reason = next((name for name, applies in reasons.items() if applies), None)
    return CutPlate(box, reason, pixels, slant, width, score, text, confidence)


def _at_judged_width(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    if width <= JUDGED_WIDTH:
        return pixels
    size = (JUDGED_WIDTH, max(round(height * JUDGED_WIDTH / width), 1))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _contrast(pixels: np.ndarray) -> float:
    """Grey levels between the darkest and the lightest 5 % of the pixels."""
    low, high = np.percentile(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (5, 95))
    return float(high - low)


def _on_edge(box: Box, height: int, width: int) -> bool:
    return (
        box.x <= 0
        or box.y <= 0
        or box.x + box.width >= width
        or box.y + box.height >= height
    )
