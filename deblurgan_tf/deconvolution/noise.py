"""The noise of a blurred picture, estimated from the picture itself."""

from __future__ import annotations

import math

import numpy as np

from deblurgan_tf.errors import DataError

ROUNDING = 1.0 / 255.0 / math.sqrt(12.0)  # standard deviation of 8-bit rounding


def noise_level(channel: np.ndarray) -> float:
    """The noise's standard deviation in one channel, in its units, at least ROUNDING.

    It is measured in the finest details, of which a blurred picture has hardly any: the
    response to the mask of Immerkaer 1996, which is 0 on slopes and along straight
    edges. The median (Donoho and Johnstone 1994) instead of the paper's mean ignores
    what structure is left. Clipped pixels have no noise: for a picture that is mostly
    black or white the estimate is too low.

    channel: float (H, W), both at least 3.

    Raises:
        DataError: the channel is smaller.
    """
    if min(channel.shape) < 3:
        raise DataError(
            f"no noise can be estimated from a picture of {channel.shape[0]}x"
            f"{channel.shape[1]}; give the noise, or a larger picture"
        )
    details = np.diff(np.diff(channel, 2, axis=0), 2, axis=1)
    # White noise is 6 times as strong in them; 0.6745 is the median absolute value of a
    # standard normal variable.
    return max(float(np.median(np.abs(details))) / 6.0 / 0.6745, ROUNDING)
