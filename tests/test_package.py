"""The commands work from any folder, and what travels with the code is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import deblurgan_tf
from deblurgan_tf import __main__ as list_of_commands
from deblurgan_tf import config as configs
from deblurgan_tf import predict, train
from deblurgan_tf.storage.resources import resource


def run(arguments, folder):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ
        | {
            "COLUMNS": "200",
            "NO_COLOR": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        capture_output=True,
        text=True,
    )


def test_the_help_of_train_works_elsewhere_and_names_every_option(tmp_path):
    result = run(["-m", "deblurgan_tf.train", "--help"], tmp_path)
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


def test_the_public_interface_is_listed_and_imported_when_it_is_used(tmp_path):
    names = ["__version__", "images", "load", "restore_plates", "restore_video"]
    assert dir(deblurgan_tf) == sorted(deblurgan_tf.__all__) == names
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        deblurgan_tf.nothing  # noqa: B018
    code = (
        "import sys, deblurgan_tf\n"
        "print(deblurgan_tf.__version__, 'numpy' in sys.modules)\n"
        "deblurgan_tf.images.read_rgb\n"
        "deblurgan_tf.restore_video\n"
        "deblurgan_tf.restore_plates\n"
        "print('tensorflow' in sys.modules)\n"
        "print(deblurgan_tf.load, 'tensorflow' in sys.modules)\n"
    )
    result = run(["-c", code], tmp_path)
    before, between, after = result.stdout.splitlines()
    assert before == f"{deblurgan_tf.__version__} False", result.stderr
    assert between == "False"
    assert after.startswith("<function load") and after.endswith("True")


def test_the_public_names_are_documented_with_their_errors_and_an_example():
    for name in ("load", "restore_plates", "restore_video"):
        text = getattr(deblurgan_tf, name).__doc__
        for part in ("Args:", "Raises:", "Examples:"):
            assert part in text, (name, part)


def test_the_package_lists_its_commands_without_tensorflow(tmp_path):
    result = run(["-X", "importtime", "-m", "deblurgan_tf"], tmp_path)
    assert result.returncode == 0
    for module in ("tensorflow", "keras", "numpy"):
        assert f" {module}\n" not in result.stderr
    # The commands are the modules at the top that have an application.
    commands = {
        path.stem
        for path in Path(deblurgan_tf.__file__).parent.glob("*.py")
        if "app = App(" in path.read_text(encoding="utf-8")
    }
    assert commands == set(list_of_commands.COMMANDS)
    for command in commands:
        assert f"  python -m deblurgan_tf.{command} " in result.stdout
    assert deblurgan_tf.__version__ in result.stdout


def test_a_command_given_as_an_argument_is_refused_with_the_right_line(capsys):
    assert list_of_commands.main(["train", "--epochs", "3"]) == 2
    assert "python -m deblurgan_tf.train --help" in capsys.readouterr().err
    assert list_of_commands.main(["trian"]) == 2
    said = capsys.readouterr().err
    assert "python -m deblurgan_tf.COMMAND --help; did you mean train?" in said
    assert list_of_commands.main(["--help"]) == 0
    assert list_of_commands.main(["--version"]) == 0
    assert capsys.readouterr().out.endswith(
        f"deblurgan_tf {deblurgan_tf.__version__}\n"
    )


def test_completion_is_installed_for_every_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert list_of_commands.main(["--install-completion", "bash"]) == 0
    for name in list_of_commands.COMMANDS:
        script = tmp_path / ".bash_completions" / f"deblurgan-{name}.sh"
        assert f"_DEBLURGAN_{name.upper()}_COMPLETE=complete_bash" in script.read_text()
        assert str(script) in capsys.readouterr().out or name != "train"
    assert list_of_commands.main(["--install-completion", "tcsh"]) == 2


def test_the_tab_key_completes_an_option(monkeypatch):
    monkeypatch.setenv("_DEBLURGAN_PREDICT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "deblurgan-predict --pla")
    monkeypatch.setenv("COMP_CWORD", "1")
    result = CliRunner().invoke(predict.app, prog_name="deblurgan-predict")
    assert (result.exit_code, result.stdout) == (0, "--plates\n")
