"""What a decoded frame carries beside its pixels: its rotation, captions, and more."""

from __future__ import annotations

from typing import Any

import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import Type

# What encoders do not take from a frame, in words for people.
_NOT_KEPT = {
    Type.A53_CC: "closed captions",
    Type.MASTERING_DISPLAY_METADATA: "HDR metadata",
    Type.CONTENT_LIGHT_LEVEL: "HDR metadata",
    Type.DYNAMIC_HDR_PLUS: "HDR metadata",
    Type.DOVI_METADATA: "Dolby Vision metadata",
    Type.STEREO3D: "stereoscopic layout",
    Type.SPHERICAL: "spherical projection",
    Type.ICC_PROFILE: "colour profile",
}


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """The nine numbers of the frame's display matrix, or None without one."""
    try:
        side_data: Any = frame.side_data  # PyAV's types of it are wrong
        # Iterating gives the values in PyAV 18, the keys in PyAV 19; `get` is the same.
        found = side_data.get(Type.DISPLAYMATRIX)
    except ValueError:
        # Data of a kind that PyAV does not know (EXIF) hide all the others from it.
        return _turned(frame.rotation)
    if found is None:
        return None
    return tuple(int(value) for value in np.frombuffer(found, np.int32))


def _turned(degrees: int) -> tuple[int, ...] | None:
    """The matrix of a rotation, counter-clockwise; None for 0, as without one."""
    if degrees % 360 == 0:
        return None
    one = 1 << 16
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}.get(degrees % 360, (1, 0))
    numbers = (cosine * one, -sine * one, 0, sine * one, cosine * one, 0, 0, 0, 1 << 30)
    return numbers


def not_kept(frame: VideoFrame) -> list[str]:
    """What of the frame's data the restored video does not have, for people."""
    try:
        side_data: Any = frame.side_data
        found = [words for kind, words in _NOT_KEPT.items() if side_data.get(kind)]
    except ValueError:
        found = []  # see `display_matrix`
    if frame.interlaced_frame:
        found.append("interlacing")
    return list(dict.fromkeys(found))
