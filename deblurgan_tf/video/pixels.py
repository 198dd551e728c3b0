"""Between the stored frames of a video and upright RGB arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from av import VideoFrame
from av.video.format import VideoFormat
from av.video.reformatter import ColorRange, Colorspace, Interpolation

# Exact arithmetic: the same pixels on every processor.
_SCALING = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
# FFmpeg's AVColorSpace -> the matrices of its converter, which have other numbers.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}


@dataclass(frozen=True)
class Orientation:
    """How players show a stored frame: transposed first, then flipped.

    flip_rows: top and bottom are exchanged. flip_columns: left and right are.
    """

    transposed: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @staticmethod
    def of(matrix: tuple[int, ...] | None) -> Orientation:
        """From FFmpeg's display matrix: x' = a x + c y, y' = b x + d y.

        Angles other than multiples of 90 degrees, which no camera writes, count as
        upright.
        """
        if matrix is None:
            return Orientation()
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        if a == d == 0:
            return Orientation(True, flip_rows=b < 0, flip_columns=c < 0)
        if b == c == 0:
            return Orientation(False, flip_rows=d < 0, flip_columns=a < 0)
        return Orientation()

    def upright(self, stored: np.ndarray) -> np.ndarray:
        """A frame (H, W, C) as stored -> the frame as shown."""
        shown = stored.transpose(1, 0, 2) if self.transposed else stored
        return np.ascontiguousarray(self._flipped(shown))

    def stored(self, upright: np.ndarray) -> np.ndarray:
        """A frame as shown -> the frame as stored."""
        flipped = self._flipped(upright)
        stored = flipped.transpose(1, 0, 2) if self.transposed else flipped
        return np.ascontiguousarray(stored)

    def _flipped(self, picture: np.ndarray) -> np.ndarray:
        return picture[
            :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1
        ]


@dataclass(frozen=True)
class Colours:
    """How the numbers of a stream stand for colours.

    matrix: the converter's number of the YUV matrix. full_range: luma from 0 to 255
    instead of 16 to 235. alpha: the frames have an alpha channel.
    """

    matrix: int
    full_range: bool
    alpha: bool

    @staticmethod
    def of(frame: VideoFrame) -> Colours:
        """The colours of a decoded frame."""
        # Without a matrix in the file, players take Rec. 709 for high definition.
        default = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
        return Colours(
            int(_MATRICES.get(frame.colorspace, default)),
            frame.color_range == ColorRange.JPEG
            or frame.format.name.startswith("yuvj")
            or frame.format.is_rgb,
            any(component.is_alpha for component in frame.format.components),
        )

    def to_array(self, frame: VideoFrame) -> np.ndarray:
        """A frame -> uint8 (H, W, 3) RGB, or (H, W, 4) RGBA with alpha."""
        return frame.to_ndarray(
            format="rgba" if self.alpha else "rgb24",
            src_colorspace=self.matrix,
            src_color_range=self._range(),
            dst_color_range=ColorRange.JPEG,
            interpolation=_SCALING,
        )

    def to_frame(self, array: np.ndarray, pixel_format: str) -> VideoFrame:
        """An array as `to_array` returns it -> a frame in the given pixel format."""
        frame = VideoFrame.from_ndarray(array, "rgba" if self.alpha else "rgb24")
        rgb = VideoFormat(pixel_format).is_rgb
        return frame.reformat(
            format=pixel_format,
            dst_colorspace=self.matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG if rgb else self._range(),
            interpolation=_SCALING,
        )

    @property
    def stored_range(self) -> int:
        """FFmpeg's AVColorRange of YUV that `to_frame` makes."""
        return self._range()

    @property
    def stored_matrix(self) -> int:
        """FFmpeg's AVColorSpace of YUV that `to_frame` makes."""
        return next(code for code, own in _MATRICES.items() if own == self.matrix)

    def _range(self) -> int:
        return int(ColorRange.JPEG if self.full_range else ColorRange.MPEG)
