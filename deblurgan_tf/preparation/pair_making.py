"""One pair of pictures: a sharp one, its blurred version and the kernel.

A pair is a pure function of the sharp picture, its name and the recipe. So the order
and the other pictures do not matter, and a folder of pairs can grow.
"""

from __future__ import annotations

import hashlib
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
from deblurgan_tf.errors import DataError
from deblurgan_tf.storage.atomic import make_folder, write_atomically
from deblurgan_tf.storage.names import composed


@dataclass(frozen=True)
class Recipe:
    """How pairs are made.

    seed: of all random numbers. blur: kernels and noise. width: sharp pictures are
    scaled to it first, pixels; None leaves their size.
    """

    seed: int
    blur: Blur
    width: int | None = None

    def arguments(self) -> dict[str, Any]:
        """Everything that the pixels depend on, as plain values."""
        # `kernels` is the size of a training's bank; here each name has its own kernel.
        how = self.blur.model_dump(mode="json", exclude={"kernels"})
        return {"seed": self.seed, "width": self.width, "blur": how}


class MadePair(NamedTuple):
    """Two pictures, uint8 RGB (H, W, 3), and their kernel, float64 (K, K)."""

    blurred: np.ndarray
    sharp: np.ndarray
    kernel: np.ndarray


class Place(NamedTuple):
    """Where the files of a pair lie below PAIRS."""

    blurred: Path
    sharp: Path
    kernel: Path

    def complete(self) -> bool:
        """Whether all three files exist."""
        return all(path.is_file() for path in self)


def place(pairs: Path, name: str) -> Place:
    """The files of one pair; name: the picture's relative path without its suffix."""
    return Place(
        pairs / "blurred" / f"{name}.png",
        pairs / "sharp" / f"{name}.png",
        pairs / "kernels" / f"{name}.npy",
    )


def make_pair(picture: np.ndarray, name: str, recipe: Recipe) -> MadePair:
    """Blurs a sharp picture, with a kernel and noise that its name decides about.

    The picture is scaled to the recipe's width. blurred = sharp convolved with the
    kernel, borders reflected (101), plus noise, rounded to 8 bits.

    Args:
        picture: uint8 RGB (H, W, 3).
        name: relative path without a suffix.
        recipe: seed, blur and width.

    Raises:
        DataError: the picture is too small for its kernel.
    """
    sharp = scaled_to(picture, recipe.width)
    number = name_seed(recipe.seed, name)
    kernel = draw_kernel(recipe.blur, number)
    height, width = sharp.shape[:2]
    if min(height, width) <= len(kernel) // 2:
        raise DataError(
            f"pictures of {height}x{width} are too small for a kernel of "
            f"{len(kernel)}x{len(kernel)}: they need more than {len(kernel) // 2} "
            "pixels a side; omit this one, or give a smaller --canvas and --length"
        )
    values = tf.constant(images.to_float(sharp)[None])
    values = blur(values, tf.constant(kernel[None], tf.float32), recipe.blur.gamma)
    values = add_noise(values, recipe.blur.noise, tf.constant([number]))
    return MadePair(images.to_uint8(values.numpy())[0], sharp, kernel)


def scaled_to(picture: np.ndarray, width: int | None) -> np.ndarray:
    """The picture at this width; None or its own width: as it is.

    Downsampled by means over areas, enlarged by cubic interpolation.
    """
    if width is None or width == picture.shape[1]:
        return picture
    height = max(round(picture.shape[0] * width / picture.shape[1]), 1)
    smaller = width < picture.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(picture, (width, height), interpolation=method)


def name_seed(seed: int, name: str) -> int:
    """A seed of 31 bits that depends on both, the same on every machine."""
    text = f"{seed} {composed(name)}".encode(errors="surrogateescape")
    digest = hashlib.sha256(text).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def draw_kernel(how: Blur, number: int) -> np.ndarray:
    """The random kernel of a number: float64 (K, K), sum 1, K at most the canvas.

    Zeros around it are cut off equally at all sides, so that its middle stays.
    """
    kernel = kernel_bank(
        how.kind, 1, how.canvas, how.length, how.intensity, how.exposures, number
    ).numpy()[0]
    middle = how.canvas // 2
    radius = int(np.abs(np.argwhere(kernel) - middle).max())
    kept = slice(middle - radius, middle + radius + 1)
    exact = kernel[kept, kept].astype(np.float64)
    return exact / exact.sum()


def write_pair(where: Place, pair: MadePair) -> None:
    """Writes the three files; the blurred one is the last.

    Raises:
        OSError: a file cannot be written.
    """
    for path in where:
        make_folder(path.parent)
    write_atomically(where.kernel, lambda file: np.save(file, pair.kernel))
    images.write(where.sharp, images.Picture(pair.sharp))
    images.write(where.blurred, images.Picture(pair.blurred))
