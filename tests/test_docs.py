"""What README, manual and help texts tell people to type is right."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer.main
from helpers.places import ROOT

import deblurgan_tf
from deblurgan_tf import __main__ as list_of_commands
from deblurgan_tf import config as configs

PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "experiments/**/*.md", "assets/**/*.md")
    for path in ROOT.glob(pattern)
)
OURS = ("experiments/", "assets/", "examples/", "docs/", "tests/", "deblurgan_tf/")
COMMAND = re.compile(r"python -m deblurgan_tf\.(\w+)(.*)")


def code_of(text: str) -> list[str]:
    """The lines of code blocks and `code` in the text, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", text)
    blocks = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    return blocks + re.findall(r"`([^`\n]+)`", text)


def commands_of(text: str) -> list[tuple[str, list[str]]]:
    """(verb, arguments) of each `python -m deblurgan_tf.VERB ...` in the text."""
    found = []
    for line in code_of(text):
        for part in re.split(r"\|\||&&|;", line):
            match = COMMAND.search(part)
            if match:
                rest = match[2].split(" >")[0]
                if rest.count('"') % 2:  # A="python -m ..."
                    rest = rest.rstrip('"')
                arguments = shlex.split(rest, comments=True)
                found.append((match[1], [x for x in arguments if x != "..."]))
    return found


def check(verb: str, arguments: list[str]) -> None:
    """Parses the arguments as the command itself does; nothing is run."""
    app = importlib.import_module(f"deblurgan_tf.{verb}").app
    command = typer.main.get_command(app)
    if "--help" in arguments:
        arguments = [x for x in arguments if x != "--help"]
        if not arguments:
            return
    context = command.make_context(verb, list(arguments))
    if hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, list(arguments))
        context = command.make_context(name, rest, parent=context)
    if verb == "train":
        path = context.params["config"] or configs.experiment("plates_paper")
        if not Path(path).is_absolute() and str(path).startswith(OURS):
            path = ROOT / path
        if Path(path).is_file():
            configs.load(path, context.params["overrides"] or [])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_have_the_options_that_they_use(page):
    for verb, arguments in commands_of(page.read_text(encoding="utf-8")):
        # B, M and so on stand for options that were named before.
        if any(argument.startswith("$") for argument in arguments):
            continue
        try:
            check(verb, arguments)
        except Exception as error:
            pytest.fail(f"{verb} {shlex.join(arguments)}: {error!r}")


@pytest.mark.parametrize("verb", list_of_commands.COMMANDS)
def test_the_examples_of_the_help_can_be_typed(verb):
    command = typer.main.get_command(
        importlib.import_module(f"deblurgan_tf.{verb}").app
    )
    examples = [
        line
        for each in getattr(command, "commands", {verb: command}).values()
        for line in each.epilog.split("\b\n")[1].splitlines()
    ]
    assert examples
    for line in examples:
        [(verb, arguments)] = commands_of(f"    {line}\n")
        check(verb, arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_of_the_repository_are_there(page):
    for line in code_of(page.read_text(encoding="utf-8")):
        for word in re.split(r"[\s'\"=,;()]+", line):
            path = word.rstrip(".:")
            if path.startswith(OURS) and not re.search(r"NAME|DIR|\.\.\.", path):
                assert list(ROOT.glob(path.rstrip("/"))), f"{path} in: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_are_there(page):
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"\.PHONY: (.*)", makefile)[1].split())
    for line in code_of(page.read_text(encoding="utf-8")):
        if re.match(r"make( |$)", line):
            words = shlex.split(line.split("&&")[0], comments=True)[1:]
            assert {word for word in words if "=" not in word} <= targets, line


@pytest.mark.parametrize(
    "page",
    [path for path in PAGES if path.parent in (ROOT, ROOT / "docs")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_links_between_pages_and_their_headings_are_there(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        name, _, heading = target.partition("#")
        other = page.parent / name if name else page
        # Pages that the documentation's build makes from the code.
        if other == ROOT / "docs" / other.name and other.name in MADE:
            continue
        assert other.exists(), f"{page.name}: {target}"
        if heading:
            known = re.findall(r"^#+ (.*)", other.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w -]", "", x.lower()).replace(" ", "-") for x in known}
            assert heading in slugs, f"{page.name}: {target}"


MADE = ("config.md", "commands.md")


def test_the_readmes_are_short_and_have_the_same_code():
    english, vietnamese = (
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("README.md", "README.vi.md")
    )
    blocks = [
        [line for line in text.splitlines() if line.startswith("    ")]
        for text in (english, vietnamese)
    ]
    assert blocks[0] and blocks[0] == blocks[1]
    commands = [re.findall(r"`(python -m [^`]+)`", x) for x in (english, vietnamese)]
    assert commands[0] == commands[1]
    for text in (english, vietnamese):
        assert len(text.splitlines()) <= 150 and len(text.encode()) <= 12_000


def test_python_lines_use_the_public_interface_alone():
    for name in ("README.md", "docs/restore.md", "docs/plates.md", "docs/videos.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        lines = "\n".join(line for line in text.splitlines() if line.startswith("    "))
        used = set(re.findall(r"(?<![-\w.])deblurgan_tf\.(\w+)\(", lines))
        assert used and used <= set(deblurgan_tf.__all__), name
        assert "from deblurgan_tf" not in lines


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("python -m deblurgan_tf.predict a.jpg --output out --no-such-option", "such"),
        ("python -m deblurgan_tf.prepare blurr sharp --output pairs", "blurr"),
        ("python -m deblurgan_tf.train --set data.colour=1", "data.colour"),
        (
            "python -m deblurgan_tf.export --model x --output x --format tflite",
            "tflite",
        ),
    ],
)
def test_a_wrong_line_would_be_found(line, why):
    [(verb, arguments)] = commands_of(f"    {line}\n")
    with pytest.raises(Exception, match=why):
        check(verb, arguments)
