"""Restore the number plates of a photo, each at a size that the model knows.

Every pixel outside the boxes of the plates stays exactly as it is.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import UsageError
from deblurgan_tf.plates.boxes import Box, check_inside, grow
from deblurgan_tf.plates.detection import find_plates, read_plate

# ResNets for plates are trained on pictures of 64x128 that a plate fills to about 90 %.
# So a plate is scaled to a width in this range, in pixels; one that is less than twice
# as wide as high is scaled to half of it in height. A plate inside the range is not
# resampled. Wider is better for weak blur, narrower for strong blur; the table is in
# experiments/plate_detection.
WORK_WIDTH = (110, 150)
# The same range for a model that estimates kernels, in sides of its largest kernel: 171
# to 280 pixels for kernels of 57 pixels.
WORK_WIDTH_IN_KERNELS = (3.0, 4.9)
# Boxes that were found fit the plate closely. They are enlarged on each side by these
# fractions of their width and height, so that the soft edge lies outside the text.
# Boxes given by hand stay as they are.
GROWTH = (0.06, 0.2)
# What the model sees around the box on each side, as a fraction of the work width: blur
# carries light across the edge of the box.
CONTEXT = 0.15
# A model that estimates kernels finds better ones where it sees more.
CONTEXT_FOR_KERNELS = 0.6
CLOSE_UP = 0.8  # of the picture's area: a box that has more is all of the picture
FEATHER = 0.12  # width of the soft edge, inside the box, over the box's shorter side


class Restorer(Protocol):
    """What restores pixels: `inference.restorer.Restorer`, or a test's stand-in."""

    kernel: int | None
    """Side in pixels of the largest kernel that the model estimates; None if none."""

    def restore(self, pixels: np.ndarray) -> np.ndarray:
        """Restores uint8 or uint16 (H, W, 3); the result has the same size and type."""


class RestoredPlate(NamedTuple):
    """One plate of a picture, before and after.

    Attributes:
        box: where it is, whole pixels.
        score: the detector's in (0, 1]; None for a box given by hand.
        before: the box's pixels as they were, (box.height, box.width, 3).
        after: the same, restored; of the picture's type.
        text_before: what was read before; None if reading was not asked for.
        text_after: what was read after; None likewise.
        confidence_before: the reader's in [0, 1], or None.
        confidence_after: the same, after.
    """

    box: Box
    score: float | None
    before: np.ndarray
    after: np.ndarray
    text_before: str | None
    text_after: str | None
    confidence_before: float | None
    confidence_after: float | None

    @property
    def corners(self) -> np.ndarray:
        """The plate's corners, float32 (4, 2): x and y, clockwise from the top left.

        They are those of the box: the outer edges of its pixels, so that a box at
        (0, 0) begins at (0.0, 0.0) and ends at (width, height).
        """
        left, top, width, height = self.box
        right, bottom = left + width, top + height
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return np.array(corners, np.float32)


class PlatesResult(NamedTuple):
    """The whole picture, and its plates: best first, or in the order of the boxes."""

    pixels: np.ndarray
    plates: list[RestoredPlate]


def restore_plates(
    restorer: Restorer,
    pixels: np.ndarray,
    boxes: Sequence[Box | tuple[int, int, int, int]] | None = None,
    read: bool = False,
) -> PlatesResult:
    """Restores the number plates of a picture and leaves the rest of it alone.

    Args:
        restorer: what `deblurgan_tf.load` returned.
        pixels: the picture, uint8 or uint16 (H, W, 3), RGB; it is not changed.
        boxes: where the plates are: `plates.boxes.Box` or plain (x, y, width, height)
            in whole pixels. None finds them. Where boxes overlap, the later one lies on
            top.
        read: read each plate before and after.

    Returns:
        `.pixels`, the whole picture, of the same shape and type; and `.plates`, best
        first or in the order of the boxes, each with `.box`, `.corners`, `.text_before`
        and `.text_after`. No plate gives equal pixels and an empty list.

    Raises:
        UsageError: a box is not four whole numbers, or lies outside the picture.
        MissingExtra: finding or reading needs the extra `ocr`.
        TypeError: `pixels` is no array, or `restorer` no restorer.
        ValueError: `pixels` has another shape or type.

    Examples:
        >>> restorer = deblurgan_tf.load("plates")
        >>> result = deblurgan_tf.restore_plates(restorer, pixels, [(120, 80, 200, 60)])
        >>> result.plates[0].corners
    """
    if not hasattr(restorer, "restore"):
        raise TypeError(
            f"restorer must be what deblurgan_tf.load(...) returns, not {restorer!r}"
        )
    images.check_pixels(pixels)
    height, width = pixels.shape[:2]
    places: list[tuple[Box, float | None]]
    if boxes is None:
        places = [
            (_enlarged(box, height, width), score)
            for box, score in find_plates(_eight_bits(pixels))
        ]
    else:
        places = [(_box(box), None) for box in boxes]
        for box, _ in places:
            check_inside(box, height, width)
    result = pixels.copy()
    plates = []
    for box, score in places:
        before = box.cut(pixels).copy()
        paste(result, box, restore_box(restorer, pixels, box))
        after = box.cut(result).copy()
        texts = _read(before, after) if read else (None, None, None, None)
        plates.append(RestoredPlate(box, score, before, after, *texts))
    return PlatesResult(result, plates)


