"""JPEG and PNG files to pixels and back, inside a TensorFlow graph.

Files are checked before they are decoded: a header of 12,000 x 12,000 pixels costs
nothing. Every refusal is an InvalidArgument error whose message names the file and the
reason; damaged data fail in TensorFlow's decoders, with the same kind of error.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.exporting import hidden_colours
from deblurgan_tf.exporting.graph import area

_PNG, _JPEG, _GIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8"
_HEADER = 33  # bytes of a PNG's signature and its first chunk
_HEAD = 65536  # bytes in which the orientation is searched for

# RE2's \C is any byte. The tag is 12 bytes of TIFF's first directory: its number
# 0x0112, type SHORT or LONG, one value, the value; in either byte order. It is searched
# among the first 40 entries of a directory right behind the header, where cameras and
# phones put it.
_ORIENTATION = (
    r"^\C*?(?:Exif\x00\x00|eXIf)(?:"
    r"II\*\x00\x08\x00\x00\x00\C\C(?:\C{12}){0,40}?"
    r"\x12\x01[\x03\x04]\x00\x01\x00\x00\x00([\x01-\x08])\x00|"
    r"MM\x00\*\x00\x00\x00\x08\C\C(?:\C{12}){0,40}?\x01\x12\x00"
    r"(?:\x03\x00\x00\x00\x01|\x04\x00\x00\x00\x01\x00\x00)\x00([\x01-\x08]))\C*$"
)
# An animated PNG: the chunk acTL has 8 bytes.
_ANIMATION = r"\C*\x00\x00\x00\x08acTL\C*"


class Decoded(NamedTuple):
    """One picture, upright."""

    blurred: tf.Tensor
    """float32 (H, W, 3) in [-1, 1]."""
    alpha: tf.Tensor
    """uint16 (H, W, 1); 65535 is opaque."""
    deep: tf.Tensor
    """Whether it had 16 bits a sample."""


def decode(data: tf.Tensor, place: tf.Tensor, max_pixels: int) -> Decoded:
    """Decodes one file, a string (). `place` names it in errors, e.g. image_bytes[2].

    Accepts JPEG (grey or colour) and every kind of PNG; 16 bits stay 16 bits. EXIF
    orientations are applied and the colours of transparent pixels are filled from the
    visible ones, as in `predict`. Other formats, animations, CMYK and
    pictures of more than `max_pixels` pixels are refused before anything is decoded.
    """
    is_png = tf.equal(_start(data, len(_PNG)), _PNG)
    is_jpeg = tf.equal(_start(data, len(_JPEG)), _JPEG)
    is_gif = tf.equal(_start(data, len(_GIF)), _GIF)
    with _refusing(
        place,
        (tf.equal(tf.strings.length(data), 0), "is empty"),
        (is_gif, "is a GIF; send the frame as PNG"),
        (~(is_png | is_jpeg), "is no JPEG and no PNG; convert it"),
        (
            is_png & (tf.strings.length(data) < _HEADER),
            "is a PNG that ends in its header; send it whole",
        ),
    ):
        data = tf.identity(data)
    height, width, channels = tf.cond(
        is_png, lambda: _png_shape(data), lambda: _jpeg_shape(data)
    )
    animated = is_png & tf.strings.regex_full_match(data, _ANIMATION)
    size = tf.strings.format("{} x {} pixels", (height, width))
    with _refusing(
        place,
        ((height < 1) | (width < 1), "has a damaged header"),
        (
            area(height, width) > max_pixels,
            tf.strings.join(
                [
                    "has ",
                    size,
                    f" (height x width); at most {max_pixels:,} pixels are restored "
                    "here: make it smaller, cut it, or use deblurgan_tf.predict",
                ]
            ),
        ),
        (animated, "is an animation; send its frames as single pictures"),
        (channels == 4, "is a CMYK JPEG; convert it to RGB"),
    ):
        data = tf.identity(data)
    deep = is_png & tf.equal(tf.strings.substr(data, 24, 1), b"\x10")
    samples = tf.cond(is_png, lambda: _png(data), lambda: _jpeg(data))
    samples = _upright(hidden_colours.filled(samples), orientation(data))
    return Decoded(images.to_float(samples[..., :3]), samples[..., 3:], deep)


def encode(restored: tf.Tensor, picture: Decoded) -> tf.Tensor:
    """A PNG of float32 (H, W, 3) in [-1, 1] with the bit depth of `picture`.

    It has the picture's alpha channel unless the picture is opaque. JPEG files are
    answered with PNG too, since it loses nothing.
    """
    has_alpha = tf.reduce_any(picture.alpha < 65535)

    def png(colour: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
        return tf.cond(
            has_alpha,
            lambda: tf.io.encode_png(tf.concat([colour, alpha], axis=2)),
            lambda: tf.io.encode_png(colour),
        )

    return tf.cond(
        picture.deep,
        lambda: png(images.to_uint16(restored), picture.alpha),
        # Alpha of 8 bits was scaled to 16 bits by 257.
        lambda: png(
            images.to_uint8(restored),
            tf.cast(tf.cast(picture.alpha, tf.int32) // 257, tf.uint8),
        ),
    )


def orientation(data: tf.Tensor) -> tf.Tensor:
    """EXIF's orientation of a JPEG or PNG file, 1 to 8; 1 where there is none."""
    head = _start(data, _HEAD)
    found = tf.strings.regex_full_match(head, _ORIENTATION)
    value = tf.strings.regex_replace(head, _ORIENTATION, r"\1\2", replace_global=False)
    value = tf.where(found, value, b"\x01")
    return tf.cast(tf.io.decode_raw(value, tf.uint8)[0], tf.int32)


