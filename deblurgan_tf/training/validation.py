"""Validation on fixed whole pictures, each with its own fixed blur."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.blur.degradation import Degradation, degrade
from deblurgan_tf.blur.seeds import VALIDATION, sample_seeds
from deblurgan_tf.data import Item
from deblurgan_tf.metrics import pixels as metrics

# uint8 (H, W, 3) -> the same shape, for example `Restorer.restore`
Restore = Callable[[np.ndarray], np.ndarray]


class Triplet(NamedTuple):
    """Pictures of one size, uint8 (H, W, 3)."""

    blurred: np.ndarray
    restored: np.ndarray
    sharp: np.ndarray


class Validation:
    """The held-out pictures; each is blurred by a kernel that never changes.

    It is blurred as in the training, but without colour jitter, presmoothing, a second
    kernel and margin: numbers of different trainings can be compared.
    """

    def __init__(
        self, items: list[Item], degradation: Degradation | None, seed: int
    ) -> None:
        """Pairs among the items are taken as they are; `degradation` blurs the rest.

        degradation: None where all items are pairs.
        """
        self.items = items
        self.degradation = degradation
        self.seeds = sample_seeds(seed, VALIDATION + np.arange(len(items)))

    def triplets(self, restore: Restore, count: int | None = None) -> Iterator[Triplet]:
        """Restores the first `count` pictures, or all."""
        for number, item in enumerate(self.items[:count]):
            blurred, sharp = item.load()
            if blurred is None:
                blurred = self._blurred(sharp, number)
            yield Triplet(blurred, restore(blurred), sharp)

    def measure(self, restore: Restore) -> dict[str, float]:
        """Mean PSNR and SSIM, restored and blurred, over the pictures.

        The PSNR of equal pictures is infinite: the mean leaves them out, and is 100 dB
        where all are equal.
        """
        rows = [
            {
                "psnr": metrics.psnr(triplet.restored, triplet.sharp),
                "ssim": metrics.ssim(triplet.restored, triplet.sharp),
                "psnr_blurred": metrics.psnr(triplet.blurred, triplet.sharp),
                "ssim_blurred": metrics.ssim(triplet.blurred, triplet.sharp),
            }
            for triplet in self.triplets(restore)
        ]
        return {key: _finite_mean([row[key] for row in rows]) for key in rows[0]}

    def _blurred(self, sharp: np.ndarray, number: int) -> np.ndarray:
        assert self.degradation is not None  # data.open_source checks the config
        seeds = self.seeds[number : number + 1]
        values = tf.convert_to_tensor(images.to_float(sharp)[None])
        return images.to_uint8(degrade(values, self.degradation, seeds)[0].numpy())


def _finite_mean(values: list[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else 100.0
