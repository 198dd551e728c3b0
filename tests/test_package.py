"""The commands work from any folder, and what travels with the code is found."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from deblurgan_tf import config as configs
from deblurgan_tf import train
from deblurgan_tf.storage.resources import resource


def test_the_help_of_train_works_elsewhere_and_names_every_option(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "deblurgan_tf.train", "--help"],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    options = [
        name
        for parameter in typer.main.get_command(train.app).params
        for name in parameter.opts
    ]
    assert {"--config", "--run", "--epochs", "--set", "--dry-run"} <= set(options)
    for option in options:
        assert option in result.stdout, option
    assert "Examples:" in result.stdout
    assert "Exit codes" in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plates_paper", "plates_quick", "gopro_paper"])
def test_the_shipped_experiments_are_found_and_valid(name):
    path = resource("experiments", name, "config.yaml")
    assert path == configs.experiment(name)
    configs.load(path)
