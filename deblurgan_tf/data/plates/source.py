"""Rendered number plates as a source: a fixed set, or a new plate for every sample."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

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

CACHED = 4096  # plates that stay in memory after they were rendered once


def plates(
    part: Data | MixPart, crop: Crop, validation: int, seed: int
) -> Items | EndlessPlates:
    """`part.count` plates (None: a new one for each sample) of the crop's size.

    crop: height and width, pixels; validation: how many plates are held out, whose
    seeds no training plate has; seed: decides all of them.
    """
    load = functools.lru_cache(maxsize=CACHED)(
        functools.partial(_load, seed=seed, crop=crop)
    )

    def item(stream: int, number: int) -> Item:
        # `_seed` says what the streams are.
        text = functools.partial(_text, stream, number, seed=seed, crop=crop)
        return Item(
            name=f"{('training', 'validation')[stream]}/{number:06d}",
            load=functools.partial(load, stream, number),
            text=text() if stream == 1 else None,
        )

    held_out = [item(1, number) for number in range(validation)]
    if part.count is None:
        return EndlessPlates(seed, held_out)
    return Items([item(0, number) for number in range(part.count)], held_out)


@dataclass(frozen=True)
class EndlessPlates:
    """A new plate for every sample; see `Source` for its methods."""

    seed: int
    validation: list[Item]
    size: None = None
    paired: bool = False

    def names(self) -> list[str]:
        """None: the config decides which plates there are."""
        return []

    def without(self, files: set[Path]) -> EndlessPlates:
        """The same: plates have no files."""
        return self

    def sample(self, seed: int, number: int, crop: Crop, flip: bool) -> Sample:
        """See `Source.sample`."""
        load = functools.partial(_load, 2, number, seed=self.seed, crop=crop)
        item = Item(f"endless/{number}", load)
        return crop_and_flip(item, crop, flip, generator(seed, 1, number))


def _seed(stream: int, number: int, seed: int) -> int:
    """Of plate `number`; stream 0: training, 1: validation, 2: endless training."""
    return int(generator(seed, 2 + stream, number).integers(2**31))


def _load(stream: int, number: int, *, seed: int, crop: Crop) -> Pair:
    return None, render_plate(_seed(stream, number, seed), *crop)[0]


def _text(stream: int, number: int, *, seed: int, crop: Crop) -> str:
    return plate_text(_seed(stream, number, seed), *crop)
