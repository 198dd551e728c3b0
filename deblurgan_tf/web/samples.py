"""The sample pictures that travel with the package: assets/samples, credited there."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from deblurgan_tf.storage.resources import resource


class Sample(NamedTuple):
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
    """In the order of the gallery. Raises FileNotFoundError for a broken install."""
    return [
        Sample(resource("assets", "samples", name), caption)
        for name, caption in CAPTIONS.items()
    ]
