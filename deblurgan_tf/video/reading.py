"""An open video: its picture track, its packets, and whether the file is whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import av
from av import Packet, VideoFrame
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from deblurgan_tf.errors import VideoError

# Only these and only this file: a playlist that is named .mp4 opens nothing else.
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf",
}
# Containers whose header tells the true length; others' is a guess.
_TELLS_LENGTH = ("mov", "matroska", "avi", "flv")
_SLACK = 0.3  # seconds by which the tracks may fall short of that length


class OpenVideo:
    """A video file; use it in a `with`. Every error is a VideoError with its name."""

    def __init__(self, path: Path):
        self.path = path
        try:
            # "file:" keeps a colon in a name from naming a protocol.
            self.container: InputContainer = av.open(
                f"file:{path}", "r", container_options=_OPTIONS
            )
        except (av.FFmpegError, UnicodeError) as error:
            raise VideoError(f"{path}: not a readable video ({reason(error)})") from (
                error
            )
        self.stream = self._picture_track()
        # AVI stores no times of showing; FFmpeg's guess is wrong where frames may be
        # reordered: there only the count of packets is true.
        context = self.stream.codec_context
        self._counted = self.container.format.name == "avi" and (
            bool(context.has_b_frames) or context.name in ("h264", "hevc")
        )
        self._end = 0.0  # of the packets so far, seconds

    def __enter__(self) -> OpenVideo:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()

    def packets(self) -> Iterator[Packet]:
        """Of all tracks; at the end an empty one for each, to flush its decoder."""
        packets = self.container.demux()
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                raise VideoError(
                    f"{self.path}: damaged or cut off ({reason(error)})"
                ) from error
            if packet is None:
                return
            # The file does not hold it whole; a broadcast flags its noise so, too.
            if packet.is_corrupt and self._told is not None:
                raise VideoError(f"{self.path}: cut off")
            when = self.shown_at(packet)
            if when is not None:
                end = float((when + (packet.duration or 0)) * packet.time_base)
                self._end = max(self._end, end)
            yield packet

    def decode(self, packet: Packet) -> list[VideoFrame]:
        """The frames that are ready after a packet of the picture track.

        Raises av.FFmpegError for a packet that cannot be decoded.
        """
        frames = self.stream.decode(None if is_flush(packet) else packet)
        for frame in frames:
            shape, now = (self._width, self._height), (frame.width, frame.height)
            if now != shape:
                raise VideoError(
                    f"{self.path}: its frames change size, from {shape[0]}x{shape[1]} "
                    f"to {now[0]}x{now[1]}; cut it there"
                )
        return frames

    def shown_at(self, of: Packet | VideoFrame) -> int | None:
        """When a packet or a frame is shown, in ticks of its track, if that is known.

        Of AVI's pictures that are reordered: the packet's place, and None for a frame.
        """
        if isinstance(of, VideoFrame):
            return None if self._counted else of.pts
        if of.pts is None or (self._counted and of.stream.index == self.stream.index):
            return of.dts
        return of.pts

    def first_frame(self) -> VideoFrame:
        """The first whole frame: it tells size, pixel format, colours and rotation."""
        for packet in self.packets():
            if packet.stream.index == self.stream.index:
                with contextlib.suppress(av.FFmpegError):
                    for frame in self.decode(packet):
                        if not frame.is_corrupt:
                            return frame
        raise VideoError(f"{self.path}: none of its frames can be decoded")

    def makes_frame(self, packet: Packet) -> bool:
        """Whether a packet holds a frame to be shown, were it whole."""
        # Discarded: before the start that an edit list sets.
        if is_flush(packet) or packet.is_discard or self.shown_at(packet) is None:
            return False
        # VP8 has packets that only later frames refer to: bit 4 of the frame tag.
        if self.stream.codec_context.codec.canonical_name == "vp8" and packet.size:
            return bool(memoryview(packet)[0] & 0x10)
        return True

    def total(self) -> int | None:
        """The number of frames, as far as the header tells it."""
        if self.stream.frames:
            return self.stream.frames
        if self._told is None or not self.stream.average_rate:
            return None
        return round(self._told * self.stream.average_rate)

    def check_length(self) -> None:
        """Raises VideoError if the packets so far end before the header says."""
        found = self._end - (self.container.start_time or 0) / av.time_base
        if self._told is not None and found < self._told - _SLACK:
            raise VideoError(
                f"{self.path}: cut off after {found:.2f} of {self._told:.2f} seconds"
            )

    @property
    def _told(self) -> float | None:
        """The length in seconds by the header, where it is no guess."""
        duration = self.container.duration
        if duration is None or not self.container.format.name.startswith(_TELLS_LENGTH):
            return None
        return duration / av.time_base

    def _picture_track(self) -> VideoStream:
        for stream in self.container.streams.video:
            if stream.disposition & Disposition.attached_pic:  # a cover
                continue
            if stream.codec_context is None:
                raise VideoError(f"{self.path}: no decoder for its pictures")
            self._width, self._height = stream.width, stream.height
            return stream
        raise VideoError(f"{self.path}: there are no pictures in it")


def is_flush(packet: Packet) -> bool:
    """Whether it is one of the empty packets at the end."""
    return packet.size == 0 and packet.dts is None


def reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
