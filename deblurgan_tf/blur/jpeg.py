"""JPEG as tensor operations: what a picture looks like after it, without a file.

The whole batch at once, each picture at a quality of its own, with nothing that leaves
the device. The steps are those of libjpeg in its usual setting: YCbCr, colour at half
the size (4:2:0), the discrete cosine transform of blocks of 8x8, the tables of the
standard (ITU-T T.81, annex K) scaled by the quality, and colour enlarged linearly
("fancy upsampling"). The code of the bit stream changes no value and is left out.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

# Tables K.1 and K.2 of ITU-T T.81: rows are vertical frequencies.
LUMINANCE = np.array(
    [
        (16, 11, 10, 16, 24, 40, 51, 61),
        (12, 12, 14, 19, 26, 58, 60, 55),
        (14, 13, 16, 24, 40, 57, 69, 56),
        (14, 17, 22, 29, 51, 87, 80, 62),
        (18, 22, 37, 56, 68, 109, 103, 77),
        (24, 35, 55, 64, 81, 104, 113, 92),
        (49, 64, 78, 87, 103, 121, 120, 101),
        (72, 92, 95, 98, 112, 100, 103, 99),
    ],
    np.float32,
)
CHROMINANCE = np.full((8, 8), 99, np.float32)
CHROMINANCE[:4, :4] = [
    (17, 18, 24, 47),
    (18, 21, 26, 66),
    (24, 26, 56, 99),
    (47, 66, 99, 99),
]


def _cosines() -> np.ndarray:
    """The transform of eight values, sqrt(8) times the orthonormal one: (8, 8).

    Rows are frequencies. The factors of Loeffler, Ligtenberg and Moschytz (1989) in
    8192nd parts, as in libjpeg: what is rounded later then falls to the same side.
    """
    place = np.eye(8)
    sums, differences = place[:4] + place[:3:-1], place[:4] - place[:3:-1]
    outer, inner = sums[:2] + sums[:1:-1], sums[:2] - sums[:1:-1]

    def times(factor: float, values: np.ndarray) -> np.ndarray:
        return round(factor * 8192) / 8192 * values

    d0, d1, d2, d3 = differences
    turned = times(0.541196100, inner[0] + inner[1])
    all4 = times(1.175875602, d0 + d1 + d2 + d3)
    far, near = times(0.899976223, d0 + d3), times(2.562915447, d1 + d2)
    odd, even = times(1.961570560, d1 + d3), times(0.390180644, d0 + d2)
    rows = [
        outer[0] + outer[1],
        times(1.501321110, d0) - far - even + all4,
        turned + times(0.765366865, inner[0]),
        times(3.072711026, d1) - near - odd + all4,
        outer[0] - outer[1],
        times(2.053119869, d2) - near - even + all4,
        turned - times(1.847759065, inner[1]),
        times(0.298631336, d3) - far - odd + all4,
    ]
    return np.array(rows, np.float32)


COSINES = _cosines()
# RGB to YCbCr and the colours' share in RGB, in the 65536th parts that libjpeg counts
# in. float32 holds these products and their sums exactly.
TO_COLOUR = np.array(
    [(19595, 38470, 7471), (-11059, -21709, 32768), (32768, -27439, -5329)], np.float32
) / np.float32(65536)
FROM_COLOUR = np.array([(0, 91881), (-22554, -46802), (116130, 0)], np.float32)
FROM_COLOUR /= np.float32(65536)
HALF = 32767 / 65536
# Whole numbers between the two directions of the transform are parts of this size.
FINE = 0.25


def jpeg(pictures: tf.Tensor, quality: tf.Tensor) -> tf.Tensor:
    """Pictures as they come back from a JPEG file of a quality each.

    pictures: float32 (N, H, W, 3), RGB in [-1, 1], on the 256 levels of 8 bits; H and
    W are known. quality: (N,), 1 to 100. Returns the same shape, range and levels.
    """
    height, width = pictures.shape[1], pictures.shape[2]
    values = tf.round((pictures + 1.0) * 127.5)
    planes = tf.floor(tf.add(_mixed(values, TO_COLOUR), [0.5, HALF, HALF]))
    planes = tf.transpose(planes, (0, 3, 1, 2))  # luma to 255, colour around 0
    planes = _extended(planes, -height % 16, -width % 16)
    luma = _stored(planes[:, :1] - 128.0, _tables(LUMINANCE, quality)) + 128.0
    colour = _stored(_halved(planes[:, 1:]), _tables(CHROMINANCE, quality))
    luma = tf.clip_by_value(luma[:, 0, :height, :width], 0.0, 255.0)
    colour = tf.clip_by_value(colour, -128.0, 127.0)
    colour = _doubled(colour[:, :, : (height + 1) // 2, : (width + 1) // 2])
    colour = tf.transpose(colour[:, :, :height, :width], (0, 2, 3, 1))
    values = luma[..., None] + tf.floor(_mixed(colour, FROM_COLOUR) + 0.5)
    return tf.clip_by_value(values, 0.0, 255.0) / 127.5 - 1.0


def _mixed(channels: tf.Tensor, shares: np.ndarray) -> tf.Tensor:
    """Sums of channels (..., c), a row of `shares` (d, c) each: (..., d).

    No matrix product: in TF32 it would not be exact.
    """
    return tf.reduce_sum(channels[..., None, :] * shares, axis=-1)


def _tables(standard: np.ndarray, quality: tf.Tensor) -> tf.Tensor:
    """The table's steps at these qualities: (N, 8, 8)."""
    quality = tf.cast(quality, tf.float32)[:, None, None]
    percent = tf.where(quality < 50.0, tf.floor(5000.0 / quality), 200.0 - 2 * quality)
    return tf.clip_by_value(tf.floor((standard * percent + 50.0) / 100.0), 1.0, 255.0)


