"""The settings of Keras that this package works with, whatever keras.json says.

Keras reads ~/.keras/keras.json and KERAS_BACKEND when it is imported. The networks are
of the TensorFlow backend, float32 and channels last, and many of Keras's operations
take these from its settings, so that no argument of a layer could replace them.
`deblurgan_tf/__init__.py` sets the backend, which cannot be changed later.
"""

from __future__ import annotations

import warnings

import keras

from deblurgan_tf.errors import UsageError

FLOATX = "float32"
DATA_FORMAT = "channels_last"


def use_own_settings(tell: bool = True) -> None:
    """Sets Keras's floatx and image_data_format for this process.

    tell: warns where they were others, because a program's own networks, if it has any,
    are then built with the new ones. Raises UsageError where Keras runs on another
    backend than TensorFlow.
    """
    if keras.config.backend() != "tensorflow":
        raise UsageError(
            f"Keras runs on {keras.config.backend()} in this process, and the networks "
            "are TensorFlow's; import deblurgan_tf before keras, or set "
            "KERAS_BACKEND=tensorflow"
        )
    found = (keras.config.floatx(), keras.config.image_data_format())
    if found == (FLOATX, DATA_FORMAT):
        return
    keras.config.set_floatx(FLOATX)
    keras.config.set_image_data_format(DATA_FORMAT)
    if tell:
        warnings.warn(
            f"Keras was set to {found[0]} and {found[1]} (keras.json or keras.config); "
            f"deblurgan_tf has set it to {FLOATX} and {DATA_FORMAT} for this process",
            stacklevel=3,
        )
