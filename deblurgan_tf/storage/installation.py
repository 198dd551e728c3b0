"""Where the package came from, a checkout or a wheel, and what to type there."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
"""The folder that holds the package: a checkout, or an environment's packages."""


def python() -> str:
    """What to type for this process's Python: `python` if that is it, else its path."""
    found = shutil.which("python")
    here = Path(sys.executable)
    # Not resolved: an environment's interpreter is a link to that of the system.
    if found is not None and Path(os.path.abspath(found)) == here:
        return "python"
    return shlex.quote(str(shown(here)))


def shown(path: Path) -> Path:
    """A path as a person would type it: from the current folder if it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def install_command(extra: str) -> str:
    """The command that installs an extra into the environment of this process.

    For a checkout with its own environment `make install`; for a checkout in another
    environment, and for a wheel, pip.
    """
    if not ((HERE / "Makefile").is_file() and (HERE / "setup.cfg").is_file()):
        # The package is there already: pip only adds what the extra needs.
        return f"{python()} -m pip install 'deblurgan_tf[{extra}]'"
    if Path(sys.prefix).resolve() == (HERE / ".venv").resolve():
        place = "" if Path.cwd() == HERE else f"-C {shlex.quote(str(HERE))} "
        return f"make {place}install EXTRAS={extra}"
    target = "." if Path.cwd() == HERE else str(HERE)
    return f"{python()} -m pip install -e {shlex.quote(f'{target}[{extra}]')}"
