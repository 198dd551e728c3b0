"""Perceptual hashes: numbers that are near for pictures that look the same.

A hash is made of discrete cosine coefficients (Zauner, "Implementation and benchmarking
of perceptual image hash functions", 2010), with 256 bits instead of the usual 64: with
64 bits two number plates of one state are as near as a picture and its own crop.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

NEAR = 44
"""Bits of 256 in which two pictures that look the same may differ.

Measured on 74,961 pairs of different pictures (300 photos of BSDS500, 240 American
plates, 54 photos of cars): none is so near; the nearest differ in 52 bits (plates) and
94 (photos). Two more pairs of plates were near: they showed the same plate twice. Of 80
pictures of each kind, all are found again after JPEG of quality 60, at half the size,
brighter by 15 % or with noise of 5 grey levels, and 19 of 20 after 2 % were cut off at
two sides.
"""

SIDE, KEPT = 64, 16  # a side: pixels of the downsampled picture, coefficients
BLOCK = 1024  # hashes that are compared with all others at once; limits the memory


class Near(NamedTuple):
    """Hash number `item` differs from number `other` in so many bits."""

    item: int
    other: int
    bits: int


def perceptual_hash(pixels: np.ndarray) -> np.ndarray:
    """The hash of a picture, uint8 RGB (H, W, 3): 256 bits as uint64 (4,)."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    coefficients = cv2.dct(small.astype(np.float32))[:KEPT, :KEPT].ravel()
    # The first coefficient is the mean brightness.
    large = coefficients > np.median(coefficients[1:])
    return np.packbits(large).view(np.uint64)


def near_earlier(hashes: np.ndarray) -> Iterator[Near]:
    """The nearest earlier hash of each of (N, 4) hashes that has a near one."""
    for start in range(0, len(hashes), BLOCK):
        block = hashes[start : start + BLOCK]
        bits = distances(block, hashes[: start + len(block)])
        earlier = (
            np.arange(bits.shape[1])[None] < start + np.arange(len(block))[:, None]
        )
        bits[~earlier] = 999
        yield from _nearest(bits, start)


def near_across(hashes: np.ndarray, others: np.ndarray) -> Iterator[Near]:
    """The nearest of (M, 4) others for each of (N, 4) hashes that has a near one."""
    for start in range(0, len(hashes) if len(others) else 0, BLOCK):
        yield from _nearest(distances(hashes[start : start + BLOCK], others), start)


def distances(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Numbers of different bits: (N, 4), (M, 4) -> int16 (N, M)."""
    total = np.zeros((len(hashes), len(others)), np.int16)
    for word in range(hashes.shape[1]):
        total += np.bitwise_count(hashes[:, None, word] ^ others[None, :, word])
    return total


def _nearest(bits: np.ndarray, start: int) -> Iterator[Near]:
    best = bits.argmin(axis=1)
    least = bits[np.arange(len(bits)), best]
    for row in np.flatnonzero(least <= NEAR):
        yield Near(start + int(row), int(best[row]), int(least[row]))
