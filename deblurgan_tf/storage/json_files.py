"""JSON files that other programs read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deblurgan_tf.storage.atomic import write_text
from deblurgan_tf.storage.names import all_printable


def write_json(path: Path, value: Any) -> None:
    r"""Writes a value as JSON in UTF-8, whole or not at all.

    Bytes of a file's name that are no UTF-8 are written as `\xfc`. Raises ValueError
    for NaN and infinity, which JSON does not have.
    """
    text = json.dumps(
        all_printable(value), indent=2, ensure_ascii=False, allow_nan=False
    )
    write_text(path, text + "\n")
