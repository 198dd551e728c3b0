"""Names of files: as people compare them, as texts take them, as disks take them.

macOS may store "é" as two characters (e and an accent, NFD) where a keyboard types one
(NFC): the same name, but other bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, TypeVar

from deblurgan_tf.errors import DataError

LONGEST = 255
"""Bytes of a file's name, at most, on most disks."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_BYTES = range(0xDC80, 0xDD00)  # the surrogates that stand for bytes from 0x80 on
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


def printable(text: str) -> str:
    r"""The same text in characters that UTF-8 has.

    Bytes of a file's name that are no UTF-8, which Python keeps as lone surrogates,
    become `\xfc`; other lone surrogates become question marks.
    """
    return _SURROGATES.sub(_spelled, text)


def all_printable(value: Any) -> Any:
    """A value of JSON whose texts and keys have gone through `printable`."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {all_printable(key): all_printable(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [all_printable(x) for x in value]
    return value


def with_ending(stem: str, ending: str) -> str:
    """Stem + ending, as a name that a disk takes: a long stem is shortened.

    A shortened one ends with a hash, so that different stems stay different.
    """
    data, room = os.fsencode(stem), LONGEST - len(os.fsencode(ending))
    if len(data) <= room:
        return stem + ending
    mark = "-" + hashlib.sha256(data).hexdigest()[:8]
    return data[: room - len(mark)].decode(errors="ignore") + mark + ending


def _spelled(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code - 0xDC00:02x}" if code in _BYTES else "?"
