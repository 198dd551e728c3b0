"""A model that is ready to restore pictures: `load(name).restore(pixels)`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.inference import tiles
from deblurgan_tf.models import files as model_files
from deblurgan_tf.models.normalization import (
    InstanceNormalization,
    given_statistics,
    recorded_statistics,
)
from deblurgan_tf.models.precision import in_bfloat16
from deblurgan_tf.models.receptive_field import receptive_radius
from deblurgan_tf.models.unrolled import largest_kernel
from deblurgan_tf.storage.resources import AUTO_MODEL

TILE = 1024
"""Pictures of more than TILE x TILE pixels are cut into tiles. A constant: the same
picture gives the same pixels on every machine, however much memory is free."""
KERNEL_TILE = 416
"""The same for generators that find a kernel: each tile has a kernel of its own, since
the blur of a photo differs from place to place."""
EAGER_RUNS = 8
"""A generator that finds kernels has thousands of operations, and to build a graph of
them takes seconds. Its first EAGER_RUNS runs go without a graph: together they lose
about as much time as the building takes."""
TOGETHER = 8
"""Small pictures restored in one pass: 1.6 times as fast as one by one at 96x200, and
sixteen are hardly faster."""
Precision = Literal["float32", "bfloat16"]

Forward = Callable[..., Any]


def load(
    name_or_path: str | os.PathLike[str] = AUTO_MODEL,
    *,
    precision: Precision = "float32",
    tta: bool = False,
    tile: int | None = None,
) -> Restorer:
    """Opens a model that restores pictures.

    Args:
        name_or_path: "auto", the name of a shipped model ("photos", "plates",
            "plates_quick"), the folder of a training run, or a .keras file.
        precision: "bfloat16" is faster on processors that have it, and a little less
            exact.
        tta: test-time augmentation: the mean over the eight flips and rotations by 90
            degrees. Eight times the work.
        tile: side of the tiles, pixels, into which large pictures are cut. None: 416
            for a model that finds blur kernels, 1024 for any other.

    Returns:
        A restorer. `restorer.restore(pixels)` takes uint8 or uint16, (H, W, 3), RGB,
        any H and W from 1, and returns the same shape and type. One restorer may be
        used by many threads at once.

    Raises:
        ModelError: the model does not exist, is damaged or cannot be used.
        UsageError: the tiles are too small for this model.
        ValueError: the precision is unknown.

    Examples:
        >>> import deblurgan_tf
        >>> restorer = deblurgan_tf.load()
        >>> restored = restorer.restore(pixels)
    """
    model = model_files.open_model(model_files.find(name_or_path))
    return Restorer(model, precision=precision, tta=tta, tile=tile)


class Restorer:
    """Restores pictures with one generator; see `load` for the options.

    Many threads may use one restorer, or several, at the same time: each result has the
    bits that it has when a single thread works.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        precision: Precision = "float32",
        tta: bool = False,
        tile: int | None = None,
    ) -> None:
        if precision not in get_args(Precision):
            allowed = " or ".join(get_args(Precision))
            raise ValueError(f"precision must be {allowed}; got {precision!r}")
        self.model = in_bfloat16(model) if precision == "bfloat16" else model
        # Rotations by 90 degrees, and whether mirrored after them.
        self.views = [(0, False)]
        if tta:
            self.views = [(count, side) for count in range(4) for side in (False, True)]
        self.kernel = largest_kernel(model)
        usual = TILE if self.kernel is None else KERNEL_TILE
        self.tile = usual if tile is None else tile
        self.eager_runs = 0 if self.kernel is None else EAGER_RUNS  # that are left
        self._counting = threading.Lock()
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

        # A batch of one has a graph of its own: its instance normalisation is fused.
        graph = _graph if self.kernel is None else _unoptimised_graph
        self._one, self._many = graph(forward, 1), graph(forward, None)
        self._eager = forward
        self._record = _graph(record, None)
        pair = tf.TensorSpec((2, None), tf.float32)
        self._forward_with = _graph(forward_with, None, [pair] * self.normalised)

    def plan(self, height: int, width: int) -> tiles.Plan:
        """Where the tiles of a picture of this size lie."""
        return tiles.plan(height, width, self.tile, self.margin)

    def restore(
        self, pixels: np.ndarray, on_part: Callable[[float], object] | None = None
    ) -> np.ndarray:
        """Restores one picture: uint8 or uint16, (H, W, 3), RGB -> the same.

        Args:
            pixels: the picture; it is not changed.
            on_part: called after every tile with the finished share of the picture.

        Raises:
            TypeError: `pixels` is no array: a path, for example.
            ValueError: `pixels` has another shape or type.
        """
        images.check_pixels(pixels)
        plan = self.plan(*pixels.shape[:2])
        with self._counting:
            if plan.count * len(self.views) > self.eager_runs:
                self.eager_runs = 0  # so many runs pay for a graph
        restore = partial(self._restore, statistics=[None] * len(self.views))
        # If each tile were normalised by its own mean and deviation, the tiles would
        # show as blocks of different contrast. With statistics of the whole picture,
        # taken from samples of it, all tiles are treated alike.
        if plan.count > 1 and self.normalised:
            patches = np.stack(
                [images.to_float(x) for x in tiles.samples(pixels, self.tile)]
            )
            statistics = [
                self._record(tf.constant(_to_view(patches, *view)))
                for view in self.views
            ]
            restore = partial(self._restore, statistics=statistics)
        return tiles.restore_tiled(pixels, plan, restore, self._batch, on_part)

    def together(self, height: int, width: int) -> int:
        """How many pictures of this size `restore_together` takes.

        More than one if they are small and the model has no instance normalisation,
        whose results for a batch differ from those for a single picture.
        """
        if self.normalised or self.plan(height, width).count > 1:
            return 1
        return min(TOGETHER, self._batch(height, width))

    def restore_together(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Restores pictures of one size and type in one pass, as `restore` does each.

        With oneDNN the bits are the same; without it TensorFlow adds up in another
        order, and one value in fifty thousand differs by one.

        Raises:
            ValueError: the pictures differ in size or type, or are more than `together`
                allows.
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
        # As many as have no more pixels than the largest picture that is one tile.
        return max(1, self.tile**2 // (height * width))

    def _restore(
        self, pictures: list[np.ndarray], statistics: list[list[tf.Tensor] | None]
    ) -> list[np.ndarray]:
        """Equal shapes, (H, W, 3), uint8 or uint16 -> float32 in [-1, 1].

        statistics: those of each view, or None for each picture's own.
        """
        restored = [images.to_float(picture) for picture in pictures]
        # Instance normalisation divides by the standard deviation within a picture. In
        # a picture of one colour that is rounding noise, which would become a visible
        # pattern; and there is nothing to restore.
        chosen = [
            n
            for n, picture in enumerate(pictures)
            if not (self.normalised and tiles.is_flat(picture))
        ]
        if chosen:
            values = np.stack([restored[n] for n in chosen])
            total = np.zeros_like(values)
            for view, shared in zip(self.views, statistics, strict=True):
                result = self._forward(_to_view(values, *view), shared)
                total += _from_view(result, *view)
            for n, result in zip(chosen, total / len(self.views), strict=True):
                restored[n] = result
        return restored

    def _forward(
        self, pictures: np.ndarray, statistics: list[tf.Tensor] | None
    ) -> np.ndarray:
        values = tf.constant(pictures)
        if statistics is not None:
            return self._forward_with(values, statistics).numpy()
        if self._takes_eager_run():
            return self._eager(values).numpy()
        return (self._one if len(pictures) == 1 else self._many)(values).numpy()

    def _takes_eager_run(self) -> bool:
        """Whether this run is one of the first, which go without a graph."""
        with self._counting:
            if self.eager_runs == 0:
                return False
            self.eager_runs -= 1
            return True


def _graph(function: Forward, count: int | None, *more: Any) -> Any:
    """A graph of a function of `count` pictures, and more, of any size."""
    return tf.function(
        function,
        input_signature=[tf.TensorSpec((count, None, None, 3), tf.float32), *more],
        autograph=False,
    )


def _unoptimised_graph(function: Forward, count: int | None) -> Forward:
    """As `_graph`, but TensorFlow runs it exactly as it was written.

    To optimise a graph of thousands of operations takes seconds and gains nothing that
    can be measured here. It would also round differently from operations that run
    without a graph: a picture would depend on how many came before it.

    The option travels with each call. TensorFlow's global option would hold for all
    threads of the process, whatever they compute.
    """
    graph = _graph(function, count)
    options = tf.compat.v1.ConfigProto(allow_soft_placement=True)
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    serialized = options.SerializeToString()

    def run(pictures: tf.Tensor) -> tf.Tensor:
        traced = graph.get_concrete_function()  # the first call builds the graph
        [restored] = tf.raw_ops.StatefulPartitionedCall(
            args=[pictures, *traced.captured_inputs],
            Tout=[tf.float32],
            f=traced,
            config_proto=serialized,
        )
        return restored

    return run


def _to_view(pictures: np.ndarray, rotations: int, mirrored: bool) -> np.ndarray:
    """(N, H, W, C), rotated by 90 degrees `rotations` times, then mirrored."""
    rotated = np.rot90(pictures, rotations, axes=(1, 2))
    return rotated[:, :, ::-1] if mirrored else rotated


def _from_view(pictures: np.ndarray, rotations: int, mirrored: bool) -> np.ndarray:
    """Undoes `_to_view`."""
    if mirrored:
        pictures = pictures[:, :, ::-1]
    return np.rot90(pictures, -rotations, axes=(1, 2))
