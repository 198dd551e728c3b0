"""The sample pictures of the package, from assets/samples, with credits there."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from deblurgan_tf.storage.resources import DEFAULT_MODEL, resource


class Sample(NamedTuple):
    """A picture that a visitor can choose.

    model: the shipped model that restores it where the visitor has chosen none.
    """

    path: Path
    caption: str
    model: str = DEFAULT_MODEL


# The plates fill their pictures and are blurred as that model knows it.
CAPTIONS = {
    "plate-1-blurred.png": ("plate", "plates"),
    "plate-2-blurred.png": ("plate", "plates"),
    "plate-3-blurred.png": ("plate", "plates"),
    "car-blurred.jpg": ("car", DEFAULT_MODEL),
    "street-blurred.jpg": ("street", DEFAULT_MODEL),
    "plate-sharp.png": ("sharp plate", "plates"),
    "seeds-sharp.jpg": ("sharp photo", DEFAULT_MODEL),
}


def samples() -> list[Sample]:
    """The samples in the order of the gallery.

    Raises FileNotFoundError where the installation is incomplete.
    """
    return [
        Sample(resource("assets", "samples", name), caption, model)
        for name, (caption, model) in CAPTIONS.items()
    ]
