"""Between a decoder's frames and upright RGB arrays, there and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, Colorspace, Interpolation

# Exact arithmetic: the same pixels on every processor.
_SCALING = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
# AVColorSpace -> the converter's matrices; the two number them differently.
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
    """How players turn a stored frame: transposed first, then flipped.

    flip_rows: top and bottom change places. flip_columns: left and right do.
    """

    transposed: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @staticmethod
    def of(matrix: tuple[int, ...] | None) -> Orientation:
        """Of FFmpeg's display matrix: x' = a x + c y, y' = b x + d y.

        Angles between the quarters, which no camera writes, count as upright.
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
        """(H, W, C) as stored -> as shown."""
        shown = stored.transpose(1, 0, 2) if self.transposed else stored
        return np.ascontiguousarray(self._flipped(shown))

    def stored(self, upright: np.ndarray) -> np.ndarray:
        """The inverse of `upright`."""
        flipped = self._flipped(upright)
        stored = flipped.transpose(1, 0, 2) if self.transposed else flipped
        return np.ascontiguousarray(stored)

    def _flipped(self, picture: np.ndarray) -> np.ndarray:
        return picture[
            :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1
        ]


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """The nine numbers that turn the frame upright, if it has them."""
    side_data: Any = frame.side_data  # PyAV's types of it are wrong
    # Not by iterating: PyAV 18 gives the values then, and 19 the keys.
    found = side_data.get(Type.DISPLAYMATRIX)
    if found is None:
        return None
    return tuple(int(value) for value in np.frombuffer(found, np.int32))


@dataclass(frozen=True)
class Colours:
    """How a stream's numbers stand for colours: FFmpeg's codes for matrix and range."""

    matrix: int
    full_range: bool
    alpha: bool

    @staticmethod
    def of(frame: VideoFrame) -> Colours:
        # Where nothing is said, players take Rec. 709 for high definition.
        unsaid = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
        return Colours(
            int(_MATRICES.get(frame.colorspace, unsaid)),
            frame.color_range == ColorRange.JPEG
            or frame.format.name.startswith("yuvj")
            or frame.format.is_rgb,
            any(component.is_alpha for component in frame.format.components),
        )

    def to_array(self, frame: VideoFrame) -> np.ndarray:
        """-> RGB, with alpha RGBA, uint8 (H, W, 3 or 4)."""
        return frame.to_ndarray(
            format="rgba" if self.alpha else "rgb24",
            src_colorspace=self.matrix,
            src_color_range=self._range(),
            dst_color_range=ColorRange.JPEG,
            interpolation=_SCALING,
        )

    def to_frame(self, array: np.ndarray, pixel_format: str) -> VideoFrame:
        """The inverse of `to_array`, in the given pixel format."""
        frame = VideoFrame.from_ndarray(array, "rgba" if self.alpha else "rgb24")
        return frame.reformat(
            format=pixel_format,
            dst_colorspace=self.matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=self._range(),
            interpolation=_SCALING,
        )

    def _range(self) -> int:
        return int(ColorRange.JPEG if self.full_range else ColorRange.MPEG)
