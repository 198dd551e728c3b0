"""PNG, as far as Pillow falls short: 16 bits per sample, and EXIF behind the pixels.

Pillow reads 16 bits as 8 bits and cannot write them. OpenCV decodes the pixels
exactly. It writes neither grey with alpha nor the resolution, so the writer is our
own: a PNG is a few chunks around a deflate stream.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import cv2
import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> the format's number
_BLOCK = 1 << 22  # bytes filtered and compressed at a time, to bound the memory
_TEXT = 1 << 20  # bytes: longer texts are no EXIF, which has at most 64 kB
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_EXIF_AS_TEXT = b"Raw profile type exif"  # the key under which older programs store it
_CHUNK_NAME = re.compile(rb"\w{4}")  # as Pillow takes them; else the file is damaged


def is_deep(data: bytes) -> bool:
    """Whether the bytes begin as a PNG of 16 bits per sample."""
    return data[:8] == _SIGNATURE and data[24:25] == b"\x10"


def exif(file: BinaryIO) -> bytes | None:
    """The EXIF of a PNG, wherever it lies; sizes and decoded pixels both go by it.

    The pixels are skipped: Pillow gives what lies behind them only after it has decoded
    them, and knows other kinds of chunks there. The last chunk of EXIF counts, else the
    last text that holds EXIF. A damaged rest of the file is no error.
    """
    binary: bytes | None = None
    from_text: bytes | None = None
    end = file.seek(0, io.SEEK_END)
    position = len(_SIGNATURE)
    while True:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            break
        length, name = struct.unpack(">I4s", head)
        if name == b"IEND" or not _CHUNK_NAME.fullmatch(name):
            break
        if name == b"eXIf":
            binary = file.read(min(length, end - file.tell()))
        elif name in _TEXTS and length <= _TEXT:
            found = _exif_in_text(name, file.read(length))
            from_text = from_text if found is None else found
        position += 12 + length
    return binary or from_text or None


def _exif_in_text(name: bytes, body: bytes) -> bytes | None:
    """The EXIF that a chunk of text holds: a few lines, then its bytes in hex."""
    key, _, text = body.partition(b"\0")
    if key != _EXIF_AS_TEXT:
        return None
    try:
        compressed = name == b"zTXt"
        if name == b"iTXt":  # flag, method, language, translated key, text
            compressed = text[0] == 1
            text = text[1:2] + text[2:].split(b"\0", 2)[2]
            text = text if compressed else text[1:]
        if compressed:
            text = zlib.decompressobj().decompress(text[1:], _TEXT)
        return bytes.fromhex("".join(text.decode("latin-1").split("\n")[3:]))
    except (ValueError, IndexError, zlib.error):
        return None  # a text of this name that holds none


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
