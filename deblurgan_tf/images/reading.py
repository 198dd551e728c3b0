"""Picture files on the disk: their bytes, their sizes and pixels."""

from __future__ import annotations

import os

import numpy as np

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images.decoding import decode, eight_bits
from deblurgan_tf.images.headers import SIGNATURE, examined, format_of, upright_size
from deblurgan_tf.images.picture import Picture
from deblurgan_tf.storage.regular import NoRegularFile, open_regular

_BLOCK = 8192  # bytes read at a time for a header


def read(path: str | os.PathLike[str]) -> Picture:
    """Read one picture file. Raises PictureError naming the file when it cannot."""
    return decode(contents(path), os.fspath(path))


def read_rgb(path: str | os.PathLike[str]) -> np.ndarray:
    """Read the upright pixels alone: uint8 (H, W, 3), alpha left out."""
    return eight_bits(read(path).pixels)


def contents(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a picture file, or the first few of a file that is none.

    Raises PictureError naming the file when it cannot be opened.
    """
    try:
        with open_regular(path) as file:
            start = file.read(SIGNATURE)
            # A video of many gigabytes is refused by its first bytes.
            if not format_of(start):
                return start
            file.seek(0)
            return file.read()
    except OSError as error:
        raise _cannot_be_opened(path, error) from error


def size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(height, width) of the upright picture, from the header alone.

    Of a large file some blocks of 8 kB are read; a GIF is read whole. Raises
    PictureError naming the file when it cannot be opened, and as `size_of`.
    """
    try:
        with open_regular(path, buffering=_BLOCK) as file:
            # Pillow opens only one file at a time. This read fills the buffer before.
            start = file.read(SIGNATURE)
            return examined(
                start, os.fspath(path), lambda kind: upright_size(file, kind)
            )
    except OSError as error:
        raise _cannot_be_opened(path, error) from error


def _cannot_be_opened(path: str | os.PathLike[str], error: OSError) -> PictureError:
    if isinstance(error, NoRegularFile):
        return PictureError(f"{path}: {error.strerror}")
    return PictureError(
        f"{path}: cannot be opened ({error.strerror}); check the name and rights"
    )
