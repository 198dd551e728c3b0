"""What every source of pictures offers: samples to train on, items to validate on.

The order of the training samples is a pure function of (seed, position). So a training
continues after a restart exactly where it stopped, and no order is stored.
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
from deblurgan_tf.errors import DataError, UserError

Crop = tuple[int, int]  # height, width
# (blurred, sharp), uint8 (H, W, 3); blurred is None where it has to be made
Pair = tuple[np.ndarray | None, np.ndarray]


class Sample(NamedTuple):
    """A crop to train on. Where `paired` is False, it is blurred on the device."""

    blurred: np.ndarray  # uint8 (H, W, 3); equals `sharp` where `paired` is False
    sharp: np.ndarray  # uint8 (H, W, 3)
    paired: np.ndarray  # bool, ()


@dataclass(frozen=True)
class Item:
    """One picture, or one pair, which is loaded when it is needed."""

    name: str  # unique in its source
    load: Callable[[], Pair]
    sharp_file: Path | None = None  # of the sharp picture, if it has one of its own
    text: str | None = None  # what can be read on it, if that is known


class Source(Protocol):
    """Where (blurred, sharp) comes from."""

    @property
    def validation(self) -> list[Item]:
        """The pictures that are held out."""

    @property
    def size(self) -> int | None:
        """The number of sharp pictures to train on; None is endless."""

    @property
    def paired(self) -> bool:
        """Whether every sample is a given pair, so that no blur has to be made."""

    def names(self) -> list[str]:
        """All pictures, as "training/NAME" and "validation/NAME".

        A resumed run must find the same names. Empty where the config alone decides
        which pictures there are.
        """

    def sample(self, seed: int, number: int, crop: Crop, flip: bool) -> Sample:
        """Sample `number`, from 0, of a training without end.

        A function of its arguments alone, so that any process can make any sample, in
        any order. crop: height and width, pixels; flip: mirror half of the samples.
        Raises DataError or PictureError for a picture that cannot be used.
        """

    def without(self, files: set[Path]) -> Source:
        """The same without the training items whose sharp file is one of these."""


@dataclass(frozen=True)
class Items:
    """A source of a fixed number of items; see `Source` for its methods."""

    training: Sequence[Item]
    validation: list[Item] = field(default_factory=list)
    paired: bool = False  # whether the items are pairs

    @property
    def size(self) -> int:
        """The number of items to train on."""
        return len(self.training)

    def names(self) -> list[str]:
        """See `Source.names`."""
        return [f"training/{item.name}" for item in self.training] + [
            f"validation/{item.name}" for item in self.validation
        ]

    def without(self, files: set[Path]) -> Items:
        """See `Source.without`."""
        kept = [item for item in self.training if item.sharp_file not in files]
        return Items(kept, self.validation, self.paired)

    def sample(self, seed: int, number: int, crop: Crop, flip: bool) -> Sample:
        """See `Source.sample`: every epoch shows each item once, in a new order."""
        epoch, place = divmod(number, self.size)
        item = self.training[_order(seed, epoch, self.size)[place]]
        return crop_and_flip(item, crop, flip, generator(seed, 1, number))


def samples(
    source: Source,
    seed: int,
    crop: Crop,
    flip: bool,
    positions: tf.data.Dataset,
    failures: list[UserError] | None = None,
) -> tf.data.Dataset:
    """The samples of these positions in their order, loaded in parallel.

    positions: int64 scalars. Elements: `blurred` and `sharp`, uint8 (H, W, 3),
    `paired`, bool, and `position`. What a picture that cannot be used raises is added
    to `failures`: TensorFlow raises it as an error of its own.
    """

    def sample(position: np.ndarray) -> Sample:
        try:
            return source.sample(seed, int(position), crop, flip)
        except UserError as error:
            if failures is not None:
                failures.append(error)
            raise

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
    item: Item, crop: Crop, flip: bool, rng: np.random.Generator
) -> Sample:
    """A random crop of an item, of both pictures of a pair at the same place.

    crop: height and width, pixels; flip: mirror it with a probability of one half.
    Raises DataError where the picture is smaller than the crop, or those of a pair
    differ in size.
    """
    blurred, sharp = item.load()
    height, width = crop
    if sharp.shape[0] < height or sharp.shape[1] < width:
        raise DataError(
            f"{item.sharp_file or item.name}: has {sharp.shape[0]}x{sharp.shape[1]} "
            f"pixels now, less than the crop of {height}x{width}: it was changed "
            "during the training; put it back"
        )
    if blurred is not None and blurred.shape != sharp.shape:
        raise DataError(
            f"{item.sharp_file or item.name}: has {sharp.shape[0]}x{sharp.shape[1]} "
            f"pixels now, its blurred picture {blurred.shape[0]}x{blurred.shape[1]}: "
            "one was changed during the training; put it back"
        )
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
    """(height, width) of a picture of this size downsampled by `data.scale`."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def downsampled(picture: np.ndarray, scale: float) -> np.ndarray:
    """A picture (H, W, 3) in its `scaled` size: a pixel is the mean of those it covers.

    scale: above 0, at most 1.
    """
    if scale == 1.0:
        return picture
    height, width = scaled((picture.shape[0], picture.shape[1]), scale)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def generator(*numbers: int) -> np.random.Generator:
    """A NumPy generator that depends on all of the numbers, each at least 0."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(numbers)))


@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, size: int) -> np.ndarray:
    """The numbers of the items in the order of an epoch, int64 (size,)."""
    return generator(seed, 0, epoch).permutation(size)


def split(items: list[Item], count: int, origin: str, paired: bool) -> Items:
    """Holds `count` items out for validation; the others are to train on.

    origin: named in the DataError that is raised where none is left to train on;
    paired: whether the items are pairs.
    """
    if len(items) <= count:
        raise DataError(
            f"{origin}: {len(items)} pictures, of which data.validation holds out "
            f"{count}: none is left to train on; add pictures or lower data.validation"
        )
    held_out = hold_out((item.name for item in items), count)
    return Items(
        training=[item for item in items if item.name not in held_out],
        validation=[item for item in items if item.name in held_out],
        paired=paired,
    )
