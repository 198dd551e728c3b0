"""Cut a picture into overlapping tiles, and blend what comes back without seams."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import UsageError

ALIGN = 32
"""Tiles start at multiples of this, pixels. A model that halves a picture up to five
times then samples every tile at the same places as the whole picture."""
FEATHER = 32
"""Pixels over which one tile fades into the next."""
LONGEST_MARGIN = 64
"""The most pixels at a tile's inner edge that are thrown away.

A generator with a larger receptive field gets this margin too: what comes from farther
away is little. The receptive radius of the ResNet is 90 pixels by its layers (nine
blocks of 3x3 convolutions at a quarter of the size), but their joint kernel is
bell-shaped, with a standard deviation of 14 pixels."""
PATCH = 256  # side of the samples that statistics are taken from, pixels
FEWEST = 768  # the samples have at least FEWEST x FEWEST pixels, however small the tile
SMALLEST = 16  # PadToMultiple pads a smaller side to this


@dataclass(frozen=True)
class Span:
    """Pixels start to stop - 1 of one axis."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Plan:
    """Where the tiles of a picture lie: `rows` x `columns`, neighbours overlapping.

    margin: so many pixels of a tile next to an inner edge are not used.
    """

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    margin: int

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return len(self.rows) * len(self.columns)

    @property
    def overlap(self) -> int:
        """Pixels that neighbouring tiles share."""
        return 2 * self.margin + FEATHER

    def as_dict(self) -> dict[str, object]:
        """For a report: rows and columns of tiles, the largest tile's, the overlap."""
        return {
            "grid": [len(self.rows), len(self.columns)],
            "size": [max(map(len, self.rows)), max(map(len, self.columns))],
            "overlap": self.overlap if self.count > 1 else 0,
        }


def plan(height: int, width: int, tile: int, margin: int) -> Plan:
    """Tiles that cover a picture, evenly spread; a pure function.

    A picture of no more than tile x tile pixels is one tile, whatever its shape. Of a
    larger one no tile has more than `tile` pixels a side.

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        tile: the longest side of a tile, pixels.
        margin: a multiple of ALIGN / 2, see `margin_of`.

    Raises:
        UsageError: `tile` is smaller than `smallest_tile(margin)`.
    """
    if tile < smallest_tile(margin):
        raise UsageError(
            f"a tile has to be at least {smallest_tile(margin)} pixels for this model; "
            f"got {tile}"
        )
    if max(height, SMALLEST) * max(width, SMALLEST) <= tile * tile:
        return Plan((Span(0, height),), (Span(0, width),), margin)
    overlap = 2 * margin + FEATHER
    return Plan(_spans(height, tile, overlap), _spans(width, tile, overlap), margin)


