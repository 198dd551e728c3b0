"""The benchmark's arithmetic and reports; its figures are no matter of a test."""

import json
import time

import pytest
from typer.testing import CliRunner

from deblurgan_tf import benchmark


def test_works_take_turns_after_one_round_that_is_not_timed():
    calls = []
    works = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    seconds = benchmark.in_turn(works, 3)
    assert calls == ["a", "b"] + ["a", "b"] * 3
    assert [len(values) for values in seconds.values()] == [3, 3]


def test_what_is_timed_is_the_work():
    seconds = benchmark.in_turn({"sleep": lambda: time.sleep(0.02)}, 3)
    assert min(seconds["sleep"]) >= 0.02


def test_the_report_gives_medians_and_ratios_to_the_last(tmp_path, capsys):
    path = tmp_path / "figures.json"
    seconds = {"one": [1.0, 9.0, 2.0], "other": [4.0, 4.0, 5.0]}
    benchmark._report("title", seconds, path, {"extra": 3.5})
    record = json.loads(path.read_text())
    assert record["medians"] == {"one": 2.0, "other": 4.0}
    assert record["extra"] == 3.5
    assert record["seconds"] == seconds
    assert "0.500" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["blur", "--side", "64", "--count", "64", "--rounds", "1"],
        ["train", "--side", "32", "--rounds", "1", "--no-torch"],
        ["train", "--side", "32", "--rounds", "1", "--no-torch"]
        + ["--precision", "mixed_bfloat16"],
        ["train", "--side", "32", "--rounds", "1", "--torch"],
        ["predict", "--height", "32", "--width", "48", "--rounds", "1", "--no-torch"],
        ["predict", "--height", "32", "--width", "48", "--rounds", "1", "--torch"],
    ],
)
def test_every_command_runs(command, tmp_path):
    if "--torch" in command:
        pytest.importorskip("torch", reason="needs the extra torch")
    path = tmp_path / "figures.json"
    result = CliRunner().invoke(benchmark.app, [*command, "--json", str(path)])
    assert result.exit_code == 0, result.output
    assert all(value > 0 for value in json.loads(path.read_text())["medians"].values())
