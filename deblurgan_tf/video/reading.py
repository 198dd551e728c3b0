"""An open video: its picture track, its packets, and whether the file is complete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import av
from av import Packet, VideoFrame
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from deblurgan_tf.errors import VideoError
from deblurgan_tf.storage.regular import NO_FILE, is_special

# Only these formats, and only files: a playlist named .mp4 must not open others.
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf",
}
# Containers whose header holds the true length; of others FFmpeg guesses it.
_HOLD_LENGTH = ("mov", "matroska", "avi", "flv")
_TOLERANCE = 0.3  # seconds by which the tracks may be shorter than that length


class OpenVideo:
    """A video file, open inside a `with`. Every error is a VideoError that names it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # FFmpeg would wait at a pipe for ever.
        if is_special(path):
            raise VideoError(f"{path}: {NO_FILE}")
        try:
            # Without "file:" a name with a colon would be taken for a protocol.
            self.container: InputContainer = av.open(
                f"file:{path}", "r", container_options=_OPTIONS
            )
        except (av.FFmpegError, UnicodeError) as error:
            raise VideoError(f"{path}: not a readable video ({reason(error)})") from (
                error
            )
        self.stream = self._picture_track()
        # AVI does not store when a frame is shown. FFmpeg's guess is wrong where frames
        # may be reordered; there only the number of the packet is right.
        context = self.stream.codec_context
        self._counted = self.container.format.name == "avi" and (
            bool(context.has_b_frames) or context.name in ("h264", "hevc")
        )
        self._end = 0.0  # seconds, of the packets so far

    def __enter__(self) -> OpenVideo:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()

    def packets(self) -> Iterator[Packet[Stream]]:
        """The packets of all tracks, at the end an empty one for each decoder.

        The empty ones make the decoders return the frames that they still hold.
        """
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
            # The file does not hold all of it. In a broadcast it may just be noise.
            if packet.is_corrupt and self._length is not None:
                raise VideoError(f"{self.path}: cut off")
            when = self.shown_at(packet)
            if when is not None:
                end = float((when + (packet.duration or 0)) * packet.time_base)
                self._end = max(self._end, end)
            yield packet

    def decode(self, packet: Packet[Stream]) -> list[VideoFrame]:
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

    def shown_at(self, of: Packet[Stream] | VideoFrame) -> int | None:
        """When a packet or a frame is shown, in ticks of its track; None if unknown.

        For AVI with reordered frames: the number of a packet, and None for a frame.
        """
        if isinstance(of, VideoFrame):
            return None if self._counted else of.pts
        if of.pts is None or (self._counted and of.stream.index == self.stream.index):
            return of.dts
        return of.pts

    def first_frame(self) -> VideoFrame:
        """The first complete frame, which shows size, format, colours and rotation."""
        for packet in self.packets():
            if packet.stream.index == self.stream.index:
                with contextlib.suppress(av.FFmpegError):
                    for frame in self.decode(packet):
                        if not frame.is_corrupt:
                            return frame
        raise VideoError(f"{self.path}: none of its frames can be decoded")

    def makes_frame(self, packet: Packet[Stream]) -> bool:
        """Whether a packet, if undamaged, holds a frame that is shown."""
        # Packets are discarded before the start that an edit list sets.
        if is_flush(packet) or packet.is_discard or self.shown_at(packet) is None:
            return False
        # VP8 has packets that are not shown, for later frames: bit 4 of the frame tag.
        if self.stream.codec_context.codec.canonical_name == "vp8" and packet.size:
            return bool(memoryview(packet)[0] & 0x10)
        return True

    def total(self) -> int | None:
        """The number of frames by the header; None where it does not say."""
        if self.stream.frames:
            return self.stream.frames
        if self._length is None or not self.stream.average_rate:
            return None
        return round(self._length * self.stream.average_rate)

    def check_length(self) -> None:
        """Raises VideoError if the packets so far end before the header says."""
        found = self._end - (self.container.start_time or 0) / av.time_base
        if self._length is not None and found < self._length - _TOLERANCE:
            raise VideoError(
                f"{self.path}: cut off after {found:.2f} of {self._length:.2f} seconds"
            )

    @property
    def _length(self) -> float | None:
        """The length by the header, seconds; None where it would be a guess."""
        duration = self.container.duration
        if duration is None or not self.container.format.name.startswith(_HOLD_LENGTH):
            return None
        return duration / av.time_base

    def _picture_track(self) -> VideoStream:
        for stream in self.container.streams.video:
            if stream.disposition & Disposition.attached_pic:  # a cover picture
                continue
            if stream.codec_context is None:
                raise VideoError(f"{self.path}: there is no decoder for its frames")
            self._width, self._height = stream.width, stream.height
            return stream
        raise VideoError(f"{self.path}: it has no video track")


def is_flush(packet: Packet[Stream]) -> bool:
    """Whether a packet is one of the empty ones at the end."""
    return packet.size == 0 and packet.dts is None


def reason(error: Exception) -> str:
    """What FFmpeg says of an error, in words."""
    return getattr(error, "strerror", None) or str(error)
