"""The sample pictures of the package, from assets/samples, with credits there."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from deblurgan_tf.storage.resources import resource


class Sample(NamedTuple):
    """A picture that a visitor can choose.

    model: the shipped model that restores it where the visitor has chosen none; None
    leaves that to `auto`.
    """

    path: Path
    caption: str
    model: str | None = None


# The drawn plates fill their pictures and are blurred as `plates` knows it.
CAPTIONS: dict[str, tuple[str, str | None]] = {
    "plate-1-blurred.png": ("plate", "plates"),
    "plate-2-blurred.png": ("plate", "plates"),
    "plate-3-blurred.png": ("plate", "plates"),
    "car-blurred.jpg": ("car", None),
    "street-blurred.jpg": ("street", None),
    "plate-sharp.png": ("sharp plate", "plates"),
    "seeds-sharp.jpg": ("sharp photo", None),
}


def samples() -> list[Sample]:
    """The samples in the order of the gallery.

    Raises FileNotFoundError where the installation is incomplete.
    """
    return [
        Sample(resource("assets", "samples", name), caption, model)
        for name, (caption, model) in CAPTIONS.items()
    ]
