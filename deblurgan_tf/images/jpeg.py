"""JPEG, as far as Pillow falls short: files without an end, and how one was compressed.

Cameras whose battery goes, and tools that cut a byte too many, leave JPEGs that hold
every pixel but not the two bytes of the end marker. Pillow refuses them. With an end
marker put behind them it accepts everything: a file cut in half then has a grey half.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, JpegImagePlugin

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif as tags
from deblurgan_tf.images.picture import Compression

NO_END = "the end marker is missing, but every pixel is there"
COARSE = "the last scans are missing: the picture is coarser than it was"

_BEGIN_SCAN, _END = b"\xff\xda", b"\xff\xd9"
# A marker in the compressed pixels that is neither a stuffed byte nor a restart, nor
# the one that stands alone and means nothing.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_PADDING = re.compile(rb"(?<!\xff)\x00{64,}\Z")  # of a file that was laid out too long
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_INTERVAL = 0xDD  # announces how many units lie between restart markers
_COEFFICIENTS = 64
_SEGMENTS = 10_000  # of a file; those before the pixels are read one by one
_EXIF = 1 << 20  # bytes; Pillow joins what stands in several segments
_FILLING = 1 << 16  # bytes between segments
VISITS = 150_000_000
"""Blocks of 8 x 8 that all scans go through: six times those of most progressive
pictures of 200 million pixels."""


class _Segment(NamedTuple):
    """A marker and what it announces: its place, and its body without the length."""

    marker: int
    start: int
    body: bytes


class _Frame(NamedTuple):
    """How a picture is cut into blocks: its marker, and blocks of each component."""

    marker: int
    blocks: dict[int, int]
    units: int  # of all components together: what a scan of several goes through

    @classmethod
    def of(cls, segment: _Segment) -> _Frame:
        height, width, count = struct.unpack_from(">xHHB", segment.body)
        sides = {
            name: (factors >> 4, factors & 15)
            for name, factors, _ in struct.iter_unpack(
                "3B", segment.body[6 : 6 + 3 * count]
            )
        }
        widest = max((across for across, _ in sides.values()), default=1)
        highest = max((down for _, down in sides.values()), default=1)
        return cls(
            segment.marker,
            {
                name: -(-width * across // (8 * widest))
                * -(-height * down // (8 * highest))
                for name, (across, down) in sides.items()
            },
            -(-width // (8 * widest)) * -(-height // (8 * highest)),
        )


def check_header(file: BinaryIO) -> None:
    """Raises PictureError for more beside the pixels than is read, before Pillow does.

    Reads what stands before the pixels, segment by segment.
    """
    exif, position, segments, filling = b"", 2, 0, 0
    while True:
        file.seek(position)
        start = file.read(4)
        if len(start) < 4 or start[0] not in (0, 0xFF) or start[1] == _BEGIN_SCAN[1]:
            break
        if start[0] == 0 or start[1] in (0, 0xFF):
            position += 1
            filling += 1
        elif 0xD0 <= start[1] <= 0xD9 or start[1] == 1:  # without a length
            position += 2
        else:
            length = int.from_bytes(start[2:])
            if start[1] == 0xE1 and len(exif) <= _EXIF:
                body = file.read(max(0, length - 2))
                if body.startswith(tags.PREFIX):
                    exif += body[len(tags.PREFIX) if exif else 0 :]
            position += 2 + max(2, length)
        segments += 1
        if segments - filling > _SEGMENTS or filling > _FILLING or len(exif) > _EXIF:
            raise PictureError(
                "a JPEG with more beside its pixels than is read; save it anew with "
                "another program"
            )
    if exif:
        tags.check(exif)


def check(data: bytes) -> None:
    """Raises OSError for fewer bytes than the blocks need, PictureError for many scans.

    Each block takes two bits at least, or one where it is progressive: a small file
    that claims to be a large picture is found before there is memory for the picture.
    """
    frame: _Frame | None = None
    visits = interval = 0
    scan: tuple[int, int] | None = None  # where one begins, and its restart markers
    for segment in _segments(data):
        if scan is not None:
            _check_restarts(data[scan[0] : segment.start], scan[1])
            scan = None
        if segment.marker == _INTERVAL:
            interval = int.from_bytes(segment.body[:2])
        elif _begins_frame(segment):
            frame = _Frame.of(segment)
            bits = {0xC0: 2, 0xC1: 2, 0xC2: 1}.get(segment.marker, 0)
            if sum(frame.blocks.values()) * bits > 8 * len(data):
                raise OSError("it has too few bytes for its size")
        elif segment.marker == _BEGIN_SCAN[1] and frame is not None:
            names = segment.body[1 : 1 + 2 * segment.body[0] : 2]
            visits += 1 + sum(frame.blocks.get(name, 0) for name in names)
            if interval:
                units = (
                    frame.blocks.get(names[0], 0) if len(names) == 1 else frame.units
                )
                scan = segment.start, (units - 1) // interval
            if visits > VISITS:
                raise PictureError(
                    "a JPEG of too many scans; save it anew with another program"
                )


def _check_restarts(scan: bytes, needed: int) -> None:
    """Restart markers are numbered from 0 to 7; `needed` are in a scan."""
    found = [marker[1] & 7 for marker in _RESTART.findall(scan)]
    if len(found) < needed or found != [n % 8 for n in range(len(found))]:
        raise OSError("pixels are missing between restart markers")


def _begins_frame(segment: _Segment) -> bool:
    return 0xC0 <= segment.marker <= 0xCF and segment.marker not in (0xC4, 0xC8, 0xCC)


def load(data: bytes, image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Decodes the pixels; (image, notices), another image where the end is missing.

    data: the file. image: it, opened by Pillow. Raises OSError where the file holds
    fewer pixels than its header says.
    """
    check(data)
    # The end marker of a thumbnail has a scan behind it.
    last = data.rfind(_END)
    ended = last >= 0 and data.find(_BEGIN_SCAN, last) < 0
    if not ended and _end(data) is None:
        whole = _whole(data)
        if whole is None:
            raise OSError("pixels are missing, and so is the end marker")
        return whole, (NO_END,)
    image.load()
    progressive = "progressive" in image.info
    # Decoders fill what is missing with this grey, or leave it as coarse as it was.
    # Some sound pictures have the grey too, so it is a reason to look closer, no more.
    if (progressive or _grey_corner(image)) and not _complete(data, image):
        raise OSError("pixels are missing before a marker")
    return image, ((COARSE,) if progressive and not _refined(data) else ())


