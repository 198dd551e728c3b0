"""Files that belong to the package: fonts, weights, configs of the experiments."""

from importlib.resources import files
from pathlib import Path

AUTO_MODEL = "auto"
"""The name that commands take for "choose a model", see `model_names.chosen`."""
DEFAULT_MODEL = "photos"
"""The model that restores when none is named: assets/models/photos.keras."""


def resource(*parts: str) -> Path:
    """Path of a file or folder that belongs to the package.

    `resource("assets", "fonts", "RG2014C.ttf")` is searched in the installed package
    first (setup.cfg maps `assets` and `experiments` into it), then in the checkout
    that holds the package. Raises FileNotFoundError when neither has it; the message
    names both places.
    """
    places = [
        Path(str(files("deblurgan_tf").joinpath(*parts))),
        Path(__file__).resolve().parents[2].joinpath(*parts),
    ]
    for place in places:
        if place.exists():
            return place
    tried = " nor ".join(str(place) for place in places)
    raise FileNotFoundError(
        f"{'/'.join(parts)} is missing: neither {tried} exists; "
        "reinstall the package or use a complete checkout"
    )
