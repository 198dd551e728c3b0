"""What an OUTPUT was begun with: batch.json, which later runs have to agree with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from deblurgan_tf.batching.stores import Place
from deblurgan_tf.errors import DataError, RunError

FILE = "batch.json"


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a result looks like."""

    model: str
    model_sha256: str
    tile: int | None
    tta: bool
    precision: str
    parquet: bool
    path_column: str
    bytes_column: str
    deblurgan_tf: str
    """The version that began."""

    def differences(self, begun: dict[str, Any]) -> list[str]:
        """Which values were others, one text each; names of models may differ where
        the weights do not, and versions are told apart by `other_version`.
        """
        mine = asdict(self)
        free = {"model", "deblurgan_tf"}
        return [
            f"{key} was {_shown(begun.get(key))}, now {_shown(value)}"
            for key, value in mine.items()
            if key not in free and begun.get(key) != value
        ]


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return f"{text[1:13]}..." if isinstance(value, str) and len(value) > 40 else text


def agreed(output: Place, settings: Settings) -> str | None:
    """Checks OUTPUT's batch.json, if there is one; returns the version that began.

    Raises RunError where it was begun with others, and for a folder that holds
    something else.
    """
    if not output.holds(FILE):
        if output.is_file() or any(
            not info.base_name.startswith(".") for info in output.find(recursive=False)
        ):
            raise RunError(
                f"{output.name}: is not empty and holds no {FILE}, so it was not begun "
                "by this command; name a new OUTPUT"
            )
        return None
    text = output.read(FILE)
    try:
        begun = json.loads(text)
        version = str(begun["deblurgan_tf"])
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{output.spell(output.at(FILE))}: is damaged ({error}); name a new OUTPUT"
        ) from error
    wrong = settings.differences(begun)
    if wrong:
        raise RunError(
            f"{output.name} was begun otherwise: {'; '.join(wrong)} (the model was "
            f"{begun.get('model')}). Name a new OUTPUT, or give the options that it "
            "was begun with"
        )
    return version


def write(output: Place, settings: Settings) -> None:
    """Raises DataError where OUTPUT cannot be written to."""
    text = json.dumps(asdict(settings), indent=2) + "\n"
    try:
        output.write(FILE, text.encode())
    except OSError as error:
        raise DataError(
            f"{output.name}: cannot be written to ({error}); check its rights"
        ) from error
