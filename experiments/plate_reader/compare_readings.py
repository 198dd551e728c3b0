"""Two readers on the same plates, and how sure the second one may be.

    python compare_readings.py out/readings.json --first ocr --second new \
        --sets "dashcam even" american european vietnamese

For each set: the second reader's exact share less the first one's, with its 95 %
interval (whole groups are drawn), and how many plates it mends and breaks. For all of
the sets together: the signs in bins of equal count, what was said and what was right,
and the same for whole texts.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from read_sets import interval, right_signs


def bins(said: np.ndarray, right: np.ndarray, count: int) -> None:
    """Prints a reliability table and the expected calibration error."""
    error = 0.0
    for part in np.array_split(np.argsort(said), count):
        error += len(part) / len(said) * abs(said[part].mean() - right[part].mean())
        low, high = said[part].min(), said[part].max()
        print(
            f"  {low:.3f} to {high:.3f}: said {said[part].mean():.3f}, "
            f"right {right[part].mean():.3f} ({len(part)})"
        )
    print(f"  expected calibration error {error:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readings", type=Path, nargs="+")
    parser.add_argument("--first", default="ocr")
    parser.add_argument("--second", default="new")
    parser.add_argument("--sets", nargs="+", required=True, help="a name's beginning")
    options = parser.parse_args()
    known: dict[str, list[dict]] = {}
    for file in options.readings:
        known |= json.loads(file.read_text())
    said, right, whole, exact = [], [], [], []
    for key, rows in known.items():
        name, who = key.split(" / ")
        if who != options.second or not name.startswith(tuple(options.sets)):
            continue
        others = known[f"{name} / {options.first}"]
        good = np.array([float(r["read"] == r["text"]) for r in rows])
        before = np.array([float(r["read"] == r["text"]) for r in others])
        low, high = interval(good - before, [r["group"] for r in rows])
        mended, broken = ((good > before).sum(), (good < before).sum())
        print(
            f"{name} ({len(rows)}): {(good - before).mean():+.3f} "
            f"({low:+.2f} to {high:+.2f}), mended {mended}, broken {broken}"
        )
        for row in rows:
            said.extend(row["signs"])
            right.extend(right_signs(row["read"], row["text"]))
        whole.extend(r["probability"] for r in rows)
        exact.extend(good)
    p, ok = np.array(said), np.array(right, float)
    print(f"signs: {len(p)}, right {ok.mean():.3f}")
    bins(p, ok, 10)
    high = p >= 0.9
    print(
        f"  given with 90 % or more: {high.mean():.3f}, wrong {1 - ok[high].mean():.4f}"
    )
    print(f"  of the right ones so given: {high[ok > 0].mean():.3f}")
    print(f"texts: {len(whole)}")
    bins(np.array(whole), np.array(exact), 6)


if __name__ == "__main__":
    main()
