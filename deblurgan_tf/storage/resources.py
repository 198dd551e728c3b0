"""Find the files that travel with the code: fonts, weights, experiments' configs."""

from importlib.resources import files
from pathlib import Path

DEFAULT_MODEL = "photos"
"""The model that restores where none is named: assets/models/photos.keras."""
PLATES_MODEL = "plates"
"""The same where number plates alone are restored."""


def resource(*parts: str) -> Path:
    """Path of a file or folder that belongs to the project.

    `resource("assets", "fonts", "RG2014C.ttf")` is looked up inside the installed
    package first (setup.cfg maps `assets` and `experiments` into it), then in the
    checkout that the package lies in.

    Raises:
        FileNotFoundError: neither place has it; the message names both.
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
