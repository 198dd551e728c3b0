"""The bar of a training, on a terminal of a given width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from deblurgan_tf.cli import progress

LOSSES = {"critic": -0.012912, "penalty": 0.4169, "content": 9.832, "generator": 12.345}


def shown(width: int, total: int, seconds: float, monkeypatch) -> str:
    """The last state of the bar after 1001 of `total` steps of `seconds` each."""
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, legacy_windows=False)
    bar = progress.TrainingBar(console, 999, total, batch=1)
    with bar:
        bar.advance(1000)
        now += seconds
        bar.losses(LOSSES)
        bar.advance(1001)
        bar.bar.refresh()
        frame = file.getvalue().rsplit("\r", 1)[-1]
    return Text.from_ansi(frame).plain.rstrip()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    ("total", "seconds", "left"),
    [(6000, 0.1, "8:20 left"), (180_000, 5.0, "10 days, 8:36 h left")],
)
def test_step_bar_and_time_left_are_never_lost(
    width, total, seconds, left, monkeypatch
):
    line = shown(width, total, seconds, monkeypatch)
    assert len(line) <= width
    assert line.startswith("step") and f"1001/{total}" in line and left in line
    assert line.count("━") + line.count("╸") + line.count("╺") == 12
    assert ("generator 12.3" in line) == (width == 120 and total == 6000)
