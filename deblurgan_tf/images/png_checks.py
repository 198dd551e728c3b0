"""PNG: whether what reaches the pixels is sound, by the sums that the format holds.

Decoders are kinder than restoring allows: they give black or grey rows where the
compressed pixels are wrong, and take pixels whose sums do not fit.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from deblurgan_tf.images import deflate
from deblurgan_tf.images.png_chunks import NOTICES, chunks

_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_FRAMES = frozenset((b"acTL", b"fcTL", b"fdAT"))  # of an animation
_CHECKED = frozenset(  # by `png_chunks.Header`
    (b"eXIf", b"iCCP", b"pHYs", b"cICP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI")
)
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples of a pixel
# Adam7: first column and row, and steps, of each pass.
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_TOO_MANY = 1 << 20  # bytes behind the last pixel


def check_sums(data: bytes) -> tuple[str, ...]:
    """Compares the checksums of all chunks; notices of those that do not matter.

    Raises ValueError for a chunk without which the pixels are wrong: header, palette,
    transparency, pixels, end, those of animations, and unknown ones that are marked as
    critical.
    """
    names, notices = [], []
    for name, start, length in chunks(io.BytesIO(data)):
        names.append(name)
        total = data[start + length : start + length + 4]
        found = zlib.crc32(memoryview(data)[start : start + length], zlib.crc32(name))
        shown = name.decode("latin-1")
        if name in _PIXELS or name in _FRAMES:
            if len(total) < 4 and name != b"IEND":  # that the end is cut is told
                raise ValueError(f"the file ends in its {shown} chunk")
            if len(total) == 4 and found != int.from_bytes(total):
                raise ValueError(f"the checksum of its {shown} chunk is wrong")
        elif not name[0] & 0x20:
            raise ValueError(f"a chunk of the unknown kind {shown}")
        elif name not in _CHECKED and found.to_bytes(4) != total:
            notices.append(f"left out: {shown} chunk, damaged")
    if names[:1] != [b"IHDR"] or names.count(b"IHDR") > 1:
        raise ValueError("it does not begin with one header")
    if data[25] == 3 and b"PLTE" not in names:
        raise ValueError("its palette is missing")
    return tuple(notices[:NOTICES])


def check_pixels(data: bytes) -> None:
    """Unpacks the pixels, without keeping them, and compares their sum.

    data: a PNG whose header is sound and whose size is allowed. Raises ValueError when
    there are fewer than the header says, or when they do not come to their own end.
    """
    needed = _bytes_of_pixels(data)
    deflate.check_length(_bodies(data), needed, needed + _TOO_MANY)


def _bodies(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    for name, start, length in chunks(io.BytesIO(data)):
        if name == b"IDAT":
            yield view[start : start + length]


def _bytes_of_pixels(data: bytes) -> int:
    """How many bytes the rows have, each with the number of its filter."""
    width, height, depth, kind, interlaced = struct.unpack(">IIBB2xB", data[16:29])
    if kind not in _SAMPLES or interlaced > 1:
        raise ValueError("its header names an unknown kind of pixels")
    bits = depth * _SAMPLES[kind]
    total = 0
    for left, top, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns = -(-(width - left) // across)
        rows = -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total
