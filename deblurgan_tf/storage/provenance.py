"""Where a number comes from: versions, the commit of the code, the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

from deblurgan_tf import __version__

OPENCV = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
"""The packages of OpenCV, of which one is installed: all of them are `cv2`."""
NOT_INSTALLED = "not installed"


def version(package: str) -> str:
    """The version of a package; NOT_INSTALLED where the system knows none.

    A package can run without being installed, from a checkout or under another name.
    """
    if package == "deblurgan_tf":
        return __version__
    try:
        return installed_version(package)
    except PackageNotFoundError:
        return NOT_INSTALLED


def versions(*packages: str) -> dict[str, str]:
    """The versions of those packages that are installed, by their names."""
    found = {package: version(package) for package in packages}
    return {name: text for name, text in found.items() if text != NOT_INSTALLED}


def commit() -> str:
    """The commit of the checkout that the code runs from, or that there is none."""
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
        return "unknown (git does not answer)"
    return found.stdout.strip()


def machine() -> str:
    """The processor's name, where the system has it, and the number of processors."""
    name = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists():
        models = re.findall(r"^model name\s*:\s*(.+)$", described.read_text(), re.M)
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} processors"