def margin_of(radius: int) -> int:
    """The margin for a model of this receptive radius, pixels."""
    half = ALIGN // 2
    return min(-(-radius // half) * half, LONGEST_MARGIN)


def smallest_tile(margin: int) -> int:
    """The shortest side that tiles may have, pixels."""
    return 2 * margin + FEATHER + 3 * ALIGN


def _spans(size: int, tile: int, overlap: int) -> tuple[Span, ...]:
    if size <= tile:
        return (Span(0, size),)
    # Starts are rounded down, which makes a tile up to ALIGN - 1 longer.
    count = -(-(size - overlap) // (tile - overlap - ALIGN))
    starts = [n * (size - overlap) // count // ALIGN * ALIGN for n in range(count)]
    stops = [start + overlap for start in starts[1:]] + [size]
    return tuple(map(Span, starts, stops))


def samples(pixels: np.ndarray, tile: int) -> list[np.ndarray]:
    """Patches of one shape from all over a picture, about tile x tile pixels in all.

    The statistics of the picture are taken from them. Where they lie depends on the
    size of the picture alone, unless all of these places have one colour.
    """
    sizes = pixels.shape[:2]
    height, width = (min(PATCH, size) for size in sizes)
    most = max(1, max(tile, FEWEST) ** 2 // (height * width))
    rows, columns = (-(-size // PATCH) for size in sizes)  # these would cover it
    if rows * columns > most:
        rows = min(rows, max(1, round(math.sqrt(most * sizes[0] / sizes[1]))))
        columns = min(columns, max(1, most // rows))
        rows = min(rows, most // columns)
    chosen = _patches(pixels, rows, columns)
    if all(map(is_flat, chosen)):
        covering = _patches(pixels, *(-(-size // PATCH) for size in sizes))
        textured = [patch for patch in covering if not is_flat(patch)]
        step = -(-len(textured) // most)
        chosen = textured[::step] if textured else chosen
    return chosen


def _patches(pixels: np.ndarray, rows: int, columns: int) -> list[np.ndarray]:
    """Rows x columns patches, each in the middle of an equal part of the picture.

    Patches that have to overlap to cover the picture lie from edge to edge instead.
    """

    def starts(size: int, count: int) -> list[int]:
        patch = min(PATCH, size)
        if count * patch >= size:
            return [n * (size - patch) // max(count - 1, 1) for n in range(count)]
        return [((2 * n + 1) * size // count - patch) // 2 for n in range(count)]

    height, width = (min(PATCH, size) for size in pixels.shape[:2])
    return [
        pixels[top : top + height, left : left + width]
        for top in starts(pixels.shape[0], rows)
        for left in starts(pixels.shape[1], columns)
    ]


def is_flat(pixels: np.ndarray) -> bool:
    """Whether all pixels (H, W, C) have the same colour."""
    return bool((pixels == pixels[:1, :1]).all())


def weights(spans: Sequence[Span], margin: int) -> list[np.ndarray]:
    """The weight of each tile at its pixels, float32; their sum at a pixel is one.

    In the middle of an overlap, FEATHER pixels wide, the weights change from one tile
    to the next along a raised cosine.
    """
    size = spans[-1].stop
    place = np.arange(size) + 0.5
    risen = [np.ones(size)]
    for span in spans[1:]:
        share = np.clip((place - span.start - margin) / FEATHER, 0, 1)
        risen.append(0.5 - 0.5 * np.cos(np.pi * share))
    risen.append(np.zeros(size))
    return [
        (now - then)[span.start : span.stop].astype(np.float32)
        for span, (now, then) in zip(spans, pairwise(risen), strict=True)
    ]


def restore_tiled(
    pixels: np.ndarray,
    plan: Plan,
    restore: Callable[[list[np.ndarray]], list[np.ndarray]],
    batch: Callable[[int, int], int],
    on_part: Callable[[float], object] | None = None,
) -> np.ndarray:
    """Restores tile by tile: uint8 or uint16 (H, W, 3) -> the same.

    Beside the two pictures, only one strip of tiles is in memory, as float32; it lies
    along the shorter side of the picture.

    Args:
        pixels: the picture; it is not changed.
        plan: its tiles.
        restore: tiles of `pixels` of one shape -> float32 of this shape in [-1, 1].
        batch: (height, width) -> how many tiles of that shape `restore` gets at once.
        on_part: called with the finished share of the tiles, up to 1.
    """
    restored = np.empty_like(pixels)
    rows, columns = plan.rows, plan.columns
    transposed = pixels.shape[1] > pixels.shape[0]
    source, target = pixels, restored
    if transposed:
        rows, columns = columns, rows
        source, target = (x.swapaxes(0, 1) for x in (source, target))
    down, across = weights(rows, plan.margin), weights(columns, plan.margin)
    strip = np.zeros((max(map(len, rows)), source.shape[1], 3), np.float32)
    finished = 0
    for number, row in enumerate(rows):
        for group in _groups(columns, partial(batch, len(row))):
            cuts = [
                source[row.start : row.stop, columns[n].start : columns[n].stop]
                for n in group
            ]
            if transposed:
                cuts = [cut.swapaxes(0, 1) for cut in cuts]
            for n, part in zip(group, restore(cuts), strict=True):
                if transposed:
                    part = part.swapaxes(0, 1)
                share = down[number][:, None, None] * across[n][:, None]
                strip[: len(row), columns[n].start : columns[n].stop] += part * share
            finished += len(group)
            if on_part is not None:
                on_part(finished / plan.count)
        # Later strips do not change what lies before the start of the next one.
        last = number + 1 == len(rows)
        done = len(row) if last else rows[number + 1].start - row.start
        target[row.start : row.start + done] = images.to_pixels(
            strip[:done], pixels.dtype
        )
        strip[: len(row) - done] = strip[done : len(row)].copy()
        strip[len(row) - done :] = 0
    return restored


def _groups(spans: Sequence[Span], batch: Callable[[int], int]) -> list[list[int]]:
    """Numbers of equally long spans, at most batch(length) of them together."""
    lengths: dict[int, list[int]] = {}
    for number, span in enumerate(spans):
        lengths.setdefault(len(span), []).append(number)
    return [
        numbers[first : first + batch(length)]
        for length, numbers in lengths.items()
        for first in range(0, len(numbers), batch(length))
    ]
