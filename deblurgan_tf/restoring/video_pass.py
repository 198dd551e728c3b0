"""One pass over a video's packets: decode, restore, encode, copy the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from av import Packet, VideoFrame
from av.container import OutputContainer
from av.stream import Disposition, Stream

from deblurgan_tf.errors import VideoError
from deblurgan_tf.storage.atomic import write_atomically
from deblurgan_tf.video.encoding import Encoder
from deblurgan_tf.video.pixels import Colours, Orientation, display_matrix
from deblurgan_tf.video.reading import OpenVideo, is_flush, reason
from deblurgan_tf.video.report import VideoReport
from deblurgan_tf.video.timeline import Slot, Timeline

Restore = Callable[[np.ndarray], np.ndarray]
OnFrame = Callable[[int, int | None], None]

# What a container writes about itself, which is not true of the copy.
_OWN_KEYS = frozenset(
    {"major_brand", "minor_version", "compatible_brands"}
    | {"encoder", "duration", "alpha_mode"}
)


def restore_file(
    source: Path, target: Path, restore: Restore, on_frame: OnFrame | None
) -> VideoReport:
    """See `restoring.video.restore_video`."""
    if source.suffix.lower() != target.suffix.lower():
        raise VideoError(f"{target}: a restored video keeps its ending {source.suffix}")
    begun = time.perf_counter()
    with OpenVideo(source) as video:
        first = video.first_frame()
    work = _Pass(first, restore, on_frame)

    def write(partial: Path) -> None:
        with OpenVideo(source) as video:
            try:
                with av.open(
                    f"file:{partial}", "w", container_options=_options(video)
                ) as output:
                    work.run(video, output)
            except av.FFmpegError as error:
                raise VideoError(
                    f"{target}: cannot be written ({reason(error)})"
                ) from error

    write_atomically(target, write)
    return work.report(time.perf_counter() - begun)


class _Pass:
    """first: the first whole frame, which stands for all of them."""

    def __init__(self, first: VideoFrame, restore: Restore, on_frame: OnFrame | None):
        self.first = first
        self.restore = restore
        self.on_frame = on_frame
        self.orientation = Orientation.of(display_matrix(first))
        self.colours = Colours.of(first)
        self.frames = 0
        self.total: int | None = None
        self.broken: list[float] = []
        self.codec = ""
        self.left_out: list[str] = []
        self._last: np.ndarray | None = None  # the pixels written last, as stored

    def run(self, video: OpenVideo, output: OutputContainer) -> None:
        # All tracks before the first packet, which the header precedes.
        copies: dict[int, Stream] = {}
        for stream in video.container.streams:
            if stream.index == video.stream.index:
                encoder = Encoder(output, video, self.first)
                _carry_words(stream, encoder.stream)
                # FFmpeg's own decoders of VP8 and VP9 do not give it.
                if stream.metadata.get("alpha_mode") == "1":
                    self.left_out.append("alpha channel")
            elif (copy := _copied(output, stream)) is not None:
                copies[stream.index] = copy
            else:
                self.left_out.append(f"{stream.type} track {stream.index}")
        output.metadata.update(_without_own(video.container.metadata))
        output.set_chapters(video.container.chapters())
        self.codec, self.total = encoder.name, video.total()

        timeline = Timeline()
        for packet in video.packets():
            if packet.stream.index == video.stream.index:
                self._take(video, packet, timeline, encoder)
            elif not is_flush(packet) and packet.stream.index in copies:
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
        for slot in timeline.rest():
            self._write(slot, None, encoder)
        encoder.finish()
        video.check_length()

    def report(self, seconds: float) -> VideoReport:
        size = self.first.width, self.first.height
        return VideoReport(
            frames=self.frames,
            restored=self.frames - len(self.broken),
            broken=tuple(self.broken),
            seconds=seconds,
            size=size[::-1] if self.orientation.transposed else size,
            codec=self.codec,
            left_out=tuple(self.left_out),
        )

    def _take(
        self, video: OpenVideo, packet: Packet, timeline: Timeline, encoder: Encoder
    ) -> None:
        when = video.shown_at(packet)
        if when is not None and video.makes_frame(packet):
            timeline.sent(when, packet.duration or 0)
        try:
            frames = video.decode(packet)
        # Its frame stays owed: the timeline misses it when a later one comes.
        except av.FFmpegError:
            return
        for frame in frames:
            for slot in timeline.came(video.shown_at(frame), frame.duration):
                self._write(slot, frame if slot.found else None, encoder)

    def _write(self, slot: Slot, frame: VideoFrame | None, encoder: Encoder) -> None:
        """The frame restored; a damaged one as it is; for none the pixels before."""
        if frame is None:
            if self._last is None:
                self._last = self._restored(self.first)
        elif frame.is_corrupt:
            self._last = self.colours.to_array(frame)
        else:
            self._last = self._restored(frame)
        if frame is None or frame.is_corrupt:
            self.broken.append(float(slot.time * encoder.time_base))
        encoder.write(self.colours.to_frame(self._last, encoder.pixel_format), slot)
        self.frames += 1
        if self.on_frame is not None:
            self.on_frame(self.frames, self.total)

    def _restored(self, frame: VideoFrame) -> np.ndarray:
        upright = self.orientation.upright(self.colours.to_array(frame))
        blurred = np.ascontiguousarray(upright[..., :3])
        restored = self.restore(blurred)
        if restored.shape != blurred.shape or restored.dtype != np.uint8:
            raise ValueError(
                f"restore must return uint8 {blurred.shape}; it returned "
                f"{restored.dtype} {restored.shape}"
            )
        # Alpha goes around the restoration, unchanged.
        whole = np.concatenate([restored, upright[..., 3:]], axis=2)
        return self.orientation.stored(whole)


def _copied(output: OutputContainer, stream: Stream) -> Stream | None:
    """A track that takes the packets as they are; None if the container has none."""
    # Only these muxers write a cover; a data track's codec is known to few.
    cover = bool(stream.disposition & Disposition.attached_pic)
    if stream.type == "data" or (
        cover and output.format.name not in ("mov", "mp4", "ipod")
    ):
        return None
    try:
        copy = output.add_stream_from_template(stream, opaque=True)
    except ValueError:
        return None
    _carry_words(stream, copy)
    return copy


def _carry_words(stream: Stream, copy: Stream) -> None:
    copy.metadata.update(_without_own(stream.metadata))
    copy.disposition = stream.disposition


def _without_own(metadata: dict[str, str]) -> dict[str, str]:
    return {
        key: value for key, value in metadata.items() if key.lower() not in _OWN_KEYS
    }


def _options(video: OpenVideo) -> dict[str, str]:
    """The muxer's options, by what the source is."""
    if not video.container.format.name.startswith("mov"):
        return {}
    flags = "+faststart"
    # Phones' own keys (place, model) are written only on demand.
    if any(key.startswith("com.") for key in video.container.metadata):
        flags += "+use_metadata_tags"
    options = {"movflags": flags}
    # Else the muxer makes a coarse time base finer.
    base = video.stream.time_base
    if base is not None and base.numerator == 1:
        options["video_track_timescale"] = str(base.denominator)
    return options
