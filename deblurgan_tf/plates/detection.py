"""Find number plates in a photo and read them, with the OCR of the extra `ocr`.

The text detector of RapidOCR (PP-OCR, models in its wheel) was chosen by measurement:
experiments/plate_detection has the table and what it was compared with. Rows of text
become plates by their shape; what is legible and is no plate's text is dropped.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import cv2
import numpy as np

from deblurgan_tf.errors import MissingExtra
from deblurgan_tf.plates.boxes import (
    Box,
    FoundPlate,
    distinct,
    grow,
    merge_rows,
    two_rows,
)

# The photo is looked at with its longer side at each of these, in pixels, up- or
# downscaled: small ones show a blurred plate sharper, large ones show small plates.
# LARGE is added where the photo itself is as large as that. All constants down to
# LEGIBLE were chosen on the 54 photos of experiments/plate_detection.
SIDES = (256, 384, 768)
LARGE = 1536
THRESHOLD = 0.2  # text probability of a pixel; blurred text is uncertain text
BOX_THRESHOLD = 0.25  # mean of it over a box
ROW_ASPECT = (1.2, 8.0)  # width over height of a row of text
PLATE_ASPECT = (1.8, 8.0)  # of a plate with one row
# The detector's boxes are higher than plates (tilted text gets an upright
# box, blur adds to it); their width is right.
HEIGHT = 0.8  # of the box's, for plates with one row
MIN_WIDTH = 16  # pixels of the photo: nothing can be read from less
LEGIBLE = 0.8  # confidence from which a reading decides whether it is a plate's text
TEXT_LENGTH = (3, 10)  # characters of a plate's text
# Lower crops than this may hold two rows of text.
TWO_LINE_CROP = 2.5
LEAST_SIDE = 32  # pixels: what the detector needs of a picture
LONGEST_LINE = 12  # width over height of what is read as a line

INSTALL = "pip install 'deblurgan_tf[ocr]'"


class Reading(NamedTuple):
    """Text of A-Z and 0-9 (empty where none was seen) and its confidence in [0, 1]."""

    text: str
    confidence: float


def find_plates(pixels: np.ndarray) -> list[FoundPlate]:
    """Finds number plates, blurred ones too; best first, none twice.

    pixels: uint8 (H, W, 3), RGB, any size. The boxes fit the plates closely; who
    changes or reads them adds a margin (`plate_boxes.grow`). Measured for plates of 13
    to 40 % of the photo's width, not for much smaller ones. The same pixels give the
    same boxes.

    Raises MissingExtra without the extra `ocr`, ValueError for other pixels.
    """
    _check(pixels)
    height, width = pixels.shape[:2]
    longer = max(height, width)
    found: list[FoundPlate] = []
    for side in (*SIDES, LARGE) if longer >= LARGE else SIDES:
        rows = _rows(pixels, side / longer)
        for plate in merge_rows(rows):
            box, score = plate
            if plate in rows:  # one row of text
                if not PLATE_ASPECT[0] <= box.width / box.height <= PLATE_ASPECT[1]:
                    continue
                box = grow(box, 0, (HEIGHT - 1) / 2 * box.height, height, width)
            if box.width >= MIN_WIDTH:
                found.append(FoundPlate(box, score))
    return [plate for plate in distinct(found) if _may_be_plate(pixels, plate.box)]


def read_plate(pixels: np.ndarray) -> Reading:
    """Reads a crop that holds one plate: uint8 (H, W, 3), RGB.

    Recognition only, as one line of text. A crop less than 2.5 times as wide as high
    may hold two lines: there the text detector looks for two rows of about one height,
    one above the other, and they are read from top to bottom; the confidence is the
    lower one. A state's name or a slogan is lower than the number, and is no row.

    Raises MissingExtra without the extra `ocr`, ValueError for other pixels.
    """
    _check(pixels)
    height, width = pixels.shape[:2]
    lines = [pixels]
    if width < TWO_LINE_CROP * height:
        rows = sorted(_rows(pixels, SIDES[0] / max(height, width)), key=_area)[-2:]
        rows.sort(key=lambda row: row.box.y)
        if len(rows) == 2 and two_rows(rows[0].box, rows[1].box):
            lines = [row.box.cut(pixels) for row in rows]
    parts = [_recognise(line) for line in lines]
    return Reading(
        "".join(part.text for part in parts), min(part.confidence for part in parts)
    )


def plate_text(text: str) -> str:
    """What counts of a reading: capitals, A-Z and 0-9 of ASCII only."""
    return "".join(
        letter for letter in text.upper() if letter.isascii() and letter.isalnum()
    )


def plate_like(text: str) -> bool:
    """Whether a text of A-Z and 0-9 could be a plate's: its length, and a digit."""
    return TEXT_LENGTH[0] <= len(text) <= TEXT_LENGTH[1] and any(
        letter.isdigit() for letter in text
    )


