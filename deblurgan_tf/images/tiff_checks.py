"""TIFF: what is refused before its tags are read, and whether its pixels are there.

A tag of twelve bytes can point to the whole file. Readers copy what every tag points
to, and unpack a strip whole. So small files can fill the memory, or keep a reader busy
for minutes. The bounds here are counts that the directories give. They are far beyond
what cameras, scanners and programs write.
"""

from __future__ import annotations

import io
import lzma
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import tifffile
from PIL import JpegImagePlugin

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import deflate, jpeg
from deblurgan_tf.images import exif as tags

DIRECTORIES = 64
"""Pictures, previews and masks of a file."""
TAGS = 1000
"""Tags of a directory."""
NUMBERS = 1_000_000
"""Values of all tags that are no text and no bytes."""
FRACTIONS = 10_000
"""Those of them that are made of two numbers: readers make objects of these."""
PARTS = 100_000
"""Strips or tiles."""
_SLACK = 1 << 20  # bytes that tags, or strips, may share
_SHARED = 4  # how often the file's bytes may be counted as strips: equal tiles
_LARGE_TILE = 1 << 24  # pixels of a tile of a smaller picture
_FRACTION = (5, 10)
# What one value takes in memory is less than what these take in the file, but for
# kinds that stand for numbers and not for bytes.
_NUMBERS = frozenset((3, 4, 5, 8, 9, 10, 11, 12, 13, 16, 17, 18))
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_SIZES |= {13: 4, 16: 8, 17: 8, 18: 8}

RAW, LZW, JPEG, DEFLATES, PACKBITS, LZMA = 1, 5, 7, (8, 32946), 32773, 34925
FAXES = (2, 3, 4)
_BLOCK = 1 << 22  # bytes unpacked at a time
_LZMA_MEMORY = 1 << 28
_YCBCR = 6
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


class _Part(NamedTuple):
    """A strip or tile: where it lies, and its height and width with what pads them."""

    start: int
    length: int
    rows: int  # that the picture needs
    height: int
    width: int


def check_directories(file: BinaryIO) -> None:
    """Raises PictureError where there are more tags, or values, than the bounds.

    Reads the tables of the directories, and nothing that they point to. What is cut
    short is left to the reader.
    """
    end = file.seek(0, io.SEEK_END)
    left = {"bytes": end + _SLACK, "numbers": NUMBERS, "fractions": FRACTIONS}
    seen: set[int] = set()
    for offset, entries in _directories(file):
        if offset in seen:
            return
        seen.add(offset)
        if len(seen) > DIRECTORIES:
            raise PictureError(
                f"a TIFF of more than {DIRECTORIES} pages and thumbnails; save them as "
                "single pictures"
            )
        for kind, count in entries:
            left["bytes"] -= _SIZES.get(kind, 0) * count
            left["numbers"] -= count if kind in _NUMBERS else 0
            left["fractions"] -= count if kind in _FRACTION else 0
        for what, number in left.items():
            if number < 0:
                raise _too_much(f"more {what} in its tags than are read")


