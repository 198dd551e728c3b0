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
"""Tiles start at multiples of this. A model that halves a picture up to five times
then sees every tile on the grid that it has in the whole picture."""
FEATHER = 32
"""Pixels over which one tile fades into the next."""
LONGEST_MARGIN = 64
"""Pixels at a tile's inner edge that are thrown away, at most.

A generator that looks further gets this: what comes from beyond is a tail. ResNet's
reach is 90 pixels by its layers, nine blocks of 3x3 convolutions at a quarter of the
size, but their joint kernel is bell-shaped with a deviation of 14 pixels."""
PATCH = 256  # side of the samples that statistics are taken from
FEWEST = 768  # they make up at least FEWEST x FEWEST pixels, however small the tiles
SMALLEST = 16  # what PadToMultiple makes of a smaller side


@dataclass(frozen=True)
class Span:
    """Pixels start to stop - 1 of one axis."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Plan:
    """Where the tiles of a picture lie: `rows` x `columns`, neighbours overlapping."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    margin: int
    """Pixels of a tile next to an inner edge that count for nothing."""

    @property
    def count(self) -> int:
        return len(self.rows) * len(self.columns)

    @property
    def overlap(self) -> int:
        return 2 * self.margin + FEATHER

    def as_dict(self) -> dict[str, object]:
        """For a report: rows and columns of tiles, the largest one's size."""
        return {
            "grid": [len(self.rows), len(self.columns)],
            "size": [max(map(len, self.rows)), max(map(len, self.columns))],
            "overlap": self.overlap if self.count > 1 else 0,
        }


def plan(height: int, width: int, tile: int, margin: int) -> Plan:
    """Tiles of at most `tile` pixels a side, evenly spread; a pure function.

    A picture of no more than tile x tile pixels is one tile, whatever its shape.
    margin: a multiple of ALIGN / 2, see `margin_of`. Raises UsageError for a tile that
    is smaller than `smallest_tile(margin)`.
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


def margin_of(reach: int) -> int:
    """The margin for a model that looks `reach` pixels far."""
    half = ALIGN // 2
    return min(-(-reach // half) * half, LONGEST_MARGIN)


def smallest_tile(margin: int) -> int:
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
    """Patches of one shape from all over a picture, about tile x tile pixels of it.

    They stand for the picture where its statistics are wanted. Which ones depends on
    its size alone, but for a picture that is flat at all of these places.
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
        lively = [patch for patch in covering if not is_flat(patch)]
        step = -(-len(lively) // most)
        chosen = lively[::step] if lively else chosen
    return chosen


def _patches(pixels: np.ndarray, rows: int, columns: int) -> list[np.ndarray]:
    """Rows x columns of them, in the middles of as many equal parts of the picture;
    where they have to overlap to cover it, from edge to edge.
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
    """Whether all pixels (H, W, C) are of one colour."""
    return bool((pixels == pixels[:1, :1]).all())


def weights(spans: Sequence[Span], margin: int) -> list[np.ndarray]:
    """How much each tile counts at its pixels, float32; the sum at a pixel is one.

    From one tile to the next the weight goes over on a raised cosine in the middle of
    their overlap.
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
    """Restores tile by tile. uint8 or uint16 (H, W, 3) -> the same.

    restore: equal-shaped tiles of `pixels` -> float32 of these shapes in [-1, 1].
    batch: (height, width) -> how many tiles of that shape to give it at once.
    on_part: is called with the finished share, up to 1.

    Beside the two pictures only the tiles of one strip are in memory as floats; the
    strip lies along the shorter side.
    """
    restored = np.empty_like(pixels)
    rows, columns = plan.rows, plan.columns
    turned = pixels.shape[1] > pixels.shape[0]
    source, target = pixels, restored
    if turned:
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
            if turned:
                cuts = [cut.swapaxes(0, 1) for cut in cuts]
            for n, part in zip(group, restore(cuts), strict=True):
                if turned:
                    part = part.swapaxes(0, 1)
                share = down[number][:, None, None] * across[n][:, None]
                strip[: len(row), columns[n].start : columns[n].stop] += part * share
            finished += len(group)
            if on_part is not None:
                on_part(finished / plan.count)
        # No later strip touches what lies before the next one's start.
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
