"""How the results were measured, in words that go with them into every table."""

from __future__ import annotations

import platform
from typing import Any

from deblurgan_tf import __version__
from deblurgan_tf.evaluation.scores import PROTOCOL
from deblurgan_tf.evaluation.summary import BOOTSTRAP
from deblurgan_tf.evaluation.tasks import Settings
from deblurgan_tf.storage.provenance import OPENCV, commit, machine, versions

WINS = (
    "pictures where no other method is better; equal methods all win, unless all "
    "methods are equal"
)
MEANS = (
    "of the finite values of the pictures that did not fail; the infinite ones (PSNR "
    "of equal pictures) are counted beside them; empty or null: no finite value, or "
    "not measured. In bold: the best mean without the pictures where a method is "
    "infinite, and of equal ones the method with most infinite values"
)
BLIND = (
    "Richardson-Lucy, the regularised filter and Wiener get the true kernel; blind "
    "methods get an upper bound of its side only, deblurgan gets nothing"
)
PACKAGES = (
    "numpy",
    "scipy",
    *OPENCV,
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

    Args:
        data: where the pictures are and how many.
        command: the command line.
        settings: those of all tasks.
        model: what `deblurgan` restored with; None without `deblurgan`.
        processes: how many worked at the same time.
        left_out: notices about what was not measured, and why.
    """
    return {
        **data,
        "command": command,
        "model": model,
        "model_sha256": settings.model,
        "kernels": BLIND,
        "kernel_size": settings.size,
        "limit_seconds": settings.limit,
        "time": f"deblurgan with all processors and nothing beside it, after one "
        f"untimed picture; the others with one thread each, {processes} processes at "
        "the same time; measured when the picture was restored, and kept",
        "reading": settings.read,
        "detection": settings.detect
        and "plates found in the restored picture against those of boxes.csv or, for "
        "pictures that it lacks, those found in the sharp one",
        "means": MEANS,
        "metrics": PROTOCOL,
        "intervals": BOOTSTRAP,
        "wins": WINS,
        "left_out": left_out,
        "deblurgan_tf": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "packages": versions(*PACKAGES),
        "machine": machine(),
    }
