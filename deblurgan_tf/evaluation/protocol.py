"""How the numbers came about, in words that go with them into every table."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from deblurgan_tf import __version__
from deblurgan_tf.evaluation.scores import PROTOCOL
from deblurgan_tf.evaluation.summary import BOOTSTRAP
from deblurgan_tf.evaluation.tasks import Settings
from deblurgan_tf.storage.provenance import commit, machine

WINS = (
    "pictures where no other method is better; equal ones all win, but not where all "
    "methods are equal"
)
BLIND = (
    "Richardson-Lucy, the regularised filter and Wiener are given the true kernel; "
    "blind methods are given the upper bound of its side alone, deblurgan nothing"
)
PACKAGES = (
    "numpy",
    "scipy",
    "opencv-python-headless",
    "tensorflow",
    "rapidocr",
    "onnxruntime",
)


def describe(
    data: dict[str, Any],
    command: str,
    settings: Settings,
    model: str | None,
    processes: int,
    left_out: list[str],
) -> dict[str, Any]:
    """The protocol of an evaluation, for results.json.

    data: where the pictures are and how many; command: what was typed; model: what
    `deblurgan` restored with; left_out: what was not measured, and why.
    """
    return {
        **data,
        "command": command,
        "model": model,
        "model_sha256": settings.model,
        "kernels": BLIND,
        "kernel_size": settings.size,
        "limit_seconds": settings.limit,
        "time": f"deblurgan alone on the machine with all its processors, after one "
        f"untimed picture; the others with one thread, {processes} processes side by "
        "side; measured when the picture was restored, and kept",
        "reading": settings.read,
        "detection": settings.detect
        and "plates found in the restored picture against those of boxes.csv or, for "
        "pictures that it lacks, those found in the sharp one",
        "means": "over the pictures that did not fail; empty or null is infinite or "
        "not measured",
        "metrics": PROTOCOL,
        "intervals": BOOTSTRAP,
        "wins": WINS,
        "left_out": left_out,
        "deblurgan_tf": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "packages": _versions(),
        "machine": machine(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # an extra
    return found
