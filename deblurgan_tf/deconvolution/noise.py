"""How strong the noise of a blurred picture is, found from the picture alone."""

from __future__ import annotations

import math

import numpy as np

from deblurgan_tf.errors import DataError

ROUNDING = 1.0 / 255.0 / math.sqrt(12.0)  # standard deviation of 8-bit rounding


def noise_level(channel: np.ndarray) -> float:
    """The noise's standard deviation in one channel (H, W), H and W at least 3.

    From the finest details, of which a blurred picture has hardly any: those that the
    mask of Immerkaer 1996 finds, which is 0 on slopes and along straight edges. Their
    median instead of the paper's mean (Donoho and Johnstone 1994) leaves out the rest
    of the structure. At least what rounding to 8 bits adds. Clipped pixels have no
    noise: for a picture that is mostly black or white this is too little.
    """
    if min(channel.shape) < 3:
        raise DataError(
            f"no noise can be estimated from a picture of {channel.shape[0]}x"
            f"{channel.shape[1]}: give it"
        )
    details = np.diff(np.diff(channel, 2, axis=0), 2, axis=1)
    # White noise is 6 times as strong in them; 0.6745 is the median absolute value of a
    # standard normal variable.
    return max(float(np.median(np.abs(details))) / 6.0 / 0.6745, ROUNDING)
