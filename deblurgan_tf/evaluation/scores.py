"""The metrics of one restored picture, and what each of them means."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import DataError
from deblurgan_tf.evaluation import detection
from deblurgan_tf.evaluation.kernel_files import read_kernel
from deblurgan_tf.evaluation.pairs import Pair
from deblurgan_tf.metrics import pixels as metrics
from deblurgan_tf.metrics import texts
from deblurgan_tf.plates import detection as plate_detection
from deblurgan_tf.plates.boxes import Box, check_inside
from deblurgan_tf.plates.texts import RULE

PROTOCOL = {
    "psnr": "decibels; RGB, 8 bits, full frame, no crop; mean of the pictures' values",
    "ssim": "RGB, 11-tap Gaussian window of sigma 1.5, K 0.01 and 0.03, mean over the "
    "channels and the pixels whose window lies inside; float64, as scikit-image "
    "(tf.image.ssim computes in float32: up to 0.002 more on dark pictures)",
    "shifted_psnr": f"decibels; the best PSNR over shifts by whole pixels, up to "
    f"{metrics.SHIFT} in each direction, without a border of {metrics.SHIFT} pixels; "
    "for blind methods, which find picture and kernel up to a common shift",
    "exact_match": "share of the plates that are read without an error: recognition "
    f"only (rapidocr); {RULE}",
    "cer": "character error rate: edit distance of the reading over the text's length",
    "precision": "share of the found plates that are right (IoU at least 0.5, paired "
    "one to one), over the boxes of all pictures",
    "recall": "share of the given plates that are found, over all pictures",
    "f1": "harmonic mean of precision and recall",
    "kernel_similarity": "largest normalised cross-correlation of the estimated and "
    "the true kernel over all shifts (Hu and Yang 2012)",
    "seconds_per_megapixel": "restoring alone, without files, over 10^6 pixels",
}
"""What is measured, in the order of the tables."""

LOWER_IS_BETTER = frozenset({"cer", "seconds_per_megapixel"})


def measure(
    restored: np.ndarray, pair: Pair, found: np.ndarray | None, read: bool, detect: bool
) -> dict[str, Any]:
    """The scores of a restored picture by name; without those that do not apply.

    Args:
        restored: uint8 (H, W, 3), of the sharp picture's size.
        pair: what the picture is compared with.
        found: the kernel that a blind method estimated, (h, w).
        read: read the plate if its text is known.
        detect: find plates and compare with the pair's boxes, or with those found in
            the sharp picture. The numbers of boxes are scores too.

    Raises:
        DataError: the sizes differ, or the pair's kernel cannot be used.
        PictureError: the sharp picture cannot be read.
        UsageError: a given box is outside the picture.
        MissingExtra: `read` or `detect` without the extra `ocr`.
    """
    assert pair.sharp is not None
    sharp = images.read_rgb(pair.sharp)
    if restored.shape != sharp.shape:
        raise DataError(
            f"it has {_size(restored)} pixels, but {pair.sharp} has {_size(sharp)}; "
            "both must have the same"
        )
    scores: dict[str, Any] = {"psnr": metrics.psnr(restored, sharp)}
    if min(sharp.shape[:2]) >= metrics.SSIM_SIDE:
        scores["ssim"] = metrics.ssim(restored, sharp)
    if min(sharp.shape[:2]) > 2 * metrics.SHIFT:
        scores["shifted_psnr"] = metrics.shifted_psnr(restored, sharp)
    if read and pair.text is not None:
        text = plate_detection.read_plate(restored).text
        scores["read"] = text
        scores["exact_match"] = texts.exact_match(text, pair.text)
        scores["cer"] = texts.character_error_rate(text, pair.text)
    if detect:
        scores |= _detection(restored, _given(pair, sharp))
    if found is not None and pair.kernel is not None:
        true = read_kernel(pair.kernel)
        scores["kernel_similarity"] = metrics.kernel_similarity(found, true)
    return scores


def _detection(restored: np.ndarray, given: tuple[Box, ...]) -> dict[str, float]:
    found = [plate.box for plate in plate_detection.find_plates(restored)]
    scores = {
        "boxes_matched": detection.matched(found, given),
        "boxes_found": len(found),
        "boxes_given": len(given),
    }
    rates = detection.rates(*scores.values())
    named = dict(zip(("precision", "recall", "f1"), rates, strict=True))
    return scores | {name: x for name, x in named.items() if not math.isnan(x)}


def _given(pair: Pair, sharp: np.ndarray) -> tuple[Box, ...]:
    """The boxes to be found: given ones, or those found in the sharp picture."""
    if pair.boxes is None:
        assert pair.sharp is not None
        return _found_in(pair.sharp)
    for box in pair.boxes:
        check_inside(box, *sharp.shape[:2])
    return pair.boxes


# The tasks of one picture follow each other: a few results are enough.
@functools.lru_cache(maxsize=4)
def _found_in(file: Path) -> tuple[Box, ...]:
    pixels = images.read_rgb(file)
    return tuple(plate.box for plate in plate_detection.find_plates(pixels))


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
