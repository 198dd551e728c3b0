"""Compares an exported model with `predict`, in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from deblurgan_tf.errors import WorkFailed
from deblurgan_tf.inference.restorer import Restorer
from deblurgan_tf.storage.leftovers import temporary_folder

Pictures = list[np.ndarray]


class Tolerance(NamedTuple):
    """How far the answers may differ from `predict`'s pixels.

    levels: the largest difference, in grey levels. share: the fraction of values that
    may differ at all. psnr: the lowest PSNR against `predict`'s pixels, in dB, over all
    values.
    """

    levels: int
    share: float
    psnr: float


# Sums in another order sometimes change how a value is rounded.
FLOAT32 = Tolerance(levels=1, share=1e-2, psnr=0)
QUANTISED = {
    "float16": Tolerance(levels=8, share=1, psnr=50),
    "int8": Tolerance(levels=255, share=1, psnr=30),
}


class Agreement(NamedTuple):
    """How far the answers of one signature differ from `predict`'s pixels."""

    signature: str
    pictures: int
    largest: int
    share: float
    psnr: float
    seconds: float

    def __str__(self) -> str:
        start = f"{self.signature}: {self.pictures} pictures, "
        if not self.largest:
            return f"{start}equal to predict ({self.seconds:.1f} s)"
        return (
            f"{start}largest difference from predict {self.largest} of 255, in "
            f"{self.share:.2g} of the values, {self.psnr:.1f} dB ({self.seconds:.1f} s)"
        )


def pictures() -> Pictures:
    """The pictures of the comparison: uint8 (H, W, 3) of odd sizes, and a flat one."""
    sizes = [(1, 1), (97, 5), (2, 150), (17, 23), (64, 128), (64, 128), (131, 67)]
    sizes += [(240, 320)]
    made = [_blocks(*size, seed) for seed, size in enumerate(sizes)]
    return [*made, np.full((20, 20, 3), (7, 99, 200), np.uint8)]


def _blocks(height: int, width: int, seed: int) -> np.ndarray:
    """Blurred edges and noise, which a generator changes."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (-(-height // 9), -(-width // 9), 3), np.uint8)
    picture = np.kron(blocks, np.ones((9, 9, 1), np.uint8))[:height, :width]
    noisy = cv2.blur(picture, (1, 5)) + rng.normal(0, 2, picture.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def compare(path: Path, restorer: Restorer, tolerance: Tolerance) -> list[Agreement]:
    """Compares each signature of an exported model with `restorer`.

    path: a SavedModel's folder, an .onnx or a .tflite file. Raises WorkFailed where a
    signature differs by more than the tolerance, or cannot run.
    """
    blurred = pictures()
    wanted = [restorer.restore(picture) for picture in blurred]
    found = []
    for signature, (restored, seconds) in answers(path, blurred).items():
        agreement = _measured(signature, restored, wanted, seconds)
        if (
            agreement.largest > tolerance.levels
            or agreement.share > tolerance.share
            or agreement.psnr < tolerance.psnr
        ):
            raise WorkFailed(
                f"{agreement}. Allowed are a difference of {tolerance.levels}, in "
                f"{tolerance.share:g} of the values, and {tolerance.psnr:g} dB. The "
                "export is not kept; report the model and the versions of the packages"
            )
        found.append(agreement)
    return found


def _measured(
    signature: str, restored: Pictures, wanted: Pictures, seconds: float
) -> Agreement:
    for number, (one, other) in enumerate(zip(restored, wanted, strict=True)):
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            raise WorkFailed(
                f"{signature}: picture {number} became {one.shape} {one.dtype}, not "
                f"{other.shape} {other.dtype}. The export is not kept"
            )
    differences = np.concatenate(
        [
            np.abs(one.astype(int) - other).ravel()
            for one, other in zip(restored, wanted, strict=True)
        ]
    )
    error = np.mean(np.square(differences.astype(float)))
    return Agreement(
        signature,
        pictures=len(wanted),
        largest=int(differences.max()),
        share=float(np.mean(differences > 0)),
        psnr=float(10 * np.log10(255**2 / error)) if error else float("inf"),
        seconds=seconds,
    )


def answers(path: Path, blurred: Pictures) -> dict[str, tuple[Pictures, float]]:
    """Signature -> (restored pictures, seconds), from a fresh process.

    Raises WorkFailed with the last line of that process where it fails.
    """
    with temporary_folder() as folder:
        source, target = Path(folder, "pictures.npz"), Path(folder, "answers.npz")
        numbered: dict[str, Any] = {str(n): each for n, each in enumerate(blurred)}
        np.savez(source, **numbered)
        module = "deblurgan_tf.exporting.reloaded"
        ended = subprocess.run(
            [sys.executable, "-m", module, path, source, target],
            capture_output=True,
            text=True,
            errors="replace",
        )
        if ended.returncode or not target.exists():
            last = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            raise WorkFailed(
                f"{path.name} does not run in a fresh process (exit code "
                f"{ended.returncode}): {last}. The export is not kept"
            )
        with np.load(target) as stored:
            values = dict(stored)
    signatures = [name[:-8] for name in values if name.endswith("/seconds")]
    return {
        name: (
            [values[f"{name}/{number}"] for number in range(len(blurred))],
            float(values[f"{name}/seconds"]),
        )
        for name in signatures
    }
