"""WebP: what its chunks say, read without the pixels."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO, NamedTuple

_HAS_EXIF = 0x08  # of the flags in the VP8X chunk


class Header(NamedTuple):
    """Size as stored, pixels, and what else the chunks say."""

    height: int
    width: int
    frames: int  # 1 for a still picture
    exif: bytes | None
    lossless: bool  # a still picture compressed without loss


def inspect(file: BinaryIO) -> Header:
    """Reads the chunks of a WebP file, the pixels skipped.

    Raises ValueError or struct.error where they are damaged or cut short.
    """
    end = min(file.seek(0, io.SEEK_END), _riff_end(file))
    size: tuple[int, int] | None = None
    flags, frames, exif = 0, 0, None
    lossless: bool | None = None
    position = 12
    while position + 8 <= end:
        file.seek(position)
        name, length = struct.unpack("<4sI", file.read(8))
        if name == b"VP8X":
            flags, size = _canvas(file.read(10))
        elif name == b"ANMF":
            frames += 1
        elif name in (b"VP8 ", b"VP8L") and lossless is None:
            lossless = name == b"VP8L"
            inner = _lossless_size if lossless else _lossy_size
            size = size or inner(file.read(10))
        elif name == b"EXIF" and flags & _HAS_EXIF and exif is None:
            exif = file.read(min(length, end - file.tell()))
        position += 8 + length + length % 2
    if size is None:
        raise ValueError("it has no picture")
    return Header(*size, max(frames, 1), exif, bool(lossless))


def _riff_end(file: BinaryIO) -> int:
    file.seek(4)
    (length,) = struct.unpack("<I", file.read(4))
    return 8 + int(length)


def _canvas(body: bytes) -> tuple[int, tuple[int, int]]:
    """(flags, (height, width)) of a VP8X chunk: three bytes for each side less one."""
    flags, width, height = struct.unpack("<B3x3s3s", body)
    return flags, (
        int.from_bytes(height, "little") + 1,
        int.from_bytes(width, "little") + 1,
    )


def _lossy_size(body: bytes) -> tuple[int, int]:
    """(height, width) of a VP8 key frame: 14 bits each, behind a start code."""
    code, width, height = struct.unpack("<3x3sHH", body)
    if code != b"\x9d\x01\x2a":
        raise ValueError("its picture does not begin with a key frame")
    return height & 0x3FFF, width & 0x3FFF


def _lossless_size(body: bytes) -> tuple[int, int]:
    """(height, width) of a VP8L picture: 14 bits for each side less one."""
    mark, bits = struct.unpack_from("<BI", body)
    if mark != 0x2F:
        raise ValueError("its lossless picture does not begin with its mark")
    return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
