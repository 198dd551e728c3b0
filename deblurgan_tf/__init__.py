"""Motion deblurring with DeblurGAN (Kupyn et al. 2018) in TensorFlow and Keras.

The public interface, each imported when it is first used:

- `load(name_or_path)`: a restorer; `restorer.restore(pixels)` restores a picture.
- `restore_plates(restorer, pixels)`: restores the number plates of a picture alone.
- `restore_video(source, target, restore)`: restores a video frame by frame.
- `images`: picture files to pixels and back; `images.read_rgb(path)`.

Example:
    >>> import deblurgan_tf
    >>> restorer = deblurgan_tf.load("plates")
    >>> pixels = deblurgan_tf.images.read_rgb("car.jpg")
    >>> restored = restorer.restore(pixels)  # uint8 or uint16 (H, W, 3), RGB
    >>> found = deblurgan_tf.restore_plates(restorer, pixels, read=True)
    >>> for plate in found.plates:
    ...     print(plate.box, plate.text_before, plate.text_after)
    >>> deblurgan_tf.restore_video("in.mp4", "out.mp4", restorer.restore)

The commands are listed by `python -m deblurgan_tf`.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deblurgan_tf import images
    from deblurgan_tf.inference.restorer import load
    from deblurgan_tf.restoring.plates import restore_plates
    from deblurgan_tf.restoring.video import restore_video

__version__ = "1.0.0.dev0"

# Keras chooses its backend when it is imported, by keras.json and this variable. The
# networks are TensorFlow's. Where Keras is there already, `keras_settings` checks it.
if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "tensorflow"

__all__ = ["__version__", "images", "load", "restore_plates", "restore_video"]

_MODULES = {
    "load": "deblurgan_tf.inference.restorer",
    "restore_plates": "deblurgan_tf.restoring.plates",
    "restore_video": "deblurgan_tf.restoring.video",
}


def __getattr__(name: str) -> Any:
    # TensorFlow takes seconds to import: no one waits for it before it is needed.
    if name == "images":
        return import_module("deblurgan_tf.images")
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
