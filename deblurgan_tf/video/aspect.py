"""The shape of a video's pixels, written into the header of a finished file.

Pixels of anamorphic video (DVDs, archives of tapes) are not square. H.264 and its like
say so among their pictures, and MOV writes what the encoder says. In Matroska and AVI
the muxers of FFmpeg take it from a place that PyAV cannot set, so that VP8, VP9, AV1,
FFV1 and raw video would be shown too narrow or too wide.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

ROOM = " " * 40
"""Is appended to the title of a Matroska track, and makes room for `write_aspect`."""
_HEAD = 1 << 20  # bytes of a file that hold its header, at most

_SEGMENT, _TRACKS, _CLUSTER = (
    b"\x18\x53\x80\x67",
    b"\x16\x54\xae\x6b",
    b"\x1f\x43\xb6\x75",
)
_ENTRY, _NUMBER, _NAME, _VIDEO = b"\xae", b"\xd7", b"\x53\x6e", b"\xe0"
_WIDTH, _HEIGHT, _UNIT = b"\x54\xb0", b"\x54\xba", b"\x54\xb2"  # as it is shown
_VOID, _CHECK = b"\xec", b"\xbf"


def write_aspect(
    file: Path, track: int, size: tuple[int, int], aspect: Fraction
) -> bool:
    """Writes the aspect ratio of the pixels into a Matroska, WebM or AVI file.

    track: the number of the video's track, from 0. size: width and height of the stored
    pictures. Returns whether the file could be changed; other files stay as they are.
    """
    with open(file, "r+b") as opened:
        head = opened.read(_HEAD)
        if head.startswith(b"\x1a\x45\xdf\xa3"):
            changed = _matroska(head, track, size, aspect)
        elif head.startswith(b"RIFF") and head[8:12] == b"AVI ":
            changed = _avi(head, track, size, aspect)
        else:
            return False
        if changed is None:
            return False
        assert len(changed) == len(head)
        opened.seek(0)
        opened.write(changed)
    return True


def shown_size(size: tuple[int, int], aspect: Fraction) -> tuple[int, int]:
    """The smallest size not below `size` that has exactly the shape of the picture."""
    shape = aspect * size[0] / size[1]
    columns, rows = shape.numerator, shape.denominator
    times = max(-(-size[0] // columns), -(-size[1] // rows))
    return columns * times, rows * times


class _Element(NamedTuple):
    """A part of a Matroska file: its name, and where its contents lie."""

    name: bytes
    start: int
    inside: int
    end: int


def _elements(data: bytes, start: int, end: int) -> Iterator[_Element]:
    """The elements between two places, up to one that is not wholly in `data`."""
    while start < min(end, len(data) - 1):
        name = data[start : start + _length(data[start])]
        place = start + len(name)
        if place >= len(data):
            return
        bytes_ = _length(data[place])
        value = int.from_bytes(data[place : place + bytes_])
        value &= (1 << 7 * bytes_) - 1  # without the mark of its length
        inside = place + bytes_
        unknown = value == (1 << 7 * bytes_) - 1
        stop = end if unknown else inside + value
        yield _Element(name, start, inside, stop)
        start = stop


def _length(first: int) -> int:
    """How many bytes a name or a size of this first byte has."""
    return 9 - max(first, 1).bit_length()


def _element(name: bytes, contents: bytes) -> bytes:
    bytes_ = next(n for n in range(1, 9) if len(contents) < (1 << 7 * n) - 1)
    return name + (len(contents) | 1 << 7 * bytes_).to_bytes(bytes_) + contents


def _matroska(
    head: bytes, track: int, size: tuple[int, int], aspect: Fraction
) -> bytes | None:
    """The head with the shown size in place of the room in the track's title."""
    segment = _first(head, _SEGMENT, 0, len(head))
    tracks = segment and _first(head, _TRACKS, segment.inside, segment.end)
    if not tracks or tracks.end > len(head):
        return None
    entries = [
        x for x in _elements(head, tracks.inside, tracks.end) if x.name == _ENTRY
    ]
    entry = next((x for x in entries if _number(head, x) == track + 1), None)
    if entry is None:
        return None
    changed = bytearray(head)
    contents = _with_shown_size(head, entry, shown_size(size, aspect))
    if contents is None:
        return None
    changed[entry.inside : entry.end] = contents
    check = _first(head, _CHECK, tracks.inside, tracks.end)
    if check is not None:
        code = zlib.crc32(changed[check.end : tracks.end])
        changed[check.inside : check.end] = code.to_bytes(4, "little")
    return bytes(changed)


