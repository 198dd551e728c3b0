"""Deflate streams, unpacked for their lengths and sums alone."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

_PIECE = 1 << 16  # bytes given to zlib at a time: it copies what it leaves
_BLOCK = 1 << 22  # bytes unpacked at a time


def check_length(
    bodies: Iterable[bytes | memoryview], needed: int, allowed: int
) -> None:
    """Raises ValueError unless a stream unpacks to `needed` bytes and comes to its end.

    bodies: the stream in parts. allowed: more bytes than these are an error too, found
    before they are all unpacked.
    """
    check_lengths(_unpacked(bodies), needed, allowed)


def check_lengths(blocks: Iterable[int], needed: int, allowed: int) -> None:
    """The same for the lengths of unpacked blocks; see `check_length`."""
    found = 0
    for length in blocks:
        found += length
        if found > allowed:
            raise ValueError("there are more pixels than its header says")
    if found < needed:
        raise ValueError("the pixels end too early")


def _unpacked(bodies: Iterable[bytes | memoryview]) -> Iterator[int]:
    """The lengths of the unpacked blocks; zlib compares the sum at the end."""
    unpacker = zlib.decompressobj()
    for body in bodies:
        for place in range(0, len(body), _PIECE):
            piece: bytes | memoryview = body[place : place + _PIECE]
            while piece and not unpacker.eof:
                yield len(unpacker.decompress(piece, _BLOCK))
                piece = unpacker.unconsumed_tail
            if unpacker.eof:
                return
    raise ValueError("the pixels end too early")
