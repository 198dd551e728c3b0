"""PNG, as far as Pillow falls short: 16 bits per sample, and EXIF behind the pixels.

Pillow reads 16 bits as 8 bits and cannot write them. OpenCV decodes the pixels
exactly. It writes neither grey with alpha nor the resolution, so the writer is our
own: a PNG is a few chunks around a deflate stream.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import cv2
import numpy as np

EXIF_AS_TEXT = "Raw profile type exif"
"""The key of the text in which older programs store EXIF."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> the format's number
_BLOCK = 1 << 22  # bytes filtered and compressed at a time, to bound the memory
_TEXT = 1 << 20  # bytes: longer texts are no EXIF, which has at most 64 kB


def is_deep(data: bytes) -> bool:
    """Whether the bytes begin as a PNG of 16 bits per sample."""
    return data[:8] == _SIGNATURE and data[24:25] == b"\x10"


def late_metadata(file: BinaryIO) -> dict[str, bytes | str]:
    """The EXIF that lies behind the pixels, under the keys of Pillow's `Image.info`.

    Pillow gives it only after it has decoded the pixels; here they are skipped. As
    there, the last one counts, and a damaged rest of the file is no error.
    """
    found: dict[str, bytes | str] = {}
    end = file.seek(0, io.SEEK_END)
    behind, position = False, len(_SIGNATURE)
    while True:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return found
        length, name = struct.unpack(">I4s", head)
        if name == b"IEND" or not name.isalpha():
            return found
        behind = behind or name == b"IDAT"
        if behind and name == b"eXIf":
            found["exif"] = file.read(min(length, end - file.tell()))
        elif behind and name in (b"tEXt", b"zTXt") and length <= _TEXT:
            key, _, text = file.read(length).partition(b"\0")
            if key == EXIF_AS_TEXT.encode():
                found[EXIF_AS_TEXT] = _text(text, compressed=name == b"zTXt")
        position += 12 + length


def _text(body: bytes, compressed: bool) -> str:
    if compressed:
        try:
            body = zlib.decompressobj().decompress(body[1:], _TEXT)
        except zlib.error:
            body = b""
    return body.decode("latin-1")


def decode(data: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Decode a 16-bit PNG.

    Returns (colour, alpha): colour uint16 (H, W) or (H, W, 3), alpha uint16 (H, W) or
    None. Raises ValueError for damaged data.
    """
    # OpenCV returns the first rows of a damaged file, so the checksums are tested.
    chunks = dict(_chunks(data))
    header = chunks[b"IHDR"]
    width, height, _, kind = struct.unpack(">IIBB", header[:10])
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if (
        samples is None
        or samples.dtype != np.uint16
        or samples.shape[:2] != (height, width)
    ):
        raise ValueError("the pixels cannot be decoded")
    if samples.ndim == 2:
        colour, alpha = samples, None
    else:
        # OpenCV returns BGR and repeats grey three times beside an alpha. It also adds
        # an alpha for a transparent colour, which `decoding` does for all depths.
        colour = samples[..., 0] if kind == 4 else samples[..., 2::-1]
        alpha = samples[..., 3] if kind in (4, 6) else None
    return colour, alpha


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position, name = len(_SIGNATURE), b""
    while name != b"IEND":
        if position + 12 > len(data):
            raise ValueError("the file ends too early")
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise ValueError("the file ends too early")
        (total,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(memoryview(data)[position + 4 : end]) != total:
            raise ValueError(
                f"the checksum of its {name.decode('latin-1')} chunk is wrong"
            )
        yield name, data[position + 8 : end]
        position = end + 4


def encode(
    samples: np.ndarray,
    *,
    icc: bytes | None,
    exif: bytes | None,
    dpi: tuple[float, float] | None,
) -> bytes:
    """Return a PNG of uint16 `samples` (H, W, C); `exif` is without its prefix.

    C is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha).
    """
    height, width, count = samples.shape
    kind = _COLOUR_TYPES[count]
    parts = [
        _SIGNATURE,
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)),
    ]
    if icc is not None:
        parts.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    if dpi is not None:
        x, y = (round(value / 0.0254) for value in dpi)
        parts.append(_chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if exif is not None:
        parts.append(_chunk(b"eXIf", exif))
    deflate = zlib.compressobj()
    rows = max(1, _BLOCK // (width * count * 2))
    above = np.zeros((1, width * count * 2), np.uint8)
    for top in range(0, height, rows):
        block = samples[top : top + rows].astype(">u2").reshape(-1, width * count)
        data = block.view(np.uint8)
        # Filter 2, "up": each byte minus the one above it, modulo 256.
        lines = np.full((len(data), data.shape[1] + 1), 2, np.uint8)
        lines[:, 1:] = data - np.concatenate([above, data[:-1]])
        above = data[-1:]
        parts.append(_chunk(b"IDAT", deflate.compress(lines.tobytes())))
    parts += [_chunk(b"IDAT", deflate.flush()), _chunk(b"IEND", b"")]
    return b"".join(parts)


def _chunk(name: bytes, body: bytes) -> bytes:
    total = zlib.crc32(body, zlib.crc32(name))
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", total)
