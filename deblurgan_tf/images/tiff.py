"""TIFF: its layout and metadata, 16-bit pixels, and a writer that keeps the tags.

Pillow reads 8-bit TIFF well. But it silently converts 16-bit colour to 8 bits, does not
read 16-bit grey with alpha, and cannot write camera tags into a compressed file.
tifffile decodes 16-bit pixels exactly, and OpenCV those with LZW or PackBits. The
writer is our own: strips, deflate, horizontal differences.
"""

from __future__ import annotations

import io
import logging
import struct
import zlib
from fractions import Fraction
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
import tifffile

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif as tags
from deblurgan_tf.images import tiff_checks

# tifffile logs unusual tags; without a handler the lines go to standard error.
logging.getLogger("tifffile").addHandler(logging.NullHandler())
# OpenCV prints there what its decoders say; that they failed is raised here.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

# Tags that say what a picture shows and what its numbers mean, not how it is stored:
# document, description, make, model, page, curve, software, date, artist, computer,
# white point, primaries, rating, IPTC, copyright, camera settings, GPS, and the five
# that Windows adds. XMP and layers are not kept, because they repeat the orientation
# and the old pixels.
_DESCRIPTIVE = frozenset(
    (269, 270, 271, 272, 285, 301, 305, 306, 315, 316, 318, 319, 18246, 33432, 33723)
) | {34665, 34853, *range(40091, 40096)}
_ICC, _WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 34675, 0, 1, 2
# tifffile lacks LZW, and takes minutes for PackBits.
_BY_OPENCV = (tiff_checks.LZW, tiff_checks.PACKBITS)
_BY_TIFFFILE = (tiff_checks.RAW, *tiff_checks.DEFLATES, tiff_checks.LZMA)
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3}  # samples beside alpha
_ASSOCIATED = 1  # colour stored multiplied by alpha
_STRIP = 1 << 20  # bytes of a strip before compression; readers hold one at a time


class Layout(NamedTuple):
    """How a TIFF stores its picture; sizes are as stored."""

    height: int
    width: int
    pages: int  # 1, or 2 for "more than one"; thumbnails and masks do not count
    deep: bool  # 16-bit unsigned samples
    orientation: int  # 1 to 8, by the tag
    fax: bool  # compressed by a scheme of fax machines


class Metadata(NamedTuple):
    """What a TIFF says beside its pixels."""

    icc: bytes | None
    exif: bytes | None
    dpi: tuple[float, float] | None


def layout(file: BinaryIO) -> Layout:
    """Read the tags of a TIFF or BigTIFF that describe its pixels, and no pixels.

    Raises PictureError for samples that are neither 1 to 8 nor 16 bits unsigned, for
    16-bit layouts outside grey and RGB with at most one extra sample and for more tags
    than are read, and what tifffile raises for damaged data.
    """
    tiff_checks.check_directories(file)
    file.seek(0)
    with tifffile.TiffFile(file) as opened:
        page = opened.pages.first
        more = any(not (p.is_reduced or p.is_mask) for p in _others(opened))
        deep = page.bitspersample == 16 and page.sampleformat == 1
        if not deep and (page.bitspersample > 8 or page.sampleformat != 1):
            raise PictureError(
                f"TIFF samples of {page.bitspersample} bits, format "
                f"{int(page.sampleformat)}; only unsigned 8 and 16 bits are read"
            )
        if deep:
            _check_deep(page)
        return Layout(
            height=page.imagelength,
            width=page.imagewidth,
            pages=1 + more,
            deep=deep,
            orientation=_orientation(page),
            fax=int(page.compression) in tiff_checks.FAXES,
        )


