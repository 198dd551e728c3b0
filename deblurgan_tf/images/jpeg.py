"""JPEG, as far as Pillow falls short: files without an end, and how one was compressed.

Cameras whose battery goes, and tools that cut a byte too many, leave JPEGs that hold
every pixel but not the two bytes of the end marker. Pillow refuses them. With an end
marker put behind them it accepts everything: a file cut in half then has a grey half.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, JpegImagePlugin

from deblurgan_tf.images.picture import Compression

NO_END = "the end marker is missing, but every pixel is there"

_BEGIN_SCAN, _END = b"\xff\xda", b"\xff\xd9"
# A marker in the compressed pixels that is neither a stuffed byte nor a restart.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PADDING = re.compile(rb"(?<!\xff)\x00{64,}\Z")  # of a file that was laid out too long
_COEFFICIENTS = 64


class _Segment(NamedTuple):
    """A marker and what it announces: its place, and its body without the length."""

    marker: int
    start: int
    body: bytes


def load(data: bytes, image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Decodes the pixels; (image, notices), another image where the end is missing.

    data: the file. image: it, opened by Pillow. Raises OSError where the file holds
    fewer pixels than its header says.
    """
    # The end marker of a thumbnail has a scan behind it.
    last = data.rfind(_END)
    ended = last >= 0 and data.find(_BEGIN_SCAN, last) < 0
    if not ended and _end(data) is None:
        whole = _whole(data)
        if whole is None:
            raise OSError("pixels are missing, and so is the end marker")
        return whole, (NO_END,)
    image.load()
    # Decoders fill what is missing with this grey. Some sound pictures have it there
    # too, so that is the reason for a closer look and no more.
    if _grey_corner(image) and _whole(data[: _end(data)]) is None:
        raise OSError("pixels are missing before the end marker")
    return image, ()


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
        if 0xC0 <= segment.marker <= 0xCF and segment.marker not in (0xC4, 0xC8, 0xCC):
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
    position = 2
    while found := _MARKER.search(data, position):
        marker, start = data[found.start() + 1], found.start()
        if marker == _END[1]:
            yield _Segment(marker, start, b"")
            return
        length = int.from_bytes(data[start + 2 : start + 4])
        body = data[start + 4 : start + 2 + length]
        if len(body) < max(length - 2, 1):
            return
        yield _Segment(marker, start, body)
        position = start + 2 + length
