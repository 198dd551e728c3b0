"""A mix of sources, each with its share of the samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from deblurgan_tf.data.source import Crop, DataError, Item, Items, Source, generator

BLOCK = 4096  # choices drawn at a time


@dataclass(frozen=True)
class Mix:
    """Draws each sample's source by its share; see `source.Source`.

    No picture that one source sets aside for validation is trained on by another.
    """

    sources: tuple[Source, ...]
    shares: tuple[float, ...]
    validation: list[Item]

    @property
    def size(self) -> int | None:
        """The sharp pictures of all; one that two sources read counts once."""
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

    def names(self) -> list[str]:
        return [
            f"{number}/{name}"
            for number, source in enumerate(self.sources)
            for name in source.names()
        ]

    def without(self, files: set[Path]) -> Mix:
        kept = tuple(source.without(files) for source in self.sources)
        return Mix(kept, self.shares, self.validation)

    def samples(self, seed: int, crop: Crop, flip: bool, start: int) -> tf.data.Dataset:
        before = self.choices(seed, 0, start)
        streams = [
            # Each source goes on from as many samples as were taken from it before.
            source.samples(seed + number, crop, flip, int(np.sum(before == number)))
            for number, source in enumerate(self.sources)
        ]

        def choice(position: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(
                tf.numpy_function(
                    lambda x: self.choices(seed, int(x), int(x) + 1)[0],
                    [position],
                    tf.int64,
                    stateful=False,
                ),
                (),
            )

        positions = tf.data.Dataset.range(start, np.iinfo(np.int64).max)
        return tf.data.Dataset.choose_from_datasets(streams, positions.map(choice))

    def choices(self, seed: int, start: int, end: int) -> np.ndarray:
        """The numbers of the sources of samples `start` to `end`, int64."""
        share = np.cumsum(self.shares)
        blocks = range(start // BLOCK, -(-end // BLOCK))
        drawn = [generator(seed, 3, block).random(BLOCK) for block in blocks]
        uniform = np.concatenate([*drawn, np.empty(0)])
        offset = start // BLOCK * BLOCK
        uniform = uniform[start - offset : end - offset] * share[-1]
        # The product may be rounded up to the last bound.
        chosen = np.searchsorted(share[:-1], uniform, "right")
        return chosen.astype(np.int64)


def mix(sources: list[tuple[Source, float]]) -> Mix:
    """A mix of (source, share), the validation pictures of one left out of all."""
    aside = {
        item.sharp_file
        for source, _ in sources
        for item in source.validation
        if item.sharp_file is not None
    }
    kept = tuple(source.without(aside) for source, _ in sources)
    for number, source in enumerate(kept):
        if source.size == 0:
            raise DataError(
                f"data.mix.{number}: all of its pictures are set aside for validation "
                "by other parts: none is left to train on; lower data.validation"
            )
    return Mix(
        sources=kept,
        shares=tuple(share for _, share in sources),
        validation=[item for source, _ in sources for item in source.validation],
    )
