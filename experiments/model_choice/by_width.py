"""Readings of dashcam plates mended : broken, by width and blur: by_width.py OUT CSV.

OUT is the folder that experiments/gpu/judge.py wrote (NAME.json for each model, and
blurred.json), CSV the table of the plates: file, x, y, w, kind.
"""

from __future__ import annotations

import csv
import itertools
import json
import sys
from pathlib import Path

WIDTHS = (0, 48, 80, 120, 10_000)  # pixels of the plate in the frame
PARTS = ("even blurred", "even sharp")


def main(out: str, table: str) -> None:
    with open(table, newline="", encoding="utf-8") as file:
        known = {
            f"{row['file']} {row['x']} {row['y']}": row for row in csv.DictReader(file)
        }
    before = read(Path(out, "blurred.json"))
    for file in sorted(Path(out).glob("*.json")):
        if file.stem == "blurred":
            continue
        after = read(file)
        for part in PARTS:
            groups = {
                f"from {low}": [x for x in after[part] if low <= width(known[x]) < high]
                for low, high in itertools.pairwise(WIDTHS)
            } | {
                kind: [x for x in after[part] if known[x]["kind"] == kind]
                for kind in ("motion", "soft")
            }
            cells = [
                f"{name} ({len(keys)}) {counted(after[part], before[part], keys)}"
                for name, keys in groups.items()
            ]
            print(f"{file.stem}, {part}: " + ", ".join(cells))


def width(row: dict[str, str]) -> float:
    return float(row["w"])


def read(file: Path) -> dict:
    return json.loads(file.read_text())["dashcam"]["sightings"]


def counted(after: dict, before: dict, keys: list[str]) -> str:
    """Mended : broken; a sighting's first value is 1.0 where it was read exactly."""
    mended = sum(after[key][0] > before[key][0] for key in keys)
    broken = sum(after[key][0] < before[key][0] for key in keys)
    return f"{mended}:{broken}"


if __name__ == "__main__":
    main(*sys.argv[1:])