def _read(
    before: np.ndarray, after: np.ndarray
) -> tuple[str | None, str | None, float | None, float | None]:
    """The texts of a plate before and after, and their confidences."""
    was, now = read_plate(_eight_bits(before)), read_plate(_eight_bits(after))
    return was.text, now.text, was.confidence, now.confidence


def restore_box(restorer: Restorer, pixels: np.ndarray, box: Box) -> np.ndarray:
    """The pixels of a box, restored at work size: float32 (box.height, box.width, 3).

    Only the change that the model made is scaled back; it is added to the original. So
    a plate that was downsampled keeps its finer detail, and a model that changes
    nothing gives exactly the original. Values may lie slightly outside the range of
    the pixels. Raises ValueError when the restorer changes size or type.
    """
    widths = work_widths(restorer.kernel)
    scale = work_scale(box, widths)
    # A close-up without surroundings is read better if it is not enlarged; so a box
    # around all of it does what restoring the picture does: experiments/model_choice.
    if box.width * box.height >= CLOSE_UP * pixels.shape[0] * pixels.shape[1]:
        scale = min(scale, 1.0)
    share = CONTEXT if restorer.kernel is None else CONTEXT_FOR_KERNELS
    room = share * max(widths[0], box.width * scale) / scale
    around = grow(box, room, room, *pixels.shape[:2])
    original = around.cut(pixels)
    small = _resized(original, scale)
    restored = restorer.restore(small)
    if restored.shape != small.shape or restored.dtype != small.dtype:
        raise ValueError(
            f"the restorer made {restored.dtype} {restored.shape} of {small.dtype} "
            f"{small.shape}"
        )
    change: np.ndarray = restored.astype(np.float32) - small.astype(np.float32)
    if change.shape != original.shape:
        size = (original.shape[1], original.shape[0])
        method = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
        change = cv2.resize(change, size, interpolation=method)
    inside = Box(box.x - around.x, box.y - around.y, box.width, box.height)
    return inside.cut(original).astype(np.float32) + inside.cut(change)


def work_widths(kernel: int | None) -> tuple[float, float]:
    """The narrowest and the widest plate that a model works on, in pixels.

    kernel: side in pixels of the largest kernel that it estimates; None if none.
    """
    if kernel is None:
        return WORK_WIDTH
    return WORK_WIDTH_IN_KERNELS[0] * kernel, WORK_WIDTH_IN_KERNELS[1] * kernel


def work_scale(box: Box, widths: tuple[float, float]) -> float:
    """The factor by which a box is scaled for the model: 1 inside the work widths."""
    size = max(box.width, 2 * box.height)
    return float(np.clip(size, *widths)) / size


def paste(pixels: np.ndarray, box: Box, values: np.ndarray) -> None:
    """Writes values (box.height, box.width, 3) into the box of `pixels`, in place.

    They are blended in over a soft edge inside the box, rounded, and clipped to the
    type of the pixels.
    """
    weight = feather(box, *pixels.shape[:2])[..., None]
    old = box.cut(pixels).astype(np.float32)
    mixed = np.rint(old + weight * (values - old))
    box.cut(pixels)[:] = np.clip(mixed, 0, np.iinfo(pixels.dtype).max)


def feather(box: Box, height: int, width: int) -> np.ndarray:
    """Weights of the new pixels in a box: float32 (box.height, box.width), in (0, 1].

    They rise linearly to 1 from each side of the box, over FEATHER of its shorter side.
    A side that lies on the edge of the picture has no ramp. height, width: of the
    picture.
    """
    ramp = max(FEATHER * min(box.width, box.height), 1.0)
    rows = _ramp(box.y, box.height, height, ramp)
    columns = _ramp(box.x, box.width, width, ramp)
    return np.minimum(rows[:, None], columns[None, :])


def _ramp(start: int, length: int, limit: int, ramp: float) -> np.ndarray:
    middle = np.arange(length, dtype=np.float32) + 0.5  # of each pixel
    weight = np.ones(length, np.float32)
    if start > 0:
        weight = np.minimum(weight, middle / ramp)
    if start + length < limit:
        weight = np.minimum(weight, middle[::-1] / ramp)
    return weight


def _resized(pixels: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1.0:
        return pixels
    size = (
        max(round(pixels.shape[1] * scale), 1),
        max(round(pixels.shape[0] * scale), 1),
    )
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(pixels, size, interpolation=method)


def _box(numbers: Sequence[int]) -> Box:
    """A box from one, or from (x, y, width, height); UsageError for anything else."""
    try:
        x, y, width, height = map(operator.index, numbers)
    except (TypeError, ValueError):
        raise UsageError(
            f"a box is (x, y, width, height) in whole pixels; got {numbers!r}"
        ) from None
    return Box(x, y, width, height)


def _enlarged(box: Box, height: int, width: int) -> Box:
    return grow(box, GROWTH[0] * box.width, GROWTH[1] * box.height, height, width)


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    return images.to_uint8(images.to_float(pixels))
