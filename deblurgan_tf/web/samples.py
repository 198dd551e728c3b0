"""The sample pictures of the package, from assets/samples, with credits there."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from deblurgan_tf.storage.resources import resource


class Sample(NamedTuple):
    """A picture that a visitor can choose."""

    path: Path
    caption: str


CAPTIONS = {
    "plate-1-blurred.png": "plate",
    "plate-2-blurred.png": "plate",
    "plate-3-blurred.png": "plate",
    "car-blurred.jpg": "car",
    "street-blurred.jpg": "street",
    "plate-sharp.png": "sharp plate",
    "seeds-sharp.jpg": "sharp photo",
}


def samples() -> list[Sample]:
    """The samples in the order of the gallery.

    Raises FileNotFoundError where the installation is incomplete.
    """
    return [
        Sample(resource("assets", "samples", name), caption)
        for name, caption in CAPTIONS.items()
    ]
