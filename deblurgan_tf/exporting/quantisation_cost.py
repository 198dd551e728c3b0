"""What smaller weights cost: PSNR on rendered plates, of both models."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from deblurgan_tf import config as configs
from deblurgan_tf import data
from deblurgan_tf.blur.degradation import degradation
from deblurgan_tf.exporting.agreement import answers
from deblurgan_tf.inference.restorer import Restorer
from deblurgan_tf.metrics import pixels as metrics
from deblurgan_tf.training.validation import Validation

EXPERIMENT = "plates_quick"
"""The experiment whose validation plates are used: 16 of 64x128 pixels (height x
width), blurred by up to 16 pixels."""


class Cost(NamedTuple):
    """Mean PSNR against the sharp plates, in dB."""

    plates: int
    blurred: float
    predicted: float
    answered: float

    def __str__(self) -> str:
        return (
            f"{self.plates} rendered plates: blurred {self.blurred:.2f} dB, restored "
            f"by predict {self.predicted:.2f} dB, by this file {self.answered:.2f} dB: "
            f"{self.predicted - self.answered:.3f} dB lost"
        )


def measure(path: Path, restorer: Restorer) -> Cost:
    """Restores the plates by `restorer` and by the exported file, in a fresh process.

    Raises WorkFailed where that process fails.
    """
    config = configs.load(configs.experiment(EXPERIMENT))
    how = degradation(config.blur, config.seed)
    items = data.open_source(config).validation
    triplets = list(Validation(items, how, config.seed).triplets(restorer.restore))
    ((answered, _),) = answers(path, [one.blurred for one in triplets]).values()

    def psnr(pictures: list[np.ndarray]) -> float:
        pairs = zip(pictures, triplets, strict=True)
        return float(np.mean([metrics.psnr(one, other.sharp) for one, other in pairs]))

    return Cost(
        len(triplets),
        psnr([one.blurred for one in triplets]),
        psnr([one.restored for one in triplets]),
        psnr(answered),
    )
