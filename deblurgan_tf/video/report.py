"""What a video's restoration gives back, and the error that all of it raises."""

from __future__ import annotations

from dataclasses import dataclass

# By these a folder's videos are told from its other files.
SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts"}
    | {".mpg", ".mpeg", ".flv", ".wmv"}
)


@dataclass(frozen=True)
class VideoReport:
    """What `restore_video` did.

    frames: written; as many as the source has. restored: of these, given to `restore`.
    broken: times of the others, in seconds on the file's clock, ascending.
    seconds: the time it took. size: (width, height) as players show it.
    codec: name of the encoder, for example "libx264".
    left_out: the tracks that were not carried over, each in words.
    """

    frames: int
    restored: int
    broken: tuple[float, ...]
    seconds: float
    size: tuple[int, int]
    codec: str
    left_out: tuple[str, ...]
