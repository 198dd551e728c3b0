"""One pass over the packets of a video: decode, restore, encode, copy the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av import Packet, VideoFrame
from av.container import OutputContainer
from av.stream import Disposition, Stream

from deblurgan_tf.errors import VideoError
from deblurgan_tf.images.hidden import filled
from deblurgan_tf.storage.atomic import write_atomically
from deblurgan_tf.video import aspect
from deblurgan_tf.video.encoding import Encoder
from deblurgan_tf.video.pixels import Colours, Orientation
from deblurgan_tf.video.reading import OpenVideo, is_flush, reason
from deblurgan_tf.video.report import VideoReport
from deblurgan_tf.video.side_data import display_matrix, not_kept
from deblurgan_tf.video.timeline import Slot, Timeline

Restore = Callable[[np.ndarray], np.ndarray]
OnFrame = Callable[[int, int | None], None]

# Metadata that a container writes about itself; it would be wrong in the copy.
_OWN_KEYS = frozenset(
    {"major_brand", "minor_version", "compatible_brands"}
    | {"encoder", "duration", "alpha_mode"}
)


def restore_file(
    source: Path, target: Path, restore: Restore, on_frame: OnFrame | None
) -> VideoReport:
    """Restores a video, see `restoring.video.restore_video`."""
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
            work.keep_aspect(video, partial)

    write_atomically(target, write)
    return work.report(time.perf_counter() - begun)


class _Pass:
    """The work on one video, and what its report counts.

    first: the first complete frame, whose size, format and rotation all frames have.
    """

    def __init__(
        self, first: VideoFrame, restore: Restore, on_frame: OnFrame | None
    ) -> None:
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
        self._track = 0  # the number of the restored one in the output
        self._last: np.ndarray | None = None  # the last frame written, as stored

    def run(self, video: OpenVideo, output: OutputContainer) -> None:
        """Writes the whole video. Raises VideoError, and what `restore` raises."""
        # All tracks are added before the first packet: the header comes before it.
        copies: dict[int, Stream] = {}
        for stream in video.container.streams:
            if stream.index == video.stream.index:
                encoder = Encoder(output, video, self.first)
                _copy_metadata(stream, encoder.stream)
                self._track = encoder.stream.index
                if _anamorphic(video) and output.format.name in ("matroska", "webm"):
                    title = encoder.stream.metadata.get("title", "")
                    encoder.stream.metadata["title"] = title + aspect.ROOM
                self.left_out += [*encoder.lost, *not_kept(self.first)]
                # FFmpeg's own decoders of VP8 and VP9 do not return it.
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

    def keep_aspect(self, video: OpenVideo, written: Path) -> None:
        """Lets the pixels of the finished file have the shape of the source's.

        What the encoder and the container have not kept is written into the header.
        Where that cannot be, `left_out` says so.
        """
        wanted = _anamorphic(video)
        if wanted is None:
            return
        with OpenVideo(written) as result:
            kept = result.stream.sample_aspect_ratio == wanted
        size = self.first.width, self.first.height
        # Also where it is kept: the room in a title goes.
        written_down = aspect.write_aspect(written, self._track, size, wanted)
        if written_down and not kept:
            with OpenVideo(written) as result:
                kept = result.stream.sample_aspect_ratio == wanted
        if not kept:
            named = f"{wanted.numerator}:{wanted.denominator}"
            self.left_out.append(f"sample aspect ratio {named}")

    def report(self, seconds: float) -> VideoReport:
        """What was done, in so many seconds."""
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
        self,
        video: OpenVideo,
        packet: Packet[Stream],
        timeline: Timeline,
        encoder: Encoder,
    ) -> None:
        """Decodes a packet of the picture track and writes the frames it completes."""
        when = video.shown_at(packet)
        if when is not None and video.makes_frame(packet):
            timeline.sent(when, packet.duration or 0)
        try:
            frames = video.decode(packet)
        # The timeline finds out that its frame is missing when a later one comes.
        except av.FFmpegError:
            return
        for frame in frames:
            for slot in timeline.came(video.shown_at(frame), frame.duration):
                self._write(slot, frame if slot.found else None, encoder)

    def _write(self, slot: Slot, frame: VideoFrame | None, encoder: Encoder) -> None:
        """Writes the restored frame, a damaged one as it is, or the last one again."""
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
        alpha = upright[..., 3] if self.colours.alpha else None
        blurred = filled(np.ascontiguousarray(upright[..., :3]), alpha)
        restored = self.restore(blurred)
        if restored.shape != blurred.shape or restored.dtype != np.uint8:
            raise ValueError(
                f"restore must return uint8 {blurred.shape}; it returned "
                f"{restored.dtype} {restored.shape}"
            )
        # The alpha channel stays as it was; hidden colours are those around them.
        whole = np.concatenate([restored, upright[..., 3:]], axis=2)
        return self.orientation.stored(whole)


def _anamorphic(video: OpenVideo) -> Fraction | None:
    """The aspect ratio of the source's pixels; None for square and unknown ones."""
    ratio = video.stream.sample_aspect_ratio
    return ratio if ratio and ratio != 1 else None


def _copied(output: OutputContainer, stream: Stream) -> Stream | None:
    """A new track for the packets as they are; None if the container has none."""
    # Only these containers take a cover picture, and few know the codec of data.
    cover = bool(stream.disposition & Disposition.attached_pic)
    if stream.type == "data" or (
        cover and output.format.name not in ("mov", "mp4", "ipod")
    ):
        return None
    try:
        copy = output.add_stream_from_template(stream, opaque=True)
    except ValueError:
        return None
    _copy_metadata(stream, copy)
    return copy


def _copy_metadata(stream: Stream, copy: Stream) -> None:
    copy.metadata.update(_without_own(stream.metadata))
    copy.disposition = stream.disposition


def _without_own(metadata: dict[str, str]) -> dict[str, str]:
    return {
        key: value for key, value in metadata.items() if key.lower() not in _OWN_KEYS
    }


def _options(video: OpenVideo) -> dict[str, str]:
    """Options of the container, by what the source is."""
    if not video.container.format.name.startswith("mov"):
        return {}
    flags = "+faststart"
    # The keys of phones (place, model) are written only with this flag.
    if any(key.startswith("com.") for key in video.container.metadata):
        flags += "+use_metadata_tags"
    options = {"movflags": flags}
    # Without it the container may choose a finer time base.
    base = video.stream.time_base
    if base is not None and base.numerator == 1:
        options["video_track_timescale"] = str(base.denominator)
    return options
