"""What a number came from: the commit of the code and the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deblurgan_tf import __version__

OPENCV = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
"""The distributions of OpenCV, of which one is installed: all of them are `cv2`."""


def versions(*distributions: str) -> dict[str, str]:
    """The versions of those distributions that are installed, by their names.

    A library may have come from another distribution than ours names, or lie in a
    folder without metadata: such a one is left out. `deblurgan_tf` is always known,
    also in a checkout that is not installed.
    """
    found = {}
    for name in distributions:
        if name == "deblurgan_tf":
            found[name] = __version__
            continue
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit of the checkout that the code runs from, if it is one."""
    checkout = Path(__file__).resolve().parents[2]
    # An installed package may lie inside another project's repository.
    if not (checkout / ".git").exists():
        return "none (not a checkout)"
    command = "git --no-optional-locks describe --always --dirty --abbrev=12"
    try:
        found = subprocess.run(
            command.split(),
            cwd=checkout,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown (git cannot tell)"
    return found.stdout.strip()


def machine() -> str:
    """The processor's name, as far as the system tells it, and how many there are."""
    name = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists():
        models = re.findall(r"^model name\s*:\s*(.+)$", described.read_text(), re.M)
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} processors"
