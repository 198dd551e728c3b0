"""Checks of what a caller gives as pixels."""

from __future__ import annotations

import os
from pathlib import PurePath

import numpy as np


def check_pixels(pixels: object, dtypes: tuple[str, ...] = ("uint8", "uint16")) -> None:
    """Checks that `pixels` is an array (H, W, 3), not empty, of one of these types.

    Raises TypeError for what is no array, ValueError for another shape or type. The
    message says what to call instead.
    """
    types = " or ".join(dtypes)
    need = f"pixels must be an array of {types}, (H, W, 3), RGB"
    if isinstance(pixels, str | bytes | PurePath | os.PathLike):
        path = os.fspath(pixels)
        raise TypeError(
            f"{need}, and {path!r} is a path: give "
            f"deblurgan_tf.images.read_rgb({path!r}), or restore files with "
            f"python -m deblurgan_tf.predict {os.fsdecode(path)} --output restored"
        )
    if not isinstance(pixels, np.ndarray):
        kind = f"{type(pixels).__module__}.{type(pixels).__qualname__}"
        raise TypeError(
            f"{need}, not {kind}: give numpy.asarray(...); of a Pillow image "
            'numpy.asarray(image.convert("RGB"))'
        )
    if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(f"pixels must be (H, W, 3), not {pixels.shape}")
    if pixels.dtype.name not in dtypes:
        raise ValueError(f"pixels must be {types}, not {pixels.dtype}")
