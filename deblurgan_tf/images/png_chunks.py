"""PNG: what its chunks say beside the pixels, read before and behind them.

Pillow refuses a sound picture for a long text or an odd profile beside it, gives EXIF
behind the pixels only once it has decoded them, and forgets what the numbers mean. So
the chunks are read here, once for the size and for the pixels alike, and decoders are
handed a file without them.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from deblurgan_tf.images import exif as tags

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NO_END = "what lies behind the pixels is missing or damaged, but every pixel is there"

_EXIF_AS_TEXT = b"Raw profile type exif"  # the key of a text, in older programs
_LARGE = 1 << 20  # bytes: Pillow, and so many programs, refuse a longer text or profile
_PACKED = 64  # how many compressed texts and profiles are looked at
NOTICES = 64
"""How many chunks of one picture are told as left out."""
_CHUNKS = 300_000  # of a file; each costs microseconds, however small it is
_FOR_DECODERS = frozenset(
    (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT")
)
_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_NAME = re.compile(rb"\w{4}")  # as Pillow takes them; else the file is damaged
# What the numbers of the pixels mean, with the length of each chunk: code points,
# sRGB's intent, gamma, primaries, and two of high dynamic range.
_COLOUR = {
    b"cICP": 4,
    b"sRGB": 1,
    b"gAMA": 4,
    b"cHRM": 32,
    b"mDCV": 24,
    b"cLLI": 8,
}


class Chunk(NamedTuple):
    """A chunk of a file: its name, where its body begins, and how long that is."""

    name: bytes
    start: int
    length: int


class Header:
    """What a PNG says beside its pixels.

    Attributes:
        exif: the EXIF block, or None. Of several the last one counts, and any of them
            before a text.
        icc: the colour profile, or None.
        dpi: pixels per inch, horizontally and vertically, or None.
        colour: what else says what the numbers mean: names and bodies of chunks.
        notices: what is damaged, or too large for others, and so was left out.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Reads the chunks of an open file and skips the pixels."""
        self.exif: bytes | None = None
        self.icc: bytes | None = None
        self.dpi: tuple[float, float] | None = None
        self.colour: dict[bytes, bytes] = {}
        self.notices: list[str] = []
        self._exif_text: bytes | None = None
        self._unpacked = 0
        name = b""
        for chunk in chunks(file):
            name = chunk.name
            if name in _TEXTS:
                self._take_text(name, file.read(min(chunk.length, _LARGE + 1)))
            elif name in _COLOUR or name in (b"eXIf", b"iCCP", b"pHYs"):
                body = file.read(min(chunk.length, _LARGE + 1))
                self._take(name, body, file.read(4))
        # The end is a chunk of its own, with a checksum.
        if name != b"IEND" or len(file.read(4)) < 4:
            self.notices.append(NO_END)
        self.exif = self.exif or self._exif_text

    def _take(self, name: bytes, body: bytes, total: bytes) -> None:
        what = {b"eXIf": "EXIF data", b"iCCP": "colour profile", b"pHYs": "resolution"}
        called = what.get(name, name.decode() + " chunk")
        if len(body) > _LARGE:
            self._left_out(f"{called} of more than 1 MB")
        elif zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(total):
            self._left_out(f"{called}, damaged")
        elif name == b"eXIf":
            self.exif = body
        elif name == b"iCCP":
            self._take_profile(body)
        elif len(body) != _COLOUR.get(name, 9):
            self._left_out(f"{called}, damaged")
        elif name == b"pHYs":
            x, y, unit = struct.unpack(">IIB", body)
            self.dpi = (x * 0.0254, y * 0.0254) if unit == 1 and x and y else None
        else:
            self.colour[name] = body

    def _take_profile(self, body: bytes) -> None:
        self._unpacked += 1
        if self._unpacked > _PACKED:
            return
        icc = _unpacked(body.partition(b"\0")[2])
        if icc is not None and len(icc) > _LARGE:
            self._left_out("colour profile of more than 1 MB")
        elif icc is None or icc[36:40] != b"acsp":
            self._left_out("colour profile, damaged")
        else:
            self.icc = icc

    def _take_text(self, name: bytes, body: bytes) -> None:
        key, _, rest = body.partition(b"\0")
        text: bytes | None = rest
        packed = name == b"zTXt"
        if name == b"iTXt":
            packed = rest[:1] == b"\1"
            text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        if packed and len(body) <= _LARGE:
            self._unpacked += 1
            if self._unpacked > _PACKED:
                return
            text = _unpacked(rest if name == b"zTXt" else b"\0" + (text or b""))
        if text is not None and max(len(body), len(text)) > _LARGE:
            shown = ascii(key[:79].decode("latin-1"))
            self._left_out(f"text of more than 1 MB, {shown}")
        elif key == _EXIF_AS_TEXT:
            self._take_digits(text)

    def _take_digits(self, text: bytes | None) -> None:
        # Three lines, then hex digits.
        try:
            digits = b"".join((text or b"").split(b"\n")[3:])
            exif = bytes.fromhex(digits.decode("ascii"))
            tags.byte_order(tags.body(exif))
        except ValueError:
            self._left_out("EXIF data stored as a text, damaged")
        else:
            self._exif_text = exif

    def _left_out(self, what: str) -> None:
        if len(self.notices) < NOTICES:
            self.notices.append(f"left out: {what}")


def chunks(file: BinaryIO) -> Iterator[Chunk]:
    """The chunks of a PNG up to its end, or up to what is no chunk.

    The file is at the chunk's body each time, and may be read by the caller. Raises
    ValueError for more than 300,000 chunks.
    """
    end = file.seek(0, io.SEEK_END)
    position = len(SIGNATURE)
    count = 0
    while position + 8 <= end:
        file.seek(position)
        length, name = struct.unpack(">I4s", file.read(8))
        if not _NAME.fullmatch(name):
            return
        count += 1
        if count > _CHUNKS:
            raise ValueError(f"more than {_CHUNKS:,} chunks")
        yield Chunk(name, position + 8, length)
        if name == b"IEND":
            return
        position += 12 + length


def for_decoders(file: BinaryIO, *, pixels: bool = True) -> bytes:
    """The PNG without what its `Header` holds; without pixels it ends where they begin.

    A missing end is mended; pixels that are cut short stay so.
    """
    parts, size = [SIGNATURE], file.seek(0, io.SEEK_END)
    for chunk in chunks(file):
        if chunk.name not in _FOR_DECODERS:
            continue
        file.seek(chunk.start - 8)
        if chunk.name == b"IDAT" and not pixels:
            parts.append(file.read(8))
            return b"".join(parts)
        parts.append(file.read(12 + chunk.length))
        if chunk.start + chunk.length + 4 > size:
            return b"".join(parts)
    return b"".join([*parts, made(b"IEND", b"")])


def made(name: bytes, body: bytes) -> bytes:
    """The bytes of a chunk."""
    total = zlib.crc32(body, zlib.crc32(name))
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", total)


def _unpacked(body: bytes) -> bytes | None:
    """A method's number and a deflate stream -> at most a byte too many, or None."""
    unpacker = zlib.decompressobj()
    try:
        return unpacker.decompress(body[1:], _LARGE + 1)
    except zlib.error:
        return None
