"""What a picture file says before its pixels: its format, size and orientation.

Only a small part of a large file is read: the size stands in its first bytes, and what
lies behind the pixels is found by skipping them.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

from PIL import ExifTags, Image

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif as tags
from deblurgan_tf.images import gif, heif, jpeg, png_chunks, tiff, webp

MAX_PIXELS = 200_000_000
"""Larger pictures are refused before they are decoded."""

SIGNATURE = 64
"""Number of bytes at the start of a file that show its format."""

_SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "WEBP": rb"RIFF....WEBP",
    "BMP": rb"BM",
    "GIF": rb"GIF8",
    # HEIC's brands, and "mif1", which stands for both, with the other one behind it.
    "AVIF": rb"....ftyp(?:avi[fs]|mif1.{4}(?:.{4})*?avif)",
    "HEIF": rb"....ftyp(?:he[iv][cxms]|mi[fs]1|msf1)",
}
_MODES = frozenset(
    ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr")
)
# Formats that Pillow reads whole when it opens them, and what is checked before.
_READ_WHOLE = {"GIF": gif.check, "AVIF": heif.check, "HEIF": heif.check}
_PILLOW_LOCK = threading.RLock()
T = TypeVar("T")


def size_of(data: bytes, name: str) -> tuple[int, int]:
    """(height, width) of the upright picture in the bytes of a file.

    name: for messages. Raises PictureError as `decode` does, but does not notice damage
    in the pixels.
    """
    return examined(data, name, lambda kind: upright_size(io.BytesIO(data), kind))


def area_of(data: bytes, name: str) -> int:
    """How many pixels a picture file holds; raises what `size_of` raises."""
    height, width = size_of(data, name)
    return height * width


def format_of(data: bytes) -> str | None:
    """The format of a picture file by its first 64 bytes; None if it is unknown."""
    for name, signature in _SIGNATURES.items():
        if re.match(signature, data[:SIGNATURE], re.DOTALL):
            return name
    return None


def examined(start: bytes, name: str, work: Callable[[str], T]) -> T:
    """Calls `work` with the format; whatever is wrong with the file is a PictureError.

    start: at least the first 64 bytes of the file. name: of the file, for messages.
    """
    if not start:
        raise PictureError(f"{name}: the file is empty; replace it or leave it out")
    kind = format_of(start)
    if kind is None:
        raise PictureError(
            f"{name}: not a picture of a known format ({', '.join(_SIGNATURES)}); "
            "convert it or leave it out"
        )
    try:
        return work(kind)
    except MemoryError:
        raise
    except PictureError as error:
        raise PictureError(f"{name}: {error}") from error
    except Exception as error:
        # Three libraries read damaged files here, and raise many kinds of errors:
        # struct, zlib, index, type and key errors, OSError, SyntaxError.
        raise PictureError(
            f"{name}: damaged or cut short ({error}); replace it or leave it out"
        ) from error


def upright_size(file: BinaryIO, kind: str) -> tuple[int, int]:
    """(height, width) of the upright picture in an open file of this format.

    The pixels are skipped, except those of a GIF: only the end of its first frame shows
    whether another one follows. AVIF and HEIC are read whole, but not decoded.
    """
    if kind == "TIFF":
        height, width, orientation = _of_tiff(file)
    elif kind == "WEBP":
        height, width, orientation = _of_webp(file)
    else:
        exif: bytes | None = None
        if kind == "PNG":
            # Past the buffer of a file on the disk: it would hold the pixels as well.
            raw = getattr(file, "raw", file)
            exif = png_chunks.Header(raw).exif
            file = io.BytesIO(png_chunks.for_decoders(raw, pixels=False))
        image = opened(file, kind)
        if kind != "PNG":
            exif = image.info.get("exif")
        height, width = image.height, image.width
        orientation = tags.upright(exif)[0] if exif else 1
    return (width, height) if orientation in (5, 6, 7, 8) else (height, width)


def _of_tiff(file: BinaryIO) -> tuple[int, int, int]:
    """(height, width, orientation) as stored, for files that `decode` reads."""
    layout = tiff.layout(file)
    check_tiff(layout)
    if layout.deep:
        return layout.height, layout.width, layout.orientation
    file.seek(0)
    with quiet():
        image = Image.open(file, formats=["TIFF"])
        # As Pillow does when it decodes: the tag, else what XMP says.
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    check_mode(image.mode)
    return layout.height, layout.width, orientation


def check_tiff(layout: tiff.Layout) -> None:
    """Raises PictureError for a TIFF that is too large or has several pages."""
    if layout.width * layout.height > MAX_PIXELS:
        raise _too_large()
    if layout.pages > 1:
        raise PictureError("a TIFF of several pages; save them as single pictures")


def check_mode(mode: str) -> None:
    """Raises PictureError for Pillow's modes that are no 8-bit picture."""
    if mode not in _MODES:
        raise PictureError(
            f"pixels of kind {mode} are not read; convert it to 8 or 16 bits, grey or "
            "RGB"
        )


def _of_webp(file: BinaryIO) -> tuple[int, int, int]:
    header = webp.inspect(getattr(file, "raw", file))
    if header.frames > 1:
        raise _animation()
    if header.width * header.height > MAX_PIXELS:
        raise _too_large()
    exif = header.exif
    return header.height, header.width, tags.upright(exif)[0] if exif else 1


def opened(file: BinaryIO, kind: str) -> Image.Image:
    """Opens all formats but TIFF with Pillow: the header is read, the pixels not yet.

    Raises PictureError for more than MAX_PIXELS pixels and for animations, and what
    Pillow raises for damaged files.
    """
    if kind == "JPEG":
        jpeg.check_header(file)
    file.seek(0)
    if kind in _READ_WHOLE:
        _READ_WHOLE[kind](file.read())
        file.seek(0)
    heif.prepare(kind)
    with quiet():
        try:
            image = Image.open(file, formats=[kind])
        except Image.DecompressionBombError:
            raise _too_large() from None
        # A phone's "multi picture" JPEG has a preview or a depth map behind the photo.
        if image.format != "MPO" and getattr(image, "is_animated", False):
            raise _animation()
    return image


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, Pillow warns of nothing, and refuses more than MAX_PIXELS pixels."""
    # Pillow warns of odd tags and of pictures over its own limit; both are checked by
    # `images` itself. The filters and the limit belong to the process, hence the lock.
    # Long decoding happens outside it wherever it cannot warn.
    with _PILLOW_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow raises above twice that
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _too_large() -> PictureError:
    return PictureError(
        f"more than {MAX_PIXELS:,} pixels; make it smaller or cut it into parts"
    )


def _animation() -> PictureError:
    return PictureError(
        "an animation of several frames; save the frames as single pictures"
    )
