"""Read and write picture files without losing what they hold.

`decode` gives a `Picture`: upright RGB pixels of 8 or 16 bits, and beside them the
alpha channel, the colour profile, the EXIF block, the resolution and how the file was
compressed. `encode` writes the same again. `to_float` and `to_uint8` convert between
stored pixels and the float32 in [-1, 1] of the models.

What changes: palettes and 1-bit pictures are written with full colours or greys. CMYK
becomes RGB, by its colour profile if it has one. Colours under transparent pixels are
filled from the visible ones. XMP, comments and thumbnails are not kept. TIFF is written
with deflate, whatever its compression was; AVIF and HEIC with 8 bits, lossy.
"""

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images.checks import check_pixels
from deblurgan_tf.images.decoding import decode, decode_rgb, decode_size, eight_bits
from deblurgan_tf.images.headers import MAX_PIXELS, area_of, format_of, size_of
from deblurgan_tf.images.listing import Listing, find, listed, passed_over
from deblurgan_tf.images.notices import Seen, about, alike, left_out, otherwise_named
from deblurgan_tf.images.picture import FORMATS, SUFFIXES, Compression, Picture
from deblurgan_tf.images.ranges import to_float, to_pixels, to_uint8, to_uint16
from deblurgan_tf.images.reading import contents, read, read_rgb, size
from deblurgan_tf.images.writing import encode, profile_of, write

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "SUFFIXES",
    "Compression",
    "Listing",
    "Picture",
    "PictureError",
    "Seen",
    "about",
    "alike",
    "area_of",
    "check_pixels",
    "contents",
    "decode",
    "decode_rgb",
    "decode_size",
    "eight_bits",
    "encode",
    "find",
    "format_of",
    "left_out",
    "listed",
    "otherwise_named",
    "passed_over",
    "profile_of",
    "read",
    "read_rgb",
    "size",
    "size_of",
    "to_float",
    "to_pixels",
    "to_uint8",
    "to_uint16",
    "write",
]
