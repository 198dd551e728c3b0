"""Where the tests find the checkout, and the reference data beside it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT.parent / "shared" / "data"  # absent in most checkouts: such tests skip
