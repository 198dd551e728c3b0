"""GIF: what is refused before Pillow keeps every block of its comments."""

from __future__ import annotations

from deblurgan_tf.errors import PictureError

_BLOCKS = 10_000  # of comments and other extensions, each of at most 255 bytes
_JUNK = 1 << 16  # bytes that belong to nothing; Pillow passes over them one by one
_EXTENSION, _PICTURE, _END = 0x21, 0x2C, 0x3B


def check(data: bytes) -> None:
    """Raises PictureError for more beside the pixels than is read.

    What is cut short is left to the reader.
    """
    position, blocks, junk, pictures = 13 + _colours(data[10:11]), 0, 0, 0
    while position < len(data) and pictures < 2 and data[position] != _END:
        kind = data[position]
        if kind == _EXTENSION:
            position, count = _behind(data, position + 2)
            blocks += count
        elif kind == _PICTURE:
            colours = _colours(data[position + 9 : position + 10])
            position, _ = _behind(data, position + 11 + colours)
            pictures += 1
        else:
            position += 1
            junk += 1
        if blocks > _BLOCKS or junk > _JUNK:
            raise PictureError(
                "a GIF with more beside its pixels than is read; save it anew with "
                "another program"
            )


def _colours(flags: bytes) -> int:
    """Bytes of the table of colours that flags announce."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _behind(data: bytes, position: int) -> tuple[int, int]:
    """(where a row of blocks ends, how many there were, counting its end)."""
    count = 0
    while position < len(data):
        length = data[position]
        position += 1 + length
        count += 1
        if not length:
            break
    return position, count
