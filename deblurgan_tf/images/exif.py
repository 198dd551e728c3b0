"""The tag directories of EXIF and TIFF, read and written byte by byte.

Pillow rewrites a whole EXIF block when one tag changes: types change, and letters
beyond ASCII become "?". So the few things that `images` needs are done here on the
bytes. An EXIF block is a small TIFF file: a header, then a directory of tags. In memory
a directory is a dict from the number of a tag to an `Entry`, or to another directory
for the tags that point to one (camera settings, GPS).
"""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple, TypeAlias

PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
_EXIF, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_CHILDREN = {None: (_EXIF, _GPS), _EXIF: (_INTEROPERABILITY,)}
# Bytes per value of each field type; 13 and 16 to 18 are used for pointers only.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_POINTERS = {4: 4, 13: 4, 16: 8, 18: 8}


class Entry(NamedTuple):
    """One tag: its field type, the number of values, and their bytes in the file."""

    kind: int
    values: int
    raw: bytes


Order: TypeAlias = Literal["<", ">"]
Directory: TypeAlias = "dict[int, Entry | Directory]"


def byte_order(header: bytes) -> Order:
    """Return "<" or ">" for the first bytes of a TIFF or EXIF body.

    Raises ValueError when they are neither "II" nor "MM".
    """
    if header[:2] == b"II":
        return "<"
    if header[:2] == b"MM":
        return ">"
    raise ValueError("the tags have no byte order mark")


def body(exif: bytes) -> bytes:
    """Return the EXIF block without its "Exif" prefix (some writers put two)."""
    while exif.startswith(PREFIX):
        exif = exif[len(PREFIX) :]
    return exif


def upright(exif: bytes) -> tuple[int, bytes]:
    """Return (orientation 1 to 8, the same block with the orientation tag set to 1).

    Only that one value changes. Every other byte stays, so that offsets inside maker
    notes remain right. For a block without the tag, and for one too damaged to be read,
    the orientation is 1 and the block is unchanged. The result always has the "Exif"
    prefix.
    """
    data = bytearray(body(exif))
    try:
        order = byte_order(bytes(data[:2]))
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        for position in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _ = struct.unpack_from(order + "HHI", data, position)
            if tag == ORIENTATION and kind in (3, 4):
                letter = order + ("H" if kind == 3 else "I")
                (value,) = struct.unpack_from(letter, data, position + 8)
                struct.pack_into(letter, data, position + 8, 1)
                return (value if 1 <= value <= 8 else 1), PREFIX + bytes(data)
    except (ValueError, struct.error):
        pass
    return 1, PREFIX + bytes(data)


def parse(data: bytes, order: Order, offset: int, *, big: bool = False) -> Directory:
    """Read the directory at `offset` of a TIFF file or EXIF body.

    `order` is "<" or ">"; `big` is for BigTIFF. Tags whose values lie outside the
    data, or of unknown type, are left out. Raises struct.error when the directory
    itself is not inside the data.
    """
    return _parse(data, order, offset, big, None)


def _parse(
    data: bytes, order: Order, offset: int, big: bool, parent: int | None
) -> Directory:
    number, layout, word = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
    (count,) = struct.unpack_from(order + number, data, offset)
    offset += struct.calcsize(order + number)
    step = struct.calcsize(order + layout)
    directory: Directory = {}
    for position in range(offset, offset + count * step, step):
        tag, kind, values, inline = struct.unpack_from(order + layout, data, position)
        if tag in _CHILDREN.get(parent, ()):
            if kind in _POINTERS:
                letter = "I" if _POINTERS[kind] == 4 else "Q"
                (child,) = struct.unpack_from(order + letter, inline)
                try:
                    directory[tag] = _parse(data, order, child, big, tag)
                except struct.error:
                    continue  # the pointer points outside the data
            continue
        length = _SIZES.get(kind, 0) * values
        if length > len(inline):
            (place,) = struct.unpack(order + word, inline)
            raw = data[place : place + length]
        else:
            raw = inline[:length]
        if raw and len(raw) == length:
            directory[tag] = Entry(kind, values, raw)
    return directory


def serialise(directory: Directory, order: Order, offset: int) -> bytes:
    """Return the bytes of a directory that will lie at `offset` (an even number)."""
    table = struct.pack(order + "H", len(directory))
    payload = b""
    after = offset + 2 + 12 * len(directory) + 4
    for tag in sorted(directory):
        value = directory[tag]
        place = struct.pack(order + "I", after + len(payload))
        if isinstance(value, dict):
            table += struct.pack(order + "HHI", tag, 4, 1) + place
            payload += serialise(value, order, after + len(payload))
            continue
        table += struct.pack(order + "HHI", tag, value.kind, value.values)
        if len(value.raw) <= 4:
            table += value.raw.ljust(4, b"\0")
        else:
            table += place
            payload += value.raw + b"\0" * (len(value.raw) % 2)
    return table + b"\0\0\0\0" + payload


def pack(directory: Directory, order: Order) -> bytes:
    """Return the directory as an EXIF block with its prefix."""
    return PREFIX + header(order, 8) + serialise(directory, order, 8)


def unpack(exif: bytes) -> tuple[Directory, Order]:
    """Return (directory, byte order) of an EXIF block.

    Raises ValueError when the block is too damaged to be read.
    """
    data = body(exif)
    order = byte_order(data)
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        return parse(data, order, start), order
    except struct.error as error:
        raise ValueError(f"the EXIF block is damaged ({error})") from error


def header(order: Order, offset: int) -> bytes:
    """Return the eight bytes that begin a TIFF whose directory is at `offset`."""
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, offset)
