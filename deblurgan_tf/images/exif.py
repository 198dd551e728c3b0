"""The tag directories of EXIF and TIFF, read and written byte by byte.

Pillow rewrites a whole EXIF block when one tag changes: types change, and letters
beyond ASCII become "?". So the few things that `images` needs are done here on the
bytes. An EXIF block is a small TIFF file: a header, then a directory of tags. In memory
a directory is a dict from the number of a tag to an `Entry`, or to another directory
for the tags that point to one (camera settings, GPS).
"""

from __future__ import annotations

import contextlib
import struct
from typing import Literal, NamedTuple, TypeAlias

from deblurgan_tf.errors import PictureError

PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
_EXIF, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_THUMBNAIL = 0x0201
# Pairs that speak of columns and rows: size and resolution, of the picture and, in the
# camera's settings, of the picture and of the focal plane.
_SIDES = ((0x0100, 0x0101), (0x011A, 0x011B))
_CAMERA_SIDES = ((0xA002, 0xA003), (0xA20E, 0xA20F))
_PLACES = (0x9214, 0xA214)  # area and location of the subject
_CHILDREN = {None: (_EXIF, _GPS), _EXIF: (_INTEROPERABILITY,)}
# Bytes per value of each field type; 13 and 16 to 18 are used for pointers only.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_POINTERS = {4: 4, 13: 4, 16: 8, 18: 8}
# Each of them may point to all of the data, so what they hold together is bounded.
_SHARED = 1 << 20  # bytes that several tags may point to


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
    """Return (orientation 1 to 8, the same block for the picture turned upright).

    The orientation tag is set to 1. Where rows and columns change places, so do the
    widths and heights that the block tells, and the resolutions. The thumbnail is
    dropped: it shows the old picture, and lies on its side. So is the place of the
    subject, which is told in pixels of the picture as stored.

    Every other byte stays where it is, so that offsets inside maker notes remain right.
    A block that is too damaged to be read is left unchanged, with orientation 1. The
    result always has the "Exif" prefix.
    """
    data = bytearray(body(exif))
    orientation = 1
    try:
        order = byte_order(bytes(data[:2]))
        (start,) = struct.unpack_from(order + "I", data, 4)
        table = _Table(data, order, start)
        orientation = table.number(ORIENTATION) or 1
        orientation = orientation if 1 <= orientation <= 8 else 1
        table.set_number(ORIENTATION, 1)
        camera = table.child(_EXIF)
        for tags, pairs in ((table, _SIDES), (camera, _CAMERA_SIDES)):
            if orientation > 4 and tags is not None:
                for pair in pairs:
                    tags.exchange(*pair)
        if orientation > 1 and camera is not None:
            for tag in _PLACES:
                camera.remove(tag)
        _drop_thumbnail(data, table)
    except (ValueError, struct.error):
        pass
    return orientation, PREFIX + bytes(data)


def without_orientation(exif: bytes) -> bytes:
    """Return the block without the orientation tag, all else in its place."""
    data = bytearray(body(exif))
    try:
        order = byte_order(bytes(data[:2]))
        (start,) = struct.unpack_from(order + "I", data, 4)
        _Table(data, order, start).remove(ORIENTATION)
    except (ValueError, struct.error):
        pass
    return PREFIX + bytes(data)


def check(exif: bytes) -> None:
    """Raises PictureError for an EXIF block whose tags are more than `parse` reads."""
    with contextlib.suppress(ValueError, struct.error):  # damage does no harm
        unpack(exif)


