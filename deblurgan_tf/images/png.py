"""PNG of 16 bits per sample, and what Pillow does not write into any PNG.

Pillow reads 16 bits as 8 bits and cannot write them. OpenCV decodes the pixels
exactly. It writes neither grey with alpha nor the resolution, so the writer is our
own: a PNG is a few chunks around a deflate stream.
"""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np

from deblurgan_tf.images.png_chunks import SIGNATURE, made

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> the format's number
_BLOCK = 1 << 22  # bytes filtered and compressed at a time, to bound the memory
_HEADER = 33  # bytes of the signature and of the first chunk


def is_deep(data: bytes) -> bool:
    """Whether the bytes begin as a PNG of 16 bits per sample."""
    return data[:8] == SIGNATURE and data[24:25] == b"\x10"


def with_colour(data: bytes, colour: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """The PNG with chunks (name, body) that say what its numbers mean."""
    added = b"".join(made(name, body) for name, body in colour)
    return data[:_HEADER] + added + data[_HEADER:]


def decode(data: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Decode a 16-bit PNG that `for_decoders` made of a sound one.

    Returns (colour, alpha): colour uint16 (H, W) or (H, W, 3), alpha uint16 (H, W) or
    None. Raises ValueError for damaged data.
    """
    width, height, _, kind = struct.unpack(">IIBB", data[16:26])
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
        SIGNATURE,
        made(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)),
    ]
    if icc is not None:
        parts.append(made(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    if dpi is not None:
        x, y = (round(value / 0.0254) for value in dpi)
        parts.append(made(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if exif is not None:
        parts.append(made(b"eXIf", exif))
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
        parts.append(made(b"IDAT", deflate.compress(lines.tobytes())))
    parts += [made(b"IDAT", deflate.flush()), made(b"IEND", b"")]
    return b"".join(parts)