def _start(data: tf.Tensor, length: int) -> tf.Tensor:
    return tf.strings.substr(data, 0, length)


def _refusing(
    place: tf.Tensor, *reasons: tuple[tf.Tensor, tf.Tensor | str]
) -> tf.control_dependencies:
    """Operations inside run only where no reason (condition, message) holds."""
    checks: list[Any] = []
    for wrong, message in reasons:
        text = tf.strings.join([place, " ", message])
        # One after another: the first reason that holds is reported.
        with tf.control_dependencies(checks):
            checks = [tf.debugging.Assert(~wrong, [text])]
    return tf.control_dependencies(checks)


def _png_shape(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    sides = tf.io.decode_raw(
        tf.strings.substr(data, 16, 8), tf.int32, little_endian=False
    )
    return sides[1], sides[0], tf.constant(3)


def _jpeg_shape(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    shape = tf.image.extract_jpeg_shape(data)
    return shape[0], shape[1], shape[2]


def _png(data: tf.Tensor) -> tf.Tensor:
    samples = tf.io.decode_png(data, channels=4, dtype=tf.uint16)
    # TensorFlow fills a missing alpha channel with the largest value of the file's
    # depth, and so with 1, 3 or 15 of 255 where the depth is 1, 2 or 4.
    shallow = tf.io.decode_raw(tf.strings.substr(data, 24, 1), tf.uint8)[0] < 8
    opaque = shallow & ~tf.strings.regex_full_match(data, r"\C*tRNS\C*")
    return tf.cond(opaque, lambda: _opaque(samples[..., :3]), lambda: samples)


def _jpeg(data: tf.Tensor) -> tf.Tensor:
    # INTEGER_ACCURATE is what Pillow, and so `predict`, decodes with.
    pixels = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    colour = tf.cast(tf.cast(pixels, tf.int32) * 257, tf.uint16)
    return _opaque(colour)


def _opaque(colour: tf.Tensor) -> tf.Tensor:
    alpha = tf.fill(tf.shape(colour[..., :1]), tf.constant(65535, tf.uint16))
    return tf.concat([colour, alpha], axis=2)


def _upright(samples: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Undoes the EXIF orientation `number` of (H, W, C), as `images.decode` does."""
    samples = tf.cond(
        number > 4, lambda: tf.transpose(samples, (1, 0, 2)), lambda: samples
    )
    mirrored = tf.reduce_any(tf.equal(number, [2, 3, 6, 7]))
    samples = tf.cond(mirrored, lambda: samples[:, ::-1], lambda: samples)
    upside_down = tf.reduce_any(tf.equal(number, [3, 4, 7, 8]))
    samples = tf.cond(upside_down, lambda: samples[::-1], lambda: samples)
    return tf.ensure_shape(samples, (None, None, 4))
