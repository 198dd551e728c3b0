"""A model that is ready to restore pictures: `load(name).restore(pixels)`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from deblurgan_tf import images, model_files, tiles
from deblurgan_tf.reach import reach
from deblurgan_tf.resources import DEFAULT_MODEL

TILE = 1024
"""Pictures of more than TILE x TILE pixels are cut into tiles. A constant: the same
picture gives the same pixels on every machine, however much memory is free."""
Precision = Literal["float32", "bfloat16"]


def load(
    name_or_path: str | os.PathLike[str] = DEFAULT_MODEL,
    *,
    precision: Precision = "float32",
    tta: bool = False,
    tile: int | None = None,
) -> Restorer:
    """Opens a model: the name of a shipped one, a run's folder or a .keras file.

    precision: "bfloat16" is faster where the processor has it, and a little coarser.
    tta: average over the eight flips and quarter turns; eight times the work.
    tile: pixels a side of the tiles of large pictures; by default TILE.

    Raises model_files.ModelError for a model that cannot be used, and ValueError for
    an unknown precision or too small a tile.
    """
    model = model_files.open_model(model_files.find(name_or_path))
    return Restorer(model, precision=precision, tta=tta, tile=tile)


class Restorer:
    """Restores pictures with one generator; see `load`."""

    def __init__(
        self,
        model: keras.Model,
        *,
        precision: Precision = "float32",
        tta: bool = False,
        tile: int | None = None,
    ):
        if precision not in get_args(Precision):
            allowed = " or ".join(get_args(Precision))
            raise ValueError(f"precision must be {allowed}; got {precision!r}")
        self.model = model
        if precision == "bfloat16":
            self.model = model_files.in_bfloat16(model)
        self.tta = tta
        self.tile = TILE if tile is None else tile
        self.margin = tiles.margin_of(reach(model))
        self.plan(1, 1)  # refuses too small a tile now

        def forward(pictures: tf.Tensor) -> tf.Tensor:
            return self.model(pictures, training=False)

        # A batch of one is a graph of its own: its instance normalisation is fused.
        self._one, self._many = (
            tf.function(
                forward,
                input_signature=[tf.TensorSpec((count, None, None, 3), tf.float32)],
                autograph=False,
            )
            for count in (1, None)
        )

    def plan(self, height: int, width: int) -> tiles.Plan:
        """Where the tiles of a picture of this size lie."""
        return tiles.plan(height, width, self.tile, self.margin)

    def restore(
        self, pixels: np.ndarray, on_part: Callable[[float], object] | None = None
    ) -> np.ndarray:
        """Restores one picture: uint8 or uint16, (H, W, 3), RGB -> the same.

        on_part: is called after every tile with the finished share of the picture.
        Raises ValueError for other shapes and types.
        """
        if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(f"pixels must be (H, W, 3), not {pixels.shape}")
        if pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"pixels must be uint8 or uint16, not {pixels.dtype}")
        plan = self.plan(*pixels.shape[:2])
        return tiles.restore_tiled(pixels, plan, self._restore, self._batch, on_part)

    def _batch(self, height: int, width: int) -> int:
        # As many as have no more pixels than the largest picture that goes whole.
        return max(1, self.tile**2 // (height * width))

    def _restore(self, pictures: list[np.ndarray]) -> list[np.ndarray]:
        """Equal shapes, (H, W, 3), uint8 or uint16 -> float32 in [-1, 1]."""
        restored = [images.to_float(picture) for picture in pictures]
        # Instance normalisation divides by the deviation within a picture. In a flat
        # one that is rounding noise, which it would blow up to a pattern; and there
        # is nothing to restore.
        lively = [n for n, picture in enumerate(pictures) if not _flat(picture)]
        if lively:
            values = np.stack([restored[n] for n in lively])
            for n, result in zip(lively, self._averaged(values), strict=True):
                restored[n] = result
        return restored

    def _averaged(self, pictures: np.ndarray) -> np.ndarray:
        if not self.tta:
            return self._forward(pictures)
        total = np.zeros_like(pictures)
        for turns in range(4):
            for mirrored in (False, True):
                turned = np.rot90(pictures, turns, axes=(1, 2))
                if mirrored:
                    turned = turned[:, :, ::-1]
                result = self._forward(turned)
                if mirrored:
                    result = result[:, :, ::-1]
                total += np.rot90(result, -turns, axes=(1, 2))
        return total / 8

    def _forward(self, pictures: np.ndarray) -> np.ndarray:
        forward = self._one if len(pictures) == 1 else self._many
        return forward(tf.constant(pictures)).numpy()


def _flat(picture: np.ndarray) -> bool:
    return bool((picture == picture[:1, :1]).all())
