"""AVIF and HEIC: what Pillow needs for them, and what it does not tell.

Both are boxes in boxes (ISO 14496-12). Pillow reads AVIF itself where it was built so,
and HEIC with the package pillow-heif. They give 8 bits, and leave out which colours the
numbers stand for where no profile says it.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from PIL import features

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif as tags
from deblurgan_tf.storage.installation import install_command

_META = 1 << 20  # bytes: the boxes that describe the picture are searched in so many
# A box of properties: its length, its name, then for "pixi" version, channels and bits,
# for "colr" the kind of description.
_BITS = re.compile(rb"\0\0\0[\x0e-\x14]pixi\0{4}[\x01-\x04]([\x01-\x20])")
_COLOUR = re.compile(rb"\0\0\0[\x12\x13]colrnclx(.{4})", re.DOTALL)


_TAGS = re.compile(rb"II\*\0|MM\0\*")  # an EXIF block begins so, and notes inside it
_BLOCKS = 16


class Layout(NamedTuple):
    """What the boxes say of the pixels."""

    bits: int
    """Per sample, of the first description found; 8 where there is none."""
    code_points: tuple[int, int] | None
    """H.273's numbers of the primaries and of the transfer."""


def prepare(kind: str) -> None:
    """Makes Pillow read and write the format.

    Raises PictureError, with what to install, where it cannot.
    """
    if kind == "AVIF" and not features.check("avif"):
        raise PictureError(
            "this Pillow was built without AVIF; install Pillow 11.3 or later "
            "(pip install -U pillow) or convert the picture to PNG"
        )
    if kind == "HEIF":
        try:
            import pillow_heif
        except ImportError as error:
            raise PictureError(
                f"HEIC needs the extra heic: {install_command('heic')} (or convert the "
                "picture to PNG or JPEG)"
            ) from error
        pillow_heif.register_heif_opener()


def check(data: bytes) -> None:
    """Raises PictureError for EXIF tags that hold more than the file.

    Pillow copies what they point to when it opens the file.
    """
    places = [found.start() for found in _TAGS.finditer(data)]
    if len(places) > _BLOCKS:
        raise PictureError(
            f"more than {_BLOCKS} blocks of EXIF tags; save it anew with another "
            "program"
        )
    for place in places:
        tags.check(data[place:])


def inspect(data: bytes) -> Layout:
    """Reads the description of the pixels of an AVIF or HEIC file."""
    start = data[:_META]
    bits, colour = _BITS.search(start), _COLOUR.search(start)
    return Layout(
        bits=bits[1][0] if bits else 8,
        code_points=struct.unpack(">HH", colour[1]) if colour else None,
    )
