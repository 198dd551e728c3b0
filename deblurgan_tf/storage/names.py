"""Names of files as people compare them.

macOS may store "é" as two characters (e and an accent, NFD) where a keyboard types one
(NFC): the same name, but other bytes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TypeVar

from deblurgan_tf.errors import DataError

V = TypeVar("V")


def composed(name: str) -> str:
    """The name with composed characters (NFC): equal for names that look alike."""
    return unicodedata.normalize("NFC", name)


def by_name(items: Iterable[tuple[str, V]], where: object) -> dict[str, V]:
    """Values by their `composed` names, in their order.

    where: the folder or table, for messages. Raises DataError where two names look
    alike.
    """
    found: dict[str, V] = {}
    for name, value in items:
        key = composed(name)
        if key in found:
            raise DataError(
                f"{where}: two names look alike, {key}: their accents are stored in "
                "two ways (composed and apart); rename one"
            )
        found[key] = value
    return found
