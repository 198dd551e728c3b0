"""MkDocs hook: pages that are made from the code, figures, links to the repository.

`config.md` comes from the pydantic models, `commands.md` from the help texts: neither
can be out of date. Figures lie in `assets/figures`, where the README shows them too.
Links to other sites are written to `outside_links.txt`; nothing is fetched.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.testing import CliRunner

from deblurgan_tf.__main__ import COMMANDS

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
_outside: set[str] = set()


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the figures and the pages that are made from the code."""
    from mkdocs.structure.files import File

    for path in sorted((ROOT / "assets" / "figures").iterdir()):
        name = f"figures/{path.name}"
        files.append(File.generated(config, name, abs_src_path=str(path)))
    files.append(File.generated(config, "config.md", content=config_page()))
    files.append(File.generated(config, "commands.md", content=commands_page()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Figures are found here; a link to a file of the repository becomes its name."""
    _outside.update(re.findall(r"https?://[^\s)>\"`']+", markdown))
    markdown = markdown.replace("](../assets/figures/", "](figures/")
    return re.sub(r"\[([^\]]*)\]\(\.\./[^)]*\)", r"`\1`", markdown)


def on_post_build(config: MkDocsConfig, **_: Any) -> None:
    """Lists the links to other sites."""
    links = sorted(link for link in _outside if "127.0.0.1" not in link)
    path = Path(config.site_dir, "outside_links.txt")
    path.write_text("".join(f"{link}\n" for link in links), encoding="utf-8")


def config_page() -> str:
    """Every key of a config: type, default, meaning."""
    from deblurgan_tf.config import describe_fields

    lines = [
        "# Config",
        "",
        "One YAML file is one experiment; `--set key.sub=value` changes a key. "
        "[Train](train.md#the-config) says more.",
        "",
        "| key | type | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for field in describe_fields():
        meaning = re.sub(r"([*|<])", r"\\\1", field.description)
        lines.append(
            f"| `{field.key}` | {field.type} | `{field.default}` | {meaning} |"
        )
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """The help text of every command."""
    lines = ["# Commands", ""]
    for verb in COMMANDS:
        app = importlib.import_module(f"deblurgan_tf.{verb}").app
        for name in names(app):
            words = [name] if name else []
            shown = f"python -m deblurgan_tf.{' '.join([verb, *words])}"
            lines += [f"## {' '.join([verb, *words])}", "", "```text"]
            lines += [help_text(app, words, shown).rstrip(), "```", ""]
    return "\n".join(lines)


def names(app: typer.Typer) -> Iterator[str]:
    """The names of an application's commands; one empty name if it has one command."""
    commands = app.registered_commands
    if len(commands) == 1:
        yield ""
        return
    for command in commands:
        assert command.callback is not None
        yield command.name or command.callback.__name__.replace("_", "-")


def help_text(app: typer.Typer, words: list[str], shown: str) -> str:
    """What `--help` prints, at 100 columns."""
    found = CliRunner().invoke(
        app,
        [*words, "--help"],
        prog_name=shown.removesuffix(f" {words[0]}") if words else shown,
        env={"TERMINAL_WIDTH": "100", "COLUMNS": "100"},
    )
    if found.exit_code:
        raise RuntimeError(f"{shown} --help: exit code {found.exit_code}")
    return found.output