def check_pixels(data: bytes) -> None:
    """Raises ValueError where pixels are missing, or damaged as far as can be told.

    data: a TIFF that `layout` accepts, of allowed size.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tiff_checks.check_pixels(data, file.pages.first)


def metadata(data: bytes) -> Metadata:
    """Read the colour profile, the EXIF tags and the resolution of a TIFF.

    Raises what tifffile raises for damaged data.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        order = tags.byte_order(data)
        directory = tags.parse(data, order, page.offset, big=file.is_bigtiff)
    icc = directory.get(_ICC)
    return Metadata(
        icc=icc.raw if isinstance(icc, tags.Entry) else None,
        exif=_exif(directory, order),
        dpi=_resolution(page),
    )


def _check_deep(page: tifffile.TiffPage) -> None:
    """Raises PictureError for 16-bit layouts that `decode16` does not read."""
    kind, count = int(page.photometric), page.samplesperpixel
    colours = _COLOURS.get(kind)
    if colours is None or not colours <= count <= colours + 1:
        raise PictureError(
            f"16-bit TIFF of {count} samples, photometric {kind}; "
            "only grey and RGB, with or without alpha, are read"
        )
    scheme = int(page.compression)
    if scheme not in (*_BY_OPENCV, *_BY_TIFFFILE):
        raise PictureError(
            f"16-bit TIFF of compression {scheme}; save it with deflate, LZW or none"
        )
    if scheme in _BY_OPENCV and (page.planarconfig == 2 or count == 2):
        raise PictureError(
            "16-bit TIFF with LZW or PackBits and separate planes or grey with alpha"
        )


def _orientation(page: tifffile.TiffPage) -> int:
    found = page.tags.get(tags.ORIENTATION)
    value = int(found.value) if found is not None else 1
    return value if 1 <= value <= 8 else 1


