"""Logs with one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Fits = Callable[[dict[str, Any]], object]
"""Whether an object has the keys, and values of the types, that a line must have."""


def read_lines(path: Path, fits: Fits = bool) -> list[dict[str, Any]]:
    """The lines that hold an object that fits; none where there is no such file.

    Left out is half a line, which a killed process leaves at the end, and what
    `bad_lines` names.
    """
    parsed = (_parsed(line, fits) for line in _lines(path))
    return [record for record in parsed if record is not None]


def bad_lines(path: Path, fits: Fits = bool) -> list[int]:
    """The numbers, from 1, of the whole lines that `read_lines` leaves out."""
    return [
        number
        for number, line in enumerate(_lines(path)[:-1], 1)
        if line.strip() and _parsed(line, fits) is None
    ]


def ends_whole(path: Path) -> bool:
    """Whether what is added would begin a line: there is no file, or no half line."""
    return _lines(path)[-1] == b""


def _lines(path: Path) -> list[bytes]:
    """What is between the ends of lines; the last one is whole only where it parses."""
    return path.read_bytes().split(b"\n") if path.exists() else [b""]


def _parsed(line: bytes, fits: Fits) -> dict[str, Any] | None:
    try:
        record = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):  # also bytes that are no UTF-8
        return None
    return record if isinstance(record, dict) and fits(record) else None


def _refuse(constant: str) -> float:
    raise ValueError(f"JSON has no {constant}")