def _rows(pixels: np.ndarray, scale: float) -> list[FoundPlate]:
    """Rows of text of the shape of a plate's, found in the picture at this scale.

    The boxes are upright and in pixels of the picture itself.
    """
    height, width = pixels.shape[:2]
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = _padded(cv2.resize(pixels, size, interpolation=method), LEAST_SIDE)
    result = _engine()(small[..., ::-1], use_det=True, use_cls=False, use_rec=False)
    if result.boxes is None:
        return []
    rows = []
    for corners, score in zip(result.boxes, result.scores, strict=True):
        # The same factor as the picture's, not `scale`: the size is rounded.
        corners = corners * [width / size[0], height / size[1]]
        x0, y0 = np.floor(corners.min(axis=0)).astype(int).tolist()
        x1, y1 = np.ceil(corners.max(axis=0)).astype(int).tolist()
        box = Box(x0, y0, max(x1 - x0, 1), max(y1 - y0, 1))
        if ROW_ASPECT[0] <= box.width / box.height <= ROW_ASPECT[1]:
            rows.append(FoundPlate(box, float(score)))
    return rows


def _may_be_plate(pixels: np.ndarray, box: Box) -> bool:
    """False where other text than a plate's is legible: blurred text may be a plate."""
    text, confidence = read_plate(box.cut(pixels))
    return confidence < LEGIBLE or plate_like(text)


def _recognise(pixels: np.ndarray) -> Reading:
    """The picture as one line of text."""
    line = _padded(pixels, math.ceil(max(pixels.shape[:2]) / LONGEST_LINE))
    result = _engine()(line[..., ::-1], use_det=False, use_cls=False, use_rec=True)
    text = plate_text("".join(result.txts or ()))
    # The confidence of a text of which nothing counts is the confidence in nothing.
    return Reading(text, float(result.scores[0]) if text else 0.0)


def _padded(pixels: np.ndarray, side: int) -> np.ndarray:
    """Repeats the last row and column until both sides have so many pixels.

    The OCR would enlarge a thin picture until its short side is long enough: a strip
    of 1x300 becomes 30x9000 and takes minutes.
    """
    rows, columns = (max(side - length, 0) for length in pixels.shape[:2])
    if rows == columns == 0:
        return pixels
    return cv2.copyMakeBorder(pixels, 0, rows, 0, columns, cv2.BORDER_REPLICATE)


@functools.cache
def _engine() -> Any:
    """The OCR, loaded once in a process."""
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingExtra(
            f"finding and reading plates needs the extra ocr ({error}); install it "
            f"with: {INSTALL}"
        ) from error
    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Det.limit_side_len": LEAST_SIDE,  # no scaling of its own: SIDES are ours
            "Det.thresh": THRESHOLD,
            "Det.box_thresh": BOX_THRESHOLD,
        }
    )


def _area(row: FoundPlate) -> int:
    return row.box.width * row.box.height


def _check(pixels: np.ndarray) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"need uint8 pixels (H, W, 3); got {pixels.dtype} {pixels.shape}"
        )