def _directories(file: BinaryIO) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Where each directory begins, and (type, number of values) of its tags."""
    file.seek(0)
    head = file.read(16)
    order = tags.byte_order(head)
    big = head[2:4] in (b"+\0", b"\0+")
    number, entry, word = ("Q", "HHQ8x", "Q") if big else ("H", "HHI4x", "I")
    step = struct.calcsize(order + entry)
    (offset,) = struct.unpack_from(order + word, head, 8 if big else 4)
    while offset:
        file.seek(offset)
        start = file.read(struct.calcsize(order + number))
        if len(start) < struct.calcsize(order + number):
            return
        (count,) = struct.unpack(order + number, start)
        if count > TAGS:
            raise _too_much(f"more than {TAGS:,} tags")
        table = file.read(count * step)
        table = table[: len(table) // step * step]
        yield offset, [entry[1:] for entry in struct.iter_unpack(order + entry, table)]
        behind = file.read(struct.calcsize(order + word))
        if len(behind) < struct.calcsize(order + word):
            return
        (offset,) = struct.unpack(order + word, behind)


def check_pixels(data: bytes, page: tifffile.TiffPage) -> None:
    """Raises ValueError where strips or tiles of the picture are missing or damaged.

    data: the whole file. page: its picture, of allowed size. Deflate and LZMA have sums
    of their own and are unpacked, without keeping the pixels; JPEG shows where it was
    cut short. Other compressions tell nothing here.
    """
    parts, view = _parts(page), memoryview(data)
    if sum(part.length for part in parts) > _SHARED * len(data) + _SLACK:
        raise _too_much("strips or tiles that share their bytes too often")
    scheme = int(page.compression)
    for part in parts:
        if not 0 < part.start < len(data) or part.length < 1:
            raise ValueError("strips or tiles of the picture are missing")
        row = _row(page, part.width)
        if scheme == RAW:
            if row is not None and part.start + part.rows * row > len(data):
                raise ValueError("the file ends before its pixels do")
            continue
        if part.start + part.length > len(data):
            raise ValueError("the file ends before its pixels do")
        body: bytes | memoryview = view[part.start : part.start + part.length]
        if scheme in (*DEFLATES, LZMA) and row is not None:
            if page.fillorder == 2:
                body = bytes(body).translate(_REVERSED)
            needed, allowed = part.rows * row, part.height * row + _SLACK
            if scheme == LZMA:
                deflate.check_lengths(_lzma(body), needed, allowed)
            else:
                deflate.check_length([body], needed, allowed)
        elif scheme == JPEG:
            _check_jpeg(bytes(body), page)


def _parts(page: tifffile.TiffPage) -> list[_Part]:
    """The strips or tiles that the picture needs."""
    height, width = page.imagelength, page.imagewidth
    if page.is_tiled:
        tall, wide = page.tilelength, page.tilewidth
        if tall < 1 or wide < 1:
            raise ValueError("its tiles have no size")
        if tall * wide > max(_LARGE_TILE, 4 * height * width):
            raise _too_much("tiles that are much larger than the picture")
        heights = [tall] * (-(-height // tall) * -(-width // wide))
        rows = heights
    else:
        tall, wide = min(page.rowsperstrip or height, height), width
        rows = [min(tall, height - top) for top in range(0, height, tall)]
        heights = [tall] * len(rows)
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    needed = len(rows) * planes
    if max(needed, len(page.dataoffsets)) > PARTS:
        raise _too_much(f"more than {PARTS:,} strips or tiles")
    places = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if len(places) < needed:
        raise ValueError("strips or tiles of the picture are missing")
    return [
        _Part(int(start), int(length), *part, wide)
        for (start, length), part in zip(
            places, zip(rows * planes, heights * planes, strict=True), strict=False
        )
    ]


def _row(page: tifffile.TiffPage, width: int) -> int | None:
    """Bytes of a row of a strip or tile; None where colours have fewer samples."""
    if int(page.photometric) == _YCBCR:
        return None
    samples = 1 if page.planarconfig == 2 else page.samplesperpixel
    return int(width * samples * page.bitspersample + 7) // 8


def _lzma(body: bytes | memoryview) -> Iterator[int]:
    """The lengths of the unpacked blocks."""
    unpacker = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    while not unpacker.eof:
        if not body and unpacker.needs_input:
            raise ValueError("the pixels end too early")
        yield len(unpacker.decompress(body, _BLOCK))
        body = b""


def _check_jpeg(body: bytes, page: tifffile.TiffPage) -> None:
    """A strip or tile is a JPEG without its tables, which are kept in a tag."""
    tables = page.jpegtables
    whole = body if tables is None else tables[:-2] + body[2:]
    jpeg.load(whole, JpegImagePlugin.JpegImageFile(io.BytesIO(whole)))


def _too_much(what: str) -> PictureError:
    return PictureError(f"a TIFF with {what}; save it anew with another program")
