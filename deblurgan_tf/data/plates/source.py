"""The embedded source: rendered number plates, a fixed set or an endless stream."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from deblurgan_tf.config import Data, MixPart
from deblurgan_tf.data.plates.render import plate_text, render_plate
from deblurgan_tf.data.source import (
    Crop,
    Item,
    Items,
    Pair,
    Sample,
    crop_and_flip,
    generator,
)

# A fixed set of this many plates at most is kept in memory after its first pass.
KEPT = 4096


def plates(
    part: Data | MixPart, crop: Crop, validation: int, seed: int
) -> Items | EndlessPlates:
    """`count` plates (None: a new one for each sample) of the crop's size.

    The plates to validate on come from a stream of their own.
    """
    load = functools.lru_cache(maxsize=KEPT)(
        functools.partial(_load, seed=seed, crop=crop)
    )

    def item(stream: int, number: int) -> Item:
        text = functools.partial(_text, stream, number, seed=seed, crop=crop)
        return Item(
            name=f"{('training', 'validation')[stream]}/{number:06d}",
            load=functools.partial(load, stream, number),
            text=text() if stream == 1 else None,
        )

    aside = [item(1, number) for number in range(validation)]
    if part.count is None:
        return EndlessPlates(seed, aside)
    return Items([item(0, number) for number in range(part.count)], aside)


@dataclass(frozen=True)
class EndlessPlates:
    """A new plate for every sample."""

    seed: int
    validation: list[Item]

    @property
    def size(self) -> None:
        return None

    def names(self) -> list[str]:
        return []

    def without(self, files: set) -> EndlessPlates:
        return self  # plates have no files

    def sample(self, seed: int, number: int, crop: Crop, flip: bool) -> Sample:
        blurred, sharp = _load(2, number, seed=self.seed, crop=crop)
        return crop_and_flip(blurred, sharp, crop, flip, generator(seed, 1, number))


def _seed(stream: int, number: int, seed: int) -> int:
    return int(generator(seed, 2 + stream, number).integers(2**31))


def _load(stream: int, number: int, *, seed: int, crop: Crop) -> Pair:
    return None, render_plate(_seed(stream, number, seed), *crop)[0]


def _text(stream: int, number: int, *, seed: int, crop: Crop) -> str:
    return plate_text(_seed(stream, number, seed), *crop)