def compression(image: Image.Image) -> Compression | None:
    """How a JPEG opened by Pillow was compressed; None for unusual ones."""
    # The tables belong to Y, Cb and Cr. Those of CMYK or of plain RGB (transform 0 of
    # Adobe) are wrong for the file that will be written.
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    if len(layers) not in (1, 3) or image.info.get("adobe_transform") == 0:
        return None
    known: dict[int, list[int]] = getattr(image, "quantization", {})
    tables = [tuple(known[layer[3]]) for layer in layers]
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()
    # Pillow's -1 is grey or a rare subsampling; both are written as 4:4:4.
    subsampling = max(0, JpegImagePlugin.get_sampling(image))
    return Compression(tuple(tables), subsampling, "progressive" in image.info)


def _whole(data: bytes) -> Image.Image | None:
    """The picture of a JPEG without its end marker; None where pixels are missing.

    Pixels that are there do not depend on what follows. So the file is decoded with
    several endings, which differ in their first bit and in their second.
    """
    data = _PADDING.sub(b"", data)
    if data.endswith(b"\xff"):
        data = data[:-1]  # the first half of the end marker
    if not _refined(data):
        return None
    first: Image.Image | None = None
    for tail in (b"", b"\x55" * 64, b"\xaa" * 64):
        # The reader of JPEG alone: others would look for a second picture behind it.
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data + tail + _END))
        image.load()
        if first is None:
            first = image
        elif not np.array_equal(np.asarray(image), np.asarray(first)):
            return None
    return first


def _complete(data: bytes, image: Image.Image) -> bool:
    """Whether no scan needs more than it has: bytes behind each change nothing."""
    parts, position, scanning = [], 0, False
    for segment in _segments(data):
        if scanning:
            parts += [data[position : segment.start], b"\xaa" * 64]
            position = segment.start
        scanning = segment.marker == _BEGIN_SCAN[1]
    file = io.BytesIO(b"".join([*parts, data[position:]]))
    longer = JpegImagePlugin.JpegImageFile(file)
    longer.load()
    return np.array_equal(np.asarray(longer), np.asarray(image))


def _grey_corner(image: Image.Image) -> bool:
    """Whether the last block of 8 x 8 is as decoders leave it where it is missing."""
    width, height = image.size
    place = ((width - 1) // 8 * 8, (height - 1) // 8 * 8, width, height)
    corner = image.crop(place)
    # The brightness alone: the colours of the blocks beside it reach into it.
    values = np.asarray(corner.convert("L") if image.mode == "RGB" else corner)
    return bool((np.abs(values.astype(int) - 128) <= 1).all())


def _end(data: bytes) -> int | None:
    """Where the end marker of the first picture lies; None if it has none."""
    for segment in _segments(data):
        if segment.marker == _END[1]:
            return segment.start
    return None


def _refined(data: bytes) -> bool:
    """Whether the scans give every coefficient of every component its last bit."""
    components: set[int] = set()
    missing: dict[int, list[int]] = {}
    for segment in _segments(data):
        body = segment.body
        if _begins_frame(segment):
            components = set(body[6 : 6 + 3 * body[5] : 3])
            missing = {name: [1] * _COEFFICIENTS for name in components}
        elif segment.marker == _BEGIN_SCAN[1]:
            first, last, bits = body[1 + 2 * body[0] :][:3]
            for name in body[1 : 1 + 2 * body[0] : 2]:
                for index in range(first, last + 1):
                    missing[name][index] = bits & 15
    return bool(components) and not any(any(left) for left in missing.values())


def _segments(data: bytes) -> Iterator[_Segment]:
    """The segments of a JPEG up to its end marker or its last byte."""
    position, count = 2, 0
    while found := _MARKER.search(data, position):
        marker, start = data[found.start() + 1], found.start()
        if marker == _END[1]:
            yield _Segment(marker, start, b"")
            return
        length = int.from_bytes(data[start + 2 : start + 4])
        body = data[start + 4 : start + 2 + length]
        if length < 2 or len(body) < length - 2:
            return
        count += 1
        if count > _SEGMENTS:
            raise PictureError(
                f"a JPEG of more than {_SEGMENTS:,} segments; save it anew with "
                "another program"
            )
        yield _Segment(marker, start, body)
        position = start + 2 + length