def _extended(planes: tf.Tensor, rows: int, columns: int) -> tf.Tensor:
    """(N, C, H, W) with its last row and column repeated so many times."""
    if rows:
        planes = tf.concat([planes, tf.repeat(planes[:, :, -1:], rows, 2)], 2)
    if columns:
        planes = tf.concat([planes, tf.repeat(planes[..., -1:], columns, 3)], 3)
    return planes


def _halved(planes: tf.Tensor) -> tf.Tensor:
    """Means of 2x2, halves rounded down and up in turn as libjpeg does."""
    _, channels, height, width = planes.shape
    parts = tf.reshape(planes, (-1, channels, height // 2, 2, width // 2, 2))
    bias = 0.25 + 0.25 * tf.cast(tf.range(width // 2) % 2, tf.float32)
    return tf.floor(tf.reduce_mean(parts, axis=[3, 5]) + bias)


def _doubled(planes: tf.Tensor) -> tf.Tensor:
    """Twice the size: three quarters of the nearest pixel, a quarter of the next."""
    above = tf.concat([planes[:, :, :1], planes[:, :, :-1]], 2)
    below = tf.concat([planes[:, :, 1:], planes[:, :, -1:]], 2)
    rows = tf.stack([3.0 * planes + above, 3.0 * planes + below], 3)
    _, channels, height, width = planes.shape
    rows = tf.reshape(rows, (-1, channels, 2 * height, width))
    left = tf.concat([rows[..., :1], rows[..., :-1]], 3)
    right = tf.concat([rows[..., 1:], rows[..., -1:]], 3)
    columns = tf.stack([3.0 * rows + left + 8.0, 3.0 * rows + right + 7.0], 4)
    columns = tf.floor(columns / 16.0)
    return tf.reshape(columns, (-1, channels, 2 * height, 2 * width))


def _stored(planes: tf.Tensor, tables: tf.Tensor) -> tf.Tensor:
    """Planes (N, C, H, W) around 0, their blocks transformed, rounded and back."""
    _, channels, height, width = planes.shape
    blocks = (-1, channels, height // 8, 8, width // 8, 8)
    steps = tables[:, None, None, :, None, :]
    waves = _down(_across(planes, COSINES, FINE), COSINES, 1.0)
    levels = tf.reshape(waves, blocks) / (8.0 * steps)
    levels = tf.sign(levels) * _rounded(tf.abs(levels))
    waves = tf.reshape(levels * steps, (-1, channels, height, width))
    return _across(_down(waves, COSINES.T, FINE) / 8.0, COSINES.T, 1.0)


def _across(planes: tf.Tensor, matrix: np.ndarray, part: float) -> tf.Tensor:
    """The transform along the rows of blocks, rounded to multiples of `part`."""
    _, channels, height, width = planes.shape
    values = tf.matmul(tf.reshape(planes, (-1, 8)), matrix, transpose_b=True)
    return tf.reshape(_rounded(values, part), (-1, channels, height, width))


def _down(planes: tf.Tensor, matrix: np.ndarray, part: float) -> tf.Tensor:
    """The same along the columns."""
    _, channels, height, width = planes.shape
    values = tf.matmul(matrix, tf.reshape(planes, (-1, 8, width)))
    return tf.reshape(_rounded(values, part), (-1, channels, height, width))


def _rounded(values: tf.Tensor, part: float = 1.0) -> tf.Tensor:
    """To multiples of `part`, halves up as in libjpeg.

    Values that float32 put a little below a half are rounded up too.
    """
    return tf.floor(values / part + 0.5001) * part
