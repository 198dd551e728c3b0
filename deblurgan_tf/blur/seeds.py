"""Randomness as data: numbers that are a pure function of (seed, sample).

TensorFlow and Keras draw one stream for a whole batch; here a number depends on the
sample's seed, a salt and the element's place alone. So a sample is the same on any
replica, on every backend and after a resume, and in any batch (normal draws up to their
last bit).
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

# Of a Keras backend; NumPy arrays, lists and ranges are converted.
Tensor = Any

# Positions of validation pictures; those of training samples count up from 0.
VALIDATION = 2**30


def sample_seeds(seed: int, positions: Tensor) -> Tensor:
    """One seed per sample, uint32 (N,).

    seed: the run's; positions: integers (N,), the samples' numbers in the training, or
    `VALIDATION` and more.
    """
    return _lowbias32(
        ops.cast(positions, "uint32") + _uint32((seed + 1) * 0x9E3779B9 % 2**32)
    )


def uniform(seeds: Tensor, size: int | Tensor, salt: int) -> Tensor:
    """Uniform numbers in [0, 1), float32 (N, size).

    seeds: integers (N,); salt: another one for each use of a seed makes the uses
    independent. The hash is `lowbias32` of C. Wellons' "hash prospector"; products of
    uint32 overflow on purpose.
    """
    salted = _lowbias32(ops.cast(seeds, "uint32") + _uint32(salt * 0x85EBCA77 % 2**32))
    place = _lowbias32(ops.cast(ops.arange(1, size + 1, dtype="int32"), "uint32"))
    bits = _lowbias32(ops.bitwise_xor(salted[:, None], place[None, :]))
    return ops.cast(ops.right_shift(bits, _uint32(8)), "float32") * (1.0 / 2**24)


def normal(seeds: Tensor, size: int | Tensor, salt: int) -> Tensor:
    """Standard normal numbers, float32 (N, size), by the Box-Muller method.

    seeds, salt: as for `uniform`. The last bit may depend on the batch: vectorised
    logarithms and cosines round differently at different places in memory.
    """
    both = uniform(seeds, 2 * size, salt)
    # 1 - u lies in (0, 1], where the logarithm is finite.
    radius = ops.sqrt(-2.0 * ops.log(1.0 - both[:, :size]))
    return radius * ops.cos(2.0 * math.pi * both[:, size:])


def _lowbias32(x: Tensor) -> Tensor:
    x = ops.bitwise_xor(x, ops.right_shift(x, _uint32(16))) * _uint32(0x7FEB352D)
    x = ops.bitwise_xor(x, ops.right_shift(x, _uint32(15))) * _uint32(0x846CA68B)
    return ops.bitwise_xor(x, ops.right_shift(x, _uint32(16)))


def _uint32(value: int) -> Tensor:
    return ops.convert_to_tensor(value, dtype="uint32")
