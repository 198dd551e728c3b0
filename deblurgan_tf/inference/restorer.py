"""A model that is ready to restore pictures: `load(name).restore(pixels)`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.inference import tiles
from deblurgan_tf.models import files as model_files
from deblurgan_tf.models.layers import (
    InstanceNormalization,
    given_statistics,
    recorded_statistics,
)
from deblurgan_tf.models.receptive_field import receptive_radius
from deblurgan_tf.models.unrolled import largest_kernel
from deblurgan_tf.storage.resources import DEFAULT_MODEL

TILE = 1024
"""Pictures of more than TILE x TILE pixels are cut into tiles. A constant: the same
picture gives the same pixels on every machine, however much memory is free."""
KERNEL_TILE = 416
"""The same for generators that find a kernel: each tile has a kernel of its own, since
the blur of a photo differs from place to place."""
AT_ONCE = 8
"""So many times a generator that finds a kernel runs without a graph of its thousands
of operations: building that takes as long as these runs lose by doing without."""
TOGETHER = 8
"""Small pictures restored in one pass: 1.6 times as fast as one by one at 96x200, and
sixteen are hardly faster."""
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
    tile: pixels a side of the tiles of large pictures; by default TILE, or KERNEL_TILE
    for a model that finds blur kernels.

    Raises ModelError for a model that cannot be used, UsageError for too small a tile,
    and ValueError for an unknown precision.
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
        # Quarter turns, and whether mirrored after them.
        self.views = [(0, False)]
        if tta:
            self.views = [(turns, side) for turns in range(4) for side in (False, True)]
        self.kernel = largest_kernel(model)
        usual = TILE if self.kernel is None else KERNEL_TILE
        self.tile = usual if tile is None else tile
        self.at_once = 0 if self.kernel is None else AT_ONCE  # runs that are left
        self.margin = tiles.margin_of(receptive_radius(model))
        self.plan(1, 1)  # refuses too small a tile now

        self.normalised = sum(
            isinstance(layer, InstanceNormalization) for layer in self.model.layers
        )

        def forward(pictures: tf.Tensor) -> tf.Tensor:
            return self.model(pictures, training=False)

        def record(pictures: tf.Tensor) -> list[tf.Tensor]:
            with recorded_statistics() as statistics:
                forward(pictures)
            return statistics

        def forward_with(pictures: tf.Tensor, statistics: list[tf.Tensor]) -> tf.Tensor:
            with given_statistics(statistics):
                return forward(pictures)

        def compiled(function: Callable, count: int | None, *more: Any) -> Any:
            pictures = tf.TensorSpec((count, None, None, 3), tf.float32)
            return tf.function(
                function, input_signature=[pictures, *more], autograph=False
            )

        # A batch of one is a graph of its own: its instance normalisation is fused.
        self._one, self._many = compiled(forward, 1), compiled(forward, None)
        self._plain = forward
        self._record = compiled(record, None)
        pair = tf.TensorSpec((2, None), tf.float32)
        self._forward_with = compiled(forward_with, None, [pair] * self.normalised)

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
        if plan.count * len(self.views) > self.at_once:
            self.at_once = 0
        restore = partial(self._restore, statistics=[None] * len(self.views))
        # Instance normalisation by each tile's own mean and deviation draws the tiles
        # on the picture, in blocks of different contrast. With statistics of the whole
        # picture, taken from samples of it, all tiles are treated alike.
        if plan.count > 1 and self.normalised:
            patches = np.stack(
                [images.to_float(x) for x in tiles.samples(pixels, self.tile)]
            )
            statistics = [
                self._record(tf.constant(_turned(patches, *view)))
                for view in self.views
            ]
            restore = partial(self._restore, statistics=statistics)
        return tiles.restore_tiled(pixels, plan, restore, self._batch, on_part)

    def together(self, height: int, width: int) -> int:
        """How many pictures of this size `restore_together` takes: several of small
        pictures, where the model has no instance normalisation, which takes another
        way for a batch than for a single picture.
        """
        if self.normalised or self.plan(height, width).count > 1:
            return 1
        return min(TOGETHER, self._batch(height, width))

    def restore_together(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Pictures of one size and type as `restore` gives each, in one pass.

        With oneDNN the bits are the same; without it TensorFlow adds up in another
        order, and a value in fifty thousand differs by one.

        Raises ValueError for more of them than `together` allows.
        """
        if len(pictures) == 1:
            return [self.restore(pictures[0])]
        shape, kind = pictures[0].shape, pictures[0].dtype
        if len(pictures) > self.together(*shape[:2]) or any(
            (picture.shape, picture.dtype) != (shape, kind) for picture in pictures
        ):
            raise ValueError("not pictures of one size and type, or too many")
        restored = self._restore(list(pictures), [None] * len(self.views))
        return [images.to_pixels(values, kind) for values in restored]

    def _batch(self, height: int, width: int) -> int:
        # As many as have no more pixels than the largest picture that goes whole.
        return max(1, self.tile**2 // (height * width))

    def _restore(
        self, pictures: list[np.ndarray], statistics: list[list[tf.Tensor] | None]
    ) -> list[np.ndarray]:
        """Equal shapes, (H, W, 3), uint8 or uint16 -> float32 in [-1, 1].

        statistics: of each view, or None for each picture's own.
        """
        restored = [images.to_float(picture) for picture in pictures]
        # Instance normalisation divides by the deviation within a picture. In a flat
        # one that is rounding noise, which it would blow up to a pattern; and there
        # is nothing to restore.
        lively = [
            n
            for n, picture in enumerate(pictures)
            if not (self.normalised and tiles.is_flat(picture))
        ]
        if lively:
            values = np.stack([restored[n] for n in lively])
            total = np.zeros_like(values)
            for view, shared in zip(self.views, statistics, strict=True):
                result = self._forward(_turned(values, *view), shared)
                total += _turned_back(result, *view)
            for n, result in zip(lively, total / len(self.views), strict=True):
                restored[n] = result
        return restored

    def _forward(
        self, pictures: np.ndarray, statistics: list[tf.Tensor] | None
    ) -> np.ndarray:
        values = tf.constant(pictures)
        if statistics is not None:
            return self._forward_with(values, statistics).numpy()
        if self.at_once > 0:
            self.at_once -= 1
            return self._plain(values).numpy()
        with _as_written() if self.kernel is not None else contextlib.nullcontext():
            return (self._one if len(pictures) == 1 else self._many)(values).numpy()


@contextlib.contextmanager
def _as_written() -> Iterator[None]:
    """Inside it, TensorFlow runs a graph as it was written.

    Its rewriting takes seconds for a graph of thousands of operations, gains nothing
    that can be measured in this one, and would round otherwise than operations that
    run at once: a picture would depend on how many came before it.
    """
    optimiser, key = tf.config.optimizer, "disable_meta_optimizer"
    before = optimiser.get_experimental_options().get(key, False)
    optimiser.set_experimental_options({key: True})
    try:
        yield
    finally:
        optimiser.set_experimental_options({key: before})


def _turned(pictures: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    turned = np.rot90(pictures, turns, axes=(1, 2))
    return turned[:, :, ::-1] if mirrored else turned


def _turned_back(pictures: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    if mirrored:
        pictures = pictures[:, :, ::-1]
    return np.rot90(pictures, -turns, axes=(1, 2))
