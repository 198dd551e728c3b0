"""The frame of all commands: errors as one line, exit codes, `--debug`, help."""

from __future__ import annotations

import importlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest
import typer
from helpers.places import ROOT
from typer.testing import CliRunner

from deblurgan_tf import __version__
from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import MissingExtra, PictureError, UserError, WorkFailed

NO_VERBS = {"__init__", "__main__", "devices", "errors", "keras_settings"}
VERBS = sorted(
    path.stem
    for path in (ROOT / "deblurgan_tf").glob("*.py")
    if path.stem not in NO_VERBS
)


def run(function, *arguments):
    """The result of a command that consists of this function alone."""
    app = App()
    app.command()(function)
    return CliRunner().invoke(app, arguments)


def raising(error):
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("what\nand how [brackets]"), 2),
        (PictureError("what\nand how [brackets]"), 2),
        (MissingExtra("what\nand how [brackets]"), 2),
        (WorkFailed("what\nand how [brackets]"), 1),
    ],
)
def test_a_user_error_is_its_message_and_its_exit_code(error, code):
    result = run(raising(error))
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == "error: what\nand how [brackets]\n"


def test_a_long_message_is_one_line():
    result = run(raising(UserError("word " * 100)))
    assert result.stderr == f"error: {'word ' * 100}\n"


def test_debug_shows_the_traceback_and_the_message():
    result = run(raising(UserError("what and how")), "--debug")
    assert result.exit_code == 2
    assert "Traceback (most recent call last)" in result.stderr
    assert "in command" in result.stderr
    assert result.stderr.endswith("\nerror: what and how\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (SystemExit(143), 143),
        (typer.Exit(1), 1),
        (typer.Exit(0), 0),
    ],
)
@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_other_ends_pass_through_without_a_word(error, code, debug):
    result = run(raising(error), *debug)
    assert result.exit_code == code
    assert result.output == ""


@pytest.mark.parametrize("error", [ValueError("a bug"), RuntimeError(), OSError("no")])
def test_a_bug_is_not_hidden(error):
    result = run(raising(error))
    assert result.exception is error
    assert result.output == ""


def test_typer_reports_wrong_options_with_exit_code_2():
    result = run(raising(UserError("never")), "--no-such-option")
    assert result.exit_code == 2
    assert "No such option" in result.stderr


class Shade(StrEnum):
    DARK = "dark"
    LIGHT = "light"


def test_options_and_help_of_the_function_stay():
    seen = []

    def paint(
        file: Annotated[Path, typer.Argument(help="what to paint")],
        shade: Annotated[Shade, typer.Option(help="how bright")] = Shade.DARK,
        often: Annotated[int, typer.Option("--times", "-n", min=1)] = 3,
        also: Annotated[list[str] | None, typer.Option()] = None,
    ) -> None:
        """Paint a file.

        And say so.
        """
        seen.append((file, shade, often, also))

    wanted = "Paint a file.", "And say so.", "what to paint", "how bright", "--times"
    text = run(paint, "--help").stdout
    for part in (*wanted, "-n", "dark|light", "default: dark", "x>=1", "--debug"):
        assert part in text
    assert run(paint, "a").exit_code == 0
    every = ("a", "--shade", "light", "-n", "2", "--also", "x", "--also", "y")
    assert run(paint, *every, "--debug").exit_code == 0
    assert run(paint, "a", "--times", "0").exit_code == 2
    assert seen == [
        (Path("a"), Shade.DARK, 3, None),
        (Path("a"), Shade.LIGHT, 2, ["x", "y"]),
    ]


def test_examples_can_be_copied_from_the_help(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    app = App()
    lines = (f"python -m deblurgan_tf.first{' --option value' * 5}", "second | third")

    @app.command(examples=lines)
    def command() -> None:
        """Does nothing."""

    text = CliRunner().invoke(app, ["--help"]).stdout
    shown = [line.strip() for line in text.splitlines()]
    assert shown[shown.index("Examples:") + 2 :] == list(lines)


def test_the_decorated_function_stays_as_it_is():
    app = App()

    def double(value: int = 2) -> int:
        return 2 * value

    assert app.command()(double) is double
    assert double() == 4


def commands():
    """Every command of every verb: its app, and its name if it is a subcommand."""
    for verb in VERBS:
        app = importlib.import_module(f"deblurgan_tf.{verb}").app
        command = typer.main.get_command(app)
        for name in getattr(command, "commands", {None: command}):
            yield pytest.param(app, [name] if name else [], id=f"{verb} {name or ''}")


@pytest.mark.parametrize(("app", "name"), list(commands()))
def test_every_verb_has_what_all_have(app, name):
    assert isinstance(app, App)
    result = CliRunner().invoke(app, [*name, "--help"])
    assert result.exit_code == 0
    assert "--debug" in result.stdout and "--version" in result.stdout
    assert "\n  Examples:\n\n  python -m deblurgan_tf." in result.stdout
    # What a command makes is named by --output, or -o.
    assert ("--output" in result.stdout) == ("-o, --output" in result.stdout)


@pytest.mark.parametrize("verb", [x for x in VERBS if x != "export"])
def test_every_verb_tells_the_version(verb):
    app = importlib.import_module(f"deblurgan_tf.{verb}").app
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"deblurgan_tf {__version__}\n")


def test_all_verbs_were_found():
    assert {"train", "predict", "evaluate", "prepare", "benchmark"} <= set(VERBS)


def test_names_never_reach_the_terminal_as_commands(capfd):
    name = "a\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202egpj.png\udcff \u00fc[b]"
    say(name)
    _, said = capfd.readouterr()
    assert said == (
        r"a\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202egpj.png" + "\ufffd \u00fc[b]\n"
    )