class _Table:
    """A directory in the bytes of an EXIF block, to be changed in place."""

    def __init__(self, data: bytearray, order: Order, start: int) -> None:
        """Raises struct.error when it does not begin inside the data."""
        self.data, self.order, self.start = data, order, start
        (count,) = struct.unpack_from(order + "H", data, start)
        self.end = start + 2 + 12 * count  # here lies the offset of the next one

    def place(self, tag: int) -> int | None:
        """Where the twelve bytes of a tag lie."""
        last = min(self.end, len(self.data)) - 12  # a damaged block may be shorter
        for position in range(self.start + 2, last + 1, 12):
            if struct.unpack_from(self.order + "H", self.data, position) == (tag,):
                return position
        return None

    def number(self, tag: int) -> int | None:
        """A tag's value, a whole number of 16 or 32 bits."""
        place = self.place(tag)
        letter = None if place is None else self._letter(place)
        if place is None or letter is None:
            return None
        return int(struct.unpack_from(letter, self.data, place + 8)[0])

    def set_number(self, tag: int, value: int) -> None:
        """Changes such a value; a tag that is not there stays away."""
        place = self.place(tag)
        letter = None if place is None else self._letter(place)
        if place is not None and letter is not None:
            struct.pack_into(letter, self.data, place + 8, value)

    def _letter(self, place: int) -> str | None:
        (kind,) = struct.unpack_from(self.order + "H", self.data, place + 2)
        letter = {3: "H", 4: "I"}.get(kind)
        return None if letter is None else self.order + letter

    def child(self, tag: int) -> _Table | None:
        """The directory that a tag points to."""
        start = self.number(tag)
        try:
            return None if start is None else _Table(self.data, self.order, start)
        except struct.error:
            return None

    def exchange(self, one: int, other: int) -> None:
        """Gives each of two tags the other's value, where both are there."""
        first, second = self.place(one), self.place(other)
        if first is None or second is None:
            return
        a, b = (slice(place + 2, place + 12) for place in (first, second))
        self.data[a], self.data[b] = self.data[b], self.data[a]

    def remove(self, tag: int) -> None:
        """Takes a tag out: those behind it move up, and twelve bytes stay unused."""
        place = self.place(tag)
        if place is None:
            return
        rest = self.data[place + 12 : self.end + 4]
        self.data[place : self.end + 4] = rest + bytes(12)
        count = (self.end - self.start - 2) // 12 - 1
        struct.pack_into(self.order + "H", self.data, self.start, count)
        self.end -= 12


def _drop_thumbnail(data: bytearray, table: _Table) -> None:
    """Takes out the second directory; its bytes too where nothing else needs them."""
    if len(data) < table.end + 4:
        return  # some writers leave the offset of the second one out
    (second,) = struct.unpack_from(table.order + "I", data, table.end)
    struct.pack_into(table.order + "I", data, table.end, 0)
    if not 0 < second < len(data):
        return
    picture = _Table(data, table.order, second).number(_THUMBNAIL) or second
    known = parse(bytes(data), table.order, table.start)
    for end in sorted({second, picture}):
        kept = bytes(data[:end])
        # `parse` misses what does not lie inside the data.
        if end > table.end and parse(kept, table.order, table.start) == known:
            del data[end:]
            return


def parse(data: bytes, order: Order, offset: int, *, big: bool = False) -> Directory:
    """Read the directory at `offset` of a TIFF file or EXIF body.

    `order` is "<" or ">"; `big` is for BigTIFF. Tags whose values lie outside the
    data, or of unknown type, are left out. Raises struct.error when the directory
    itself is not inside the data, and PictureError for tags that together hold more
    bytes than the data and 1 MB.
    """
    return _parse(data, order, offset, big, [len(data) + _SHARED])


def _parse(
    data: bytes,
    order: Order,
    offset: int,
    big: bool,
    left: list[int],
    parent: int | None = None,
) -> Directory:
    # left: one number, of the bytes that tags may still hold.
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
                    directory[tag] = _parse(data, order, child, big, left, tag)
                except struct.error:
                    continue  # the pointer points outside the data
            continue
        length = _SIZES.get(kind, 0) * values
        left[0] -= min(length, len(data))
        if left[0] < 0:
            raise PictureError(
                "tags that hold more bytes than there are; save it anew with another "
                "program"
            )
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
    payload = bytearray()
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
    return table + b"\0\0\0\0" + bytes(payload)


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
