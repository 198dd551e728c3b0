"""Blurred pictures from sharp ones, with the kernels: PAIRS for `evaluate` and tests.

A pair is a pure function of the sharp picture, its name and the recipe. So the order
and the other pictures do not matter, and a folder of pairs can grow.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.blur.degradation import add_noise, blur
from deblurgan_tf.blur.kernels import kernel_bank
from deblurgan_tf.config import Blur
from deblurgan_tf.preparation.files import write_bytes


@dataclass(frozen=True)
class Recipe:
    """How pairs are made. width: what sharp pictures are scaled to first, pixels."""

    seed: int
    blur: Blur
    width: int | None = None

    def arguments(self) -> dict[str, Any]:
        """All that decides about the pixels, as plain values."""
        # Training draws from a bank of so many kernels; here each name has its own.
        how = self.blur.model_dump(mode="json", exclude={"kernels"})
        return {"seed": self.seed, "width": self.width, "blur": how}


class MadePair(NamedTuple):
    """uint8 RGB (H, W, 3) twice, and the kernel, float64 (K, K)."""

    blurred: np.ndarray
    sharp: np.ndarray
    kernel: np.ndarray


class Place(NamedTuple):
    """Where the files of a pair lie below PAIRS."""

    blurred: Path
    sharp: Path
    kernel: Path

    def complete(self) -> bool:
        return all(path.is_file() for path in self)


def place(pairs: Path, name: str) -> Place:
    """name: the picture's relative path without its ending."""
    return Place(
        pairs / "blurred" / f"{name}.png",
        pairs / "sharp" / f"{name}.png",
        pairs / "kernels" / f"{name}.npy",
    )


def make_pair(picture: np.ndarray, name: str, recipe: Recipe) -> MadePair:
    """Blurs a sharp picture with the kernel of its name and adds the noise of its name.

    picture: uint8 RGB (H, W, 3). The blurred one is `sharp` (scaled to the recipe's
    width) convolved with the kernel, borders reflected (101), plus noise, rounded.

    Raises ValueError where the picture is not larger than half its kernel.
    """
    sharp = scaled_to(picture, recipe.width)
    number = name_seed(recipe.seed, name)
    kernel = draw_kernel(recipe.blur, number)
    values = tf.constant(images.to_float(sharp)[None])
    values = blur(values, tf.constant(kernel[None], tf.float32), recipe.blur.gamma)
    values = add_noise(values, recipe.blur.noise, tf.constant([number]))
    return MadePair(images.to_uint8(values.numpy())[0], sharp, kernel)


def scaled_to(picture: np.ndarray, width: int | None) -> np.ndarray:
    """The picture at this width: means of the covered pixels, or cubic if enlarged."""
    if width is None or width == picture.shape[1]:
        return picture
    height = max(round(picture.shape[0] * width / picture.shape[1]), 1)
    smaller = width < picture.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(picture, (width, height), interpolation=method)


def name_seed(seed: int, name: str) -> int:
    """31 bits that depend on both, on every machine the same."""
    digest = hashlib.sha256(f"{seed} {name}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def draw_kernel(how: Blur, number: int) -> np.ndarray:
    """The random kernel of a number, float64 (K, K), the sum 1 to the last bits.

    Rows and columns of zeros around it are cut off evenly, so the middle stays; K is at
    most the canvas.
    """
    kernel = kernel_bank(
        how.kind, 1, how.canvas, how.length, how.intensity, how.exposures, number
    ).numpy()[0]
    middle = how.canvas // 2
    reach = int(np.abs(np.argwhere(kernel) - middle).max())
    kept = slice(middle - reach, middle + reach + 1)
    exact = kernel[kept, kept].astype(np.float64)
    return exact / exact.sum()


def write_pair(where: Place, pair: MadePair) -> None:
    """Writes the three files; the blurred one is the last."""
    data = io.BytesIO()
    np.save(data, pair.kernel)
    write_bytes(where.kernel, data.getvalue())
    for path, pixels in ((where.sharp, pair.sharp), (where.blurred, pair.blurred)):
        path.parent.mkdir(parents=True, exist_ok=True)
        images.write(path, images.Picture(pixels))
