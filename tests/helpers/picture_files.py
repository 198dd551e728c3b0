"""Picture files that a server gets, good and bad."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

from helpers.pictures import photo

PHOTO = photo(21, 34, 0)


def encoded(picture, kind, **options):
    file = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(file, kind, **options)
    return file.getvalue()


def png_header(width, height):
    """A PNG with nothing behind its header."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checked = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + checked


def jpeg_header(width, height):
    """A JPEG with the size of another one in its header."""
    data = bytearray(encoded(PHOTO, "JPEG"))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data)


# name -> (file, what the answer says)
REFUSED = {
    "nothing": (b"", "is empty"),
    "a text": (b"not a picture", "is no JPEG and no PNG"),
    "a GIF": (encoded(PHOTO, "GIF"), "is a GIF"),
    "an animated GIF": (
        encoded(PHOTO, "GIF", save_all=True, append_images=[Image.fromarray(PHOTO)]),
        "is a GIF",
    ),
    "an animated PNG": (
        encoded(
            PHOTO, "PNG", save_all=True, append_images=[Image.fromarray(PHOTO[::-1])]
        ),
        "is an animation",
    ),
    "a BMP": (encoded(PHOTO, "BMP"), "is no JPEG and no PNG"),
    "a PNG cut in its header": (encoded(PHOTO, "PNG")[:20], "ends in its header"),
    "a PNG cut in its pixels": (encoded(PHOTO, "PNG")[:200], "Invalid PNG data"),
    "a JPEG cut in its header": (b"\xff\xd8\xff", "Invalid JPEG data"),
    "a JPEG cut in its pixels": (encoded(PHOTO, "JPEG")[:-200], "Invalid JPEG data"),
    "CMYK": (encoded(Image.fromarray(PHOTO).convert("CMYK"), "JPEG"), "is a CMYK JPEG"),
    "a huge PNG": (png_header(12000, 12000), "has 12000 x 12000 pixels"),
    "the largest PNG": (png_header(2**31 - 1, 2**31 - 1), "at most 1,048,576 pixels"),
    "an impossible PNG": (png_header(2**32 - 1, 5), "has a damaged header"),
    "a PNG of no pixels": (png_header(0, 5), "has a damaged header"),
    "a huge JPEG": (jpeg_header(12000, 12000), "has 12000 x 12000 pixels"),
    "a long JPEG": (jpeg_header(65500, 17), "has 17 x 65500 pixels"),
}
