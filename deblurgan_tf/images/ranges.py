"""Conversion between stored pixels and the float32 in [-1, 1] of the models."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_float(pixels: Any) -> Any:
    """uint8 or uint16 pixels of any shape -> float32 in [-1, 1], exact at both ends.

    A NumPy array gives a NumPy array, a tensor gives a tensor, inside tf.function too.
    Raises TypeError for other types, whose range is unknown.
    """
    # x / half - 1 is the same in exact arithmetic. But XLA multiplies by the inverse of
    # half, and 255 becomes 1.0000001. Here the difference is exact, and both ends are.
    if isinstance(pixels, np.ndarray):
        half = _half(str(pixels.dtype))
        result = pixels.astype(np.float32)
        result -= half
        result /= half
        return result
    from keras import backend, ops  # takes seconds, but a tensor means it is loaded

    half = _half(backend.standardize_dtype(pixels.dtype))
    return (ops.cast(pixels, "float32") - half) / half


def to_uint8(values: Any) -> Any:
    """Floats in [-1, 1] -> uint8, clipped and rounded (halves to even).

    A NumPy array gives a NumPy array, a tensor gives a tensor. Raises ValueError when a
    NumPy array holds NaN; the values of a tensor are not checked.
    """
    return _to_unsigned(values, "uint8")


def to_uint16(values: Any) -> Any:
    """Floats in [-1, 1] -> uint16, clipped and rounded, as `to_uint8`."""
    return _to_unsigned(values, "uint16")


def to_pixels(values: Any, dtype: np.dtype) -> Any:
    """Floats in [-1, 1] -> pixels of type uint8 or uint16, as `to_uint8`."""
    return _to_unsigned(values, str(dtype))


def _half(dtype: str) -> np.float32:
    try:
        return np.float32({"uint8": 127.5, "uint16": 32767.5}[dtype])
    except KeyError:
        raise TypeError(f"pixels must be uint8 or uint16, not {dtype}") from None


def _to_unsigned(values: Any, dtype: str) -> Any:
    half = _half(dtype)
    if isinstance(values, np.ndarray):
        result = values.astype(np.float32)
        if np.isnan(result).any():
            raise ValueError("the picture holds NaN: the model that made it has failed")
        result += 1
        result *= half
        np.rint(result, out=result)
        return np.clip(result, 0, 2 * half, out=result).astype(dtype)
    from keras import ops

    result = ops.round((ops.cast(values, "float32") + 1.0) * half)
    return ops.cast(ops.clip(result, 0.0, 2 * half), dtype)
