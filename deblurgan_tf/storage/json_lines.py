"""Logs of one JSON object a line; a process that was killed may leave half of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; none where it is not there."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break  # the last line of a process that was killed while it wrote
    return lines
