"""Find number plates in a photo and read them, with the OCR of the extra `ocr`.

RapidOCR (PP-OCR; its models are in its wheel) detects rows of text. It was chosen by
measurement; experiments/plate_detection has the table. Rows with the shape of a plate
become plates, unless they can be read and their text is not that of a plate.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import cv2
import numpy as np

from deblurgan_tf.errors import MissingExtra
from deblurgan_tf.images import check_pixels
from deblurgan_tf.plates.boxes import (
    Box,
    FoundPlate,
    distinct,
    grow,
    merge_rows,
    two_rows,
)
from deblurgan_tf.plates.texts import plate_like, plate_text
from deblurgan_tf.storage.installation import install_command

# The photo is scaled so that its longer side has each of these lengths, in pixels. A
# blurred plate is sharper in a small copy; small plates are found in a large one. LARGE
# is added for photos that are at least as large. All constants down to LEGIBLE were
# chosen on the 54 photos of experiments/plate_detection.
SIDES = (256, 384, 768)
LARGE = 1536
THRESHOLD = 0.2  # text probability of a pixel, at least; it is low for blurred text
BOX_THRESHOLD = 0.25  # mean of it over a box, at least
ROW_ASPECT = (1.2, 8.0)  # width over height of a row of text
PLATE_ASPECT = (1.8, 8.0)  # of a plate with one row
# The detector's boxes are higher than the plate, because of blur, and because tilted
# text gets an upright box. Their width is right.
HEIGHT = 0.8  # height of a plate with one row over that of the detector's box
MIN_WIDTH = 16  # pixels of the photo: narrower plates cannot be read
LEGIBLE = 0.8  # from this confidence on, the text decides whether it is a plate
TWO_LINE_CROP = 2.5  # width over height below which a crop may hold two rows of text
LEAST_SIDE = 32  # pixels: the smallest side that the detector takes
LONGEST_LINE = 12  # width over height of a crop that is read as a line, at most


class Reading(NamedTuple):
    """A text, as `texts.plate_text` gives it, and its confidence in [0, 1].

    The text is empty, and the confidence 0, where no letter or digit was read.
    """

    text: str
    confidence: float


def find_plates(pixels: np.ndarray) -> list[FoundPlate]:
    """Finds number plates, also blurred ones; each once, best first.

    pixels: uint8 (H, W, 3), RGB, any size. The boxes fit the plates closely; add a
    margin before you change or read them (`boxes.grow`). Measured for plates of 13 to
    40 % of the photo's width, not for much smaller ones. The same pixels always give
    the same boxes.

    Raises MissingExtra without the extra `ocr`, ValueError for other pixels.
    """
    check_pixels(pixels, ("uint8",))
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

    The crop is read as one line of text. A crop less than 2.5 times as wide as high may
    hold two lines. There the text detector looks for two rows of similar height, one
    above the other. They are read from top to bottom, and the lower confidence counts.
    The name of a state or a slogan is smaller than the number and is not such a row.

    Raises MissingExtra without the extra `ocr`, ValueError for other pixels.
    """
    check_pixels(pixels, ("uint8",))
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


def _rows(pixels: np.ndarray, scale: float) -> list[FoundPlate]:
    """Rows of text with the shape of a plate's row, in the picture at this scale.

    The boxes are upright, in pixels of the picture itself.
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
        # Not `scale`: the size of the scaled picture is rounded.
        corners = corners * [width / size[0], height / size[1]]
        x0, y0 = np.floor(corners.min(axis=0)).astype(int).tolist()
        x1, y1 = np.ceil(corners.max(axis=0)).astype(int).tolist()
        box = Box(x0, y0, max(x1 - x0, 1), max(y1 - y0, 1))
        if ROW_ASPECT[0] <= box.width / box.height <= ROW_ASPECT[1]:
            rows.append(FoundPlate(box, float(score)))
    return rows


def _may_be_plate(pixels: np.ndarray, box: Box) -> bool:
    """False if the box holds other text; text that cannot be read may be a plate."""
    text, confidence = read_plate(box.cut(pixels))
    return confidence < LEGIBLE or plate_like(text)


def _recognise(pixels: np.ndarray) -> Reading:
    """Reads the picture as one line of text."""
    line = _padded(pixels, math.ceil(max(pixels.shape[:2]) / LONGEST_LINE))
    result = _engine()(line[..., ::-1], use_det=False, use_cls=False, use_rec=True)
    text = plate_text("".join(result.txts or ()))
    # Without a text there is nothing to be confident of.
    return Reading(text, float(result.scores[0]) if text else 0.0)


def _padded(pixels: np.ndarray, side: int) -> np.ndarray:
    """Repeats the last row and column until both sides have so many pixels.

    Otherwise the OCR enlarges a thin picture until its shorter side is long enough: a
    strip of 1x300 pixels becomes 30x9000 and takes minutes.
    """
    rows, columns = (max(side - length, 0) for length in pixels.shape[:2])
    if rows == columns == 0:
        return pixels
    return cv2.copyMakeBorder(pixels, 0, rows, 0, columns, cv2.BORDER_REPLICATE)


@functools.cache
def _engine() -> Any:
    """The OCR, loaded once per process."""
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingExtra(
            f"finding and reading plates needs the extra ocr ({error}); install it "
            f"with: {install_command('ocr')}"
        ) from error
    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Det.limit_side_len": LEAST_SIDE,  # it does not scale; `_rows` does
            "Det.thresh": THRESHOLD,
            "Det.box_thresh": BOX_THRESHOLD,
        }
    )


def _area(row: FoundPlate) -> int:
    return row.box.width * row.box.height
