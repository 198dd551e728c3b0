"""What an OUTPUT was begun with: batch.json. Later runs must have the same settings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from deblurgan_tf.batching.stores import Place
from deblurgan_tf.errors import DataError, RunError

FILE = "batch.json"


@dataclass(frozen=True)
class Settings:
    """Everything that a result depends on."""

    model: str
    model_sha256: str
    tile: int | None
    tta: bool
    precision: str
    parquet: bool
    path_column: str
    bytes_column: str
    deblurgan_tf: str
    """The version that OUTPUT was begun with."""

    def differences(self, begun: dict[str, Any]) -> list[str]:
        """Which values differ from those of `begun`, one text each.

        The model's name may differ where its weights are the same, and the version of
        this package may differ.
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
    """Compares OUTPUT's batch.json with the settings.

    Returns the version that OUTPUT was begun with, or None for a new OUTPUT. Raises
    RunError where the settings differ, batch.json is damaged, or OUTPUT holds other
    files.
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
            f"{output.name} was begun with other options: {'; '.join(wrong)} (the "
            f"model was {begun.get('model')}). Name a new OUTPUT, or give the options "
            "that it was begun with"
        )
    return version


def write(output: Place, settings: Settings) -> None:
    """Writes batch.json. Raises DataError where OUTPUT cannot be written to."""
    text = json.dumps(asdict(settings), indent=2) + "\n"
    try:
        output.write(FILE, text.encode())
    except OSError as error:
        raise DataError(
            f"{output.name}: cannot be written to ({error}); check its rights"
        ) from error