def _others(file: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    # Pages are read one by one, and no more after a second one: there may be thousands.
    found = []
    for index, page in enumerate(file.pages):
        if index and isinstance(page, tifffile.TiffPage):
            found.append(page)
            if not (page.is_reduced or page.is_mask):
                break
    return found


def _exif(directory: tags.Directory, order: tags.Order) -> bytes | None:
    kept = {tag: value for tag, value in directory.items() if tag in _DESCRIPTIVE}
    if not kept:
        return None
    if tags.ORIENTATION in directory:
        kept[tags.ORIENTATION] = directory[tags.ORIENTATION]
    return tags.upright(tags.pack(kept, order))[1]


def _resolution(page: tifffile.TiffPage) -> tuple[float, float] | None:
    unit = {2: 1.0, 3: 2.54}.get(int(page.resolutionunit))
    x, y = (page.tags.get(tag) for tag in (282, 283))
    if unit is None or x is None or y is None or 0 in (*x.value, *y.value):
        return None
    return unit * x.value[0] / x.value[1], unit * y.value[0] / y.value[1]


def decode16(data: bytes) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Decode the first page of a 16-bit TIFF whose layout `layout` accepts.

    Returns (colour, alpha, orientation): colour uint16 (H, W) or (H, W, 3), alpha
    uint16 (H, W) or None, and the orientation 1 to 8 that is still to be applied.
    Raises ValueError for damaged data.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        kind, count = int(page.photometric), page.samplesperpixel
        colours = _COLOURS[kind]
        orientation = _orientation(page)
        size = (page.imagelength, page.imagewidth, count)
        if page.compression in _BY_OPENCV:
            samples, orientation = _by_opencv(data, size, orientation), 1
        elif page.planarconfig == 2:
            samples = page.asarray().reshape(count, *size[:2]).transpose(1, 2, 0)
        else:
            samples = page.asarray().reshape(size)
        extra = [int(value) for value in page.extrasamples]
    colour = samples[..., 0] if colours == 1 else samples[..., :3]
    if kind == _WHITE_IS_ZERO:
        colour = 65535 - colour
    # As Pillow does for 8 bits: an extra sample declared as "unspecified" is padding,
    # and one that is not declared at all is alpha.
    if count == colours or extra == [0]:
        return colour, None, orientation
    alpha = samples[..., -1]
    if extra == [_ASSOCIATED]:
        colour = _divide(colour, alpha)
    return colour, alpha, orientation


def _by_opencv(data: bytes, size: tuple[int, int, int], orientation: int) -> np.ndarray:
    # OpenCV applies the orientation itself, and returns BGR.
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None:
        raise ValueError("the compressed pixels are damaged")
    height, width, count = size
    if orientation > 4:
        height, width = width, height
    if samples.dtype != np.uint16 or samples.size != height * width * count:
        raise ValueError("the compressed pixels do not fit the header")
    samples = samples.reshape(height, width, count)
    return samples[..., {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[count]]


def _divide(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    # Stored colour c' = c alpha / 65535; where alpha is 0 the colour is unknown.
    wide = alpha if colour.ndim == 2 else alpha[..., None]
    whole = (colour.astype(np.uint64) * 65535 + wide // 2) // np.maximum(wide, 1)
    return np.minimum(whole, 65535).astype(np.uint16)


def encode(
    samples: np.ndarray,
    *,
    icc: bytes | None,
    exif: bytes | None,
    dpi: tuple[float, float] | None,
) -> bytes:
    """Return a lossless TIFF of uint8 or uint16 `samples` (H, W, C).

    C is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha). The descriptive tags, the
    camera settings and the GPS position of `exif` are kept. Raises ValueError when the
    EXIF block cannot be read.
    """
    height, width, count = samples.shape
    # The values of the EXIF block are copied as they are, so its byte order is taken.
    known, order = tags.unpack(exif) if exif else ({}, tags.byte_order(b"II"))
    directory = {tag: value for tag, value in known.items() if tag in _DESCRIPTIVE}
    rows = max(1, _STRIP // (width * count * samples.itemsize))
    strips = [
        zlib.compress(_differences(samples[top : top + rows], order))
        for top in range(0, height, rows)
    ]
    offsets, end = [], 8
    for strip in strips:
        offsets.append(end)
        end += len(strip)
    directory |= {
        256: _longs(order, width),
        257: _longs(order, height),
        258: _shorts(order, *[8 * samples.itemsize] * count),
        259: _shorts(order, 8),  # deflate
        262: _shorts(order, _BLACK_IS_ZERO if count < 3 else _RGB),
        273: _longs(order, *offsets),
        tags.ORIENTATION: _shorts(order, 1),
        277: _shorts(order, count),
        278: _longs(order, rows),
        279: _longs(order, *map(len, strips)),
        284: _shorts(order, 1),  # samples of a pixel side by side
        317: _shorts(order, 2),  # horizontal differences
    }
    if count in (2, 4):
        directory[338] = _shorts(order, 2)  # alpha, colour not multiplied by it
    if dpi is not None:
        directory |= {282: _rational(order, dpi[0]), 283: _rational(order, dpi[1])}
        directory[296] = _shorts(order, 2)  # per inch
    if icc is not None:
        directory[_ICC] = tags.Entry(7, len(icc), icc)
    padding = b"\0" * (end % 2)
    end += len(padding)
    head = tags.header(order, end)
    return b"".join([head, *strips, padding, tags.serialise(directory, order, end)])


def _differences(rows: np.ndarray, order: tags.Order) -> bytes:
    # Unsigned arithmetic wraps around, as the format requires.
    result = rows.copy()
    result[:, 1:] -= rows[:, :-1]
    return result.astype(result.dtype.newbyteorder(order)).tobytes()


def _shorts(order: tags.Order, *values: int) -> tags.Entry:
    return tags.Entry(3, len(values), struct.pack(f"{order}{len(values)}H", *values))


def _longs(order: tags.Order, *values: int) -> tags.Entry:
    return tags.Entry(4, len(values), struct.pack(f"{order}{len(values)}I", *values))


def _rational(order: tags.Order, value: float) -> tags.Entry:
    fraction = Fraction(value).limit_denominator(10_000)
    pair = struct.pack(order + "2I", fraction.numerator, fraction.denominator)
    return tags.Entry(5, 1, pair)
