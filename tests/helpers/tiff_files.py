"""TIFFs written tag by tag, as no library writes them."""

from __future__ import annotations

import struct

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 12: 8}


def shorts(*values):
    return 3, len(values), struct.pack(f"<{len(values)}H", *values)


def longs(*values):
    return 4, len(values), struct.pack(f"<{len(values)}I", *values)


def pointing(kind, count, place):
    """A tag whose values lie at a place of the file, wherever that is."""
    return kind, count, place


def picture_tags(height, width, starts, lengths, *, bits=8, scheme=1, more=()):
    """The tags of a grey picture in strips."""
    return {
        256: longs(width),
        257: longs(height),
        258: shorts(bits),
        259: shorts(scheme),
        262: shorts(1),
        273: longs(*starts),
        277: shorts(1),
        278: longs(-(-height // len(starts))),
        279: longs(*lengths),
    } | dict(more)


def tiff(*directories, body=b""):
    """A file: the header, then `body` from byte 8 on, then chained directories.

    directories: tag -> (type, number of values, their bytes or where they lie), or a
    list of such pairs, which may name a tag several times.
    """
    data = bytearray(b"II*\0\0\0\0\0" + body)
    link = 4
    for directory in directories:
        pairs = directory.items() if isinstance(directory, dict) else directory
        table = b""
        for tag, (kind, count, values) in sorted(pairs, key=lambda pair: pair[0]):
            if isinstance(values, int):
                values = struct.pack("<I", values)
            elif len(values) > 4:
                place = len(data)
                data += values
                values = struct.pack("<I", place)
            table += struct.pack("<HHI", tag, kind, count) + values.ljust(4, b"\0")
        struct.pack_into("<I", data, link, len(data))
        data += struct.pack("<H", len(table) // 12) + table + bytes(4)
        link = len(data) - 4
    return bytes(data)
