"""What the restoration of a video reports, and the endings of video files."""

from __future__ import annotations

from dataclasses import dataclass

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts"}
    | {".mpg", ".mpeg", ".flv", ".wmv"}
)
"""Endings of the files that count as videos, in lower case."""


@dataclass(frozen=True)
class VideoReport:
    """What `restore_video` did.

    Attributes:
        frames: number of frames written, as many as the source has.
        restored: how many of them were restored.
        broken: times of the other frames, seconds on the file's clock, ascending.
        seconds: the time that it took.
        size: (width, height) as players show it, pixels.
        codec: name of the encoder, for example "libx264".
        left_out: what the new file does not have, for example "data track 2",
            "alpha channel" or "chroma detail (4:4:4 became 4:2:0)".
    """

    frames: int
    restored: int
    broken: tuple[float, ...]
    seconds: float
    size: tuple[int, int]
    codec: str
    left_out: tuple[str, ...]