def _with_shown_size(
    head: bytes, entry: _Element, shown: tuple[int, int]
) -> bytes | None:
    """The contents of a track's entry, of the same length; None without the room."""
    made = b""
    for part in _elements(head, entry.inside, entry.end):
        contents = head[part.inside : part.end]
        if part.name == _VIDEO:
            known = _elements(head, part.inside, part.end)
            kept = [x for x in known if x.name not in (_WIDTH, _HEIGHT, _UNIT)]
            contents = b"".join(head[x.start : x.end] for x in kept)
            for name, side in zip((_WIDTH, _HEIGHT), shown, strict=True):
                contents += _element(name, side.to_bytes(4))
        elif part.name == _NAME:
            contents = contents.removesuffix(ROOM.encode())
            if not contents:
                continue
        made += _element(part.name, contents)
    left = entry.end - entry.inside - len(made)
    if not 2 <= left <= 120:
        return None
    return made + _element(_VOID, bytes(left - 2))


def _number(head: bytes, entry: _Element) -> int | None:
    found = _first(head, _NUMBER, entry.inside, entry.end)
    return None if found is None else int.from_bytes(head[found.inside : found.end])


def _first(data: bytes, name: bytes, start: int, end: int) -> _Element | None:
    for element in _elements(data, start, end):
        if element.name == name:
            return element
        if element.name == _CLUSTER:
            return None
    return None


def _avi(
    head: bytes, track: int, size: tuple[int, int], aspect: Fraction
) -> bytes | None:
    """The head with a chunk vprp in the track's list; the padding is shorter then."""
    shape = aspect * size[0] / size[1]
    if max(shape.numerator, shape.denominator) > 0xFFFF:
        return None
    width, height = size
    video = struct.pack(
        "<5I2H3I8I",
        *(0, 0, 0, width, height),  # no format, standard or rate
        *(shape.denominator, shape.numerator),
        *(width, height, 1),
        *(height, width, height, width, 0, 0, 0, 0),  # the one field
    )
    chunk = b"vprp" + struct.pack("<I", len(video)) + video
    top = list(_chunks(head, 12, len(head)))
    header = next((x for x in top if x.name == b"LIST hdrl"), None)
    padding = next((x for x in top if x.name == b"JUNK"), None)
    if header is None or padding is None or padding.end > len(head):
        return None
    room = padding.end - padding.inside - len(chunk)
    lists = _chunks(head, header.inside, header.end)
    tracks = [x for x in lists if x.name == b"LIST strl"]
    if room < 0 or track >= len(tracks):
        return None
    place = tracks[track].end
    changed = bytearray(head)
    for list_ in (header, tracks[track]):
        grown = struct.unpack_from("<I", head, list_.start + 4)[0] + len(chunk)
        struct.pack_into("<I", changed, list_.start + 4, grown)
    struct.pack_into("<I", changed, padding.start + 4, room)
    before, between = changed[:place], changed[place : padding.inside]
    return bytes(before + chunk + between + changed[padding.inside + len(chunk) :])


def _chunks(data: bytes, start: int, end: int) -> Iterator[_Element]:
    """The chunks of a RIFF file; a list's name is its own and that of its kind."""
    while start + 8 <= min(end, len(data)):
        name, size = struct.unpack_from("<4sI", data, start)
        inside = start + 8
        if name == b"LIST":
            name += b" " + data[inside : inside + 4]
            yield _Element(name, start, inside + 4, inside + size)
        else:
            yield _Element(name, start, inside, inside + size)
        start = inside + size + size % 2
