"""What every source of pictures gives: items to train on, items to validate on.

The order of the training samples is a pure function of (seed, position), so a training
goes on after a restart exactly where it stopped: nothing about the order is stored.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import tensorflow as tf

from deblurgan_tf.data.holdout import hold_out
from deblurgan_tf.errors import DataError

Crop = tuple[int, int]  # height, width
# (blurred or None where it is to be made, sharp), uint8 (H, W, 3)
Pair = tuple[np.ndarray | None, np.ndarray]


class Sample(NamedTuple):
    """A crop to train on, uint8 (H, W, 3); `blurred` is `sharp` again where `paired`
    is False: it is blurred on the device.
    """

    blurred: np.ndarray
    sharp: np.ndarray
    paired: np.ndarray  # bool, ()


@dataclass(frozen=True)
class Item:
    """One picture, or one pair. `sharp_file` is where the sharp one lies, if it does;
    `text` is what can be read on it, if that is known.
    """

    name: str
    load: Callable[[], Pair]
    sharp_file: Path | None = None
    text: str | None = None


class Source(Protocol):
    """Where (blurred, sharp) comes from."""

    @property
    def validation(self) -> list[Item]:
        """The pictures that are held out."""

    @property
    def size(self) -> int | None:
        """The number of sharp pictures to train on; None is endless."""

    def names(self) -> list[str]:
        """What it holds, "training/NAME" and "validation/NAME": a resumed run has to
        find the same. Empty for pictures that the config alone decides on.
        """

    def sample(self, seed: int, number: int, crop: Crop, flip: bool) -> Sample:
        """Sample `number` of an endless training: a function of its arguments alone,
        so that any process can make any sample, in any order.
        """

    def without(self, files: set[Path]) -> Source:
        """The same without the training items whose sharp picture is one of these."""


@dataclass(frozen=True)
class Items:
    """A source whose items can be loaded in any order: what all but tfds are."""

    training: Sequence[Item]
    validation: list[Item] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.training)

    def names(self) -> list[str]:
        return [f"training/{item.name}" for item in self.training] + [
            f"validation/{item.name}" for item in self.validation
        ]

    def without(self, files: set[Path]) -> Items:
        kept = [item for item in self.training if item.sharp_file not in files]
        return Items(kept, self.validation)

    def sample(self, seed: int, number: int, crop: Crop, flip: bool) -> Sample:
        epoch, place = divmod(number, self.size)
        item = self.training[_order(seed, epoch, self.size)[place]]
        blurred, sharp = item.load()
        return crop_and_flip(blurred, sharp, crop, flip, generator(seed, 1, number))


def samples(
    source: Source, seed: int, crop: Crop, flip: bool, positions: tf.data.Dataset
) -> tf.data.Dataset:
    """The samples of these positions in their order, loaded in parallel.

    Elements: `blurred` and `sharp`, uint8 (H, W, 3), `paired`, bool, and `position`.
    """

    def sample(position: np.ndarray) -> Sample:
        return source.sample(seed, int(position), crop, flip)

    def element(position: tf.Tensor) -> dict[str, tf.Tensor]:
        # The function depends on its argument alone, so it may run in any order.
        types = [tf.uint8, tf.uint8, tf.bool]
        made = tf.numpy_function(sample, [position], types, stateful=False)
        return {
            # A NumPy function cannot tell its shapes.
            "blurred": tf.ensure_shape(made[0], (*crop, 3)),
            "sharp": tf.ensure_shape(made[1], (*crop, 3)),
            "paired": tf.ensure_shape(made[2], ()),
            "position": position,
        }

    return positions.map(element, tf.data.AUTOTUNE, deterministic=True)


def crop_and_flip(
    blurred: np.ndarray | None,
    sharp: np.ndarray,
    crop: Crop,
    flip: bool,
    rng: np.random.Generator,
) -> Sample:
    """A random crop of both pictures at the same place, mirrored half of the time."""
    height, width = crop
    if sharp.shape[0] < height or sharp.shape[1] < width:
        raise DataError(f"{sharp.shape[:2]} is smaller than the crop {crop}")
    top = rng.integers(sharp.shape[0] - height + 1)
    left = rng.integers(sharp.shape[1] - width + 1)
    step = -1 if rng.random() < 0.5 and flip else 1

    def cut(picture: np.ndarray) -> np.ndarray:
        part = picture[top : top + height, left : left + width][:, ::step]
        return np.ascontiguousarray(part)

    cut_sharp = cut(sharp)
    if blurred is None:
        return Sample(cut_sharp, cut_sharp, np.array(False))
    return Sample(cut(blurred), cut_sharp, np.array(True))


def scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """(height, width) after the reduction of `data.scale`."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def reduced(picture: np.ndarray, scale: float) -> np.ndarray:
    """A picture of `scaled` size, every pixel the mean of those it covers."""
    if scale == 1.0:
        return picture
    height, width = scaled((picture.shape[0], picture.shape[1]), scale)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def generator(*numbers: int) -> np.random.Generator:
    """A NumPy generator that depends on all of the numbers."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(numbers)))


@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, size: int) -> np.ndarray:
    return generator(seed, 0, epoch).permutation(size)


def split(items: list[Item], count: int, origin: str) -> Items:
    """Holds `count` items out for validation; raises DataError if none is left."""
    if len(items) <= count:
        raise DataError(
            f"{origin}: {len(items)} pictures, of which data.validation sets {count} "
            "aside: none is left to train on; add pictures or lower data.validation"
        )
    held_out = hold_out((item.name for item in items), count)
    return Items(
        training=[item for item in items if item.name not in held_out],
        validation=[item for item in items if item.name in held_out],
    )
