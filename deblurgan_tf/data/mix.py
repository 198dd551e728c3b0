"""A mix of sources, each with its share of the samples."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deblurgan_tf.data.source import Crop, Item, Items, Sample, Source, generator
from deblurgan_tf.errors import DataError

BLOCK = 4096  # choices drawn at a time


@dataclass(frozen=True)
class Mix:
    """Draws each sample's source by its share; see `Source` for its methods.

    No source trains on a picture that another one holds out for validation.
    """

    sources: tuple[Source, ...]
    shares: tuple[float, ...]
    validation: list[Item]

    @property
    def size(self) -> int | None:
        """The sharp pictures of all sources; one that two of them read counts once."""
        total = 0
        files: set[Path] = set()
        for source in self.sources:
            if source.size is None:
                return None
            total += source.size
            if isinstance(source, Items):
                found = {item.sharp_file for item in source.training if item.sharp_file}
                total -= len(files & found)
                files |= found
        return total

    @property
    def paired(self) -> bool:
        """See `Source.paired`."""
        return all(source.paired for source in self.sources)

    def names(self) -> list[str]:
        """See `Source.names`; with the number of the source before each name."""
        return [
            f"{number}/{name}"
            for number, source in enumerate(self.sources)
            for name in source.names()
        ]

    def without(self, files: set[Path]) -> Mix:
        """See `Source.without`."""
        kept = tuple(source.without(files) for source in self.sources)
        return Mix(kept, self.shares, self.validation)

    def sample(self, seed: int, number: int, crop: Crop, flip: bool) -> Sample:
        """See `Source.sample`."""
        source, place = self.place(seed, number)
        return self.sources[source].sample(seed + source, place, crop, flip)

    def place(self, seed: int, number: int) -> tuple[int, int]:
        """The source that gives sample `number`, and the number of it there."""
        block, offset = divmod(number, BLOCK)
        chosen = _choices(seed, self.shares, block)
        source = int(chosen[offset])
        before = _before(seed, self.shares, block)[source]
        return source, int(before + np.sum(chosen[:offset] == source))


@functools.lru_cache(maxsize=16)
def _choices(seed: int, shares: tuple[float, ...], block: int) -> np.ndarray:
    """The numbers of the sources of a block of samples, int64 (BLOCK,)."""
    bounds = np.cumsum(shares)
    uniform = generator(seed, 3, block).random(BLOCK) * bounds[-1]
    # The product may be rounded up to the last bound.
    return np.searchsorted(bounds[:-1], uniform, "right").astype(np.int64)


@functools.lru_cache(maxsize=16)
def _before(seed: int, shares: tuple[float, ...], block: int) -> np.ndarray:
    """How many samples each source has given before a block, int64 (len(shares),).

    It is counted again for each block, which takes 10 ms for a million samples.
    """
    counts = np.zeros(len(shares), np.int64)
    for earlier in range(block):
        chosen = _choices(seed, shares, earlier)
        counts += np.bincount(chosen, minlength=len(shares))
    return counts


def mix(sources: list[tuple[Source, float]]) -> Mix:
    """A mix of (source, share); validation pictures of one are left out of all.

    The shares are relative to each other. Raises DataError where this leaves a source
    without pictures.
    """
    held_out = {
        item.sharp_file
        for source, _ in sources
        for item in source.validation
        if item.sharp_file is not None
    }
    kept = tuple(source.without(held_out) for source, _ in sources)
    for number, source in enumerate(kept):
        if source.size == 0:
            raise DataError(
                f"data.mix.{number}: all of its pictures are held out for validation "
                "by other parts: none is left to train on; lower data.validation"
            )
    return Mix(
        sources=kept,
        shares=tuple(share for _, share in sources),
        validation=[item for source, _ in sources for item in source.validation],
    )
