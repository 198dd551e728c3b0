"""Which encoder writes a video, how well, and with which times."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import NamedTuple

from av import Codec, VideoFrame
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.video.format import VideoFormat
from av.video.stream import VideoStream

from deblurgan_tf.errors import VideoError
from deblurgan_tf.video.pixels import display_matrix
from deblurgan_tf.video.reading import OpenVideo
from deblurgan_tf.video.timeline import Slot

# The finest constant quantiser but one of the MPEG-4 kin: 2 steps of FF_QP2LAMBDA.
_FINE = {"flags": "+qscale", "global_quality": "236"}
_BY_SCALE = ["mpeg4", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "h263", "flv1"]
_BY_SCALE += ["mpeg1video", "mpeg2video", "mjpeg"]
_LOSSLESS = ["ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "png", "qtrle"]
_LOSSLESS += ["rawvideo"]
_X264 = ("libx264", {"crf": "16"})
# Codec -> its encoder and options for a high quality. H.264 takes the place of others.
_ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "h264": _X264,
    "hevc": ("libx265", {"crf": "18", "x265-params": "log-level=error"}),
    "av1": ("libsvtav1", {"crf": "20", "preset": "8"}),
    "vp9": (
        "libvpx-vp9",
        {"crf": "20", "b": "0", "cpu-used": "4", "row-mt": "1", "auto-alt-ref": "0"},
    ),
    "vp8": (
        "libvpx",
        {"crf": "8", "b": "50M", "cpu-used": "4", "auto-alt-ref": "0"},
    ),
    "prores": ("prores_ks", {}),
    **{name: (name, _FINE) for name in _BY_SCALE},
    **{name: (name, {}) for name in _LOSSLESS},
}
_EVEN_ONLY = ("libx264", "libx265", "libsvtav1")  # where the chroma is subsampled


class _Choice(NamedTuple):
    encoder: str
    options: dict[str, str]
    pixel_format: str


class Encoder:
    """Writes frames as a new stream of `output`, like the source's in all but pixels.

    frame: a decoded one, for size, pixel format, colours and rotation. No frame is
    reordered, so that the encoder can count frames while each packet carries its
    frame's own time: exact in every container, at constant and variable rates.

    Raises VideoError when the container takes neither the codec nor H.264.
    """

    def __init__(self, output: OutputContainer, video: OpenVideo, frame: VideoFrame):
        self._output = output
        self._times: dict[int, Slot] = {}
        self._count = 0
        source = video.stream
        assert source.time_base is not None  # as in every stream that was opened
        self.time_base = source.time_base
        rate = _rate(source)
        choice, self.stream = _open_stream(output, video, frame, rate)
        self.name = choice.encoder
        self.pixel_format = choice.pixel_format
        context = self.stream.codec_context
        context.width, context.height = frame.width, frame.height
        context.pix_fmt = choice.pixel_format
        context.time_base = 1 / rate
        context.max_b_frames = 0
        if source.sample_aspect_ratio:
            context.sample_aspect_ratio = source.sample_aspect_ratio
        context.color_range = frame.color_range
        context.color_primaries = frame.color_primaries
        context.color_trc = frame.color_trc
        # RGB and YUV formats share no code of the matrix.
        if not frame.format.is_rgb:
            context.colorspace = frame.colorspace
        if source.codec_context.codec_tag == "hvc1" and choice.encoder == "libx265":
            context.codec_tag = "hvc1"  # Apple plays no other HEVC
        self.stream.time_base = source.time_base
        self.stream.set_display_matrix(display_matrix(frame))

    def write(self, frame: VideoFrame, slot: Slot) -> None:
        """Encodes a frame (in `pixel_format`, of the stream's size) for the slot."""
        frame.pts = self._count
        frame.time_base = self.stream.codec_context.time_base
        self._times[self._count] = slot
        self._count += 1
        self._mux(frame)

    def finish(self) -> None:
        """Writes what the encoder still holds."""
        self._mux(None)

    def _mux(self, frame: VideoFrame | None) -> None:
        for packet in self.stream.encode(frame):
            assert packet.pts is not None  # the number that the frame was given
            slot = self._times.pop(packet.pts)
            packet.time_base = self.time_base
            packet.pts = packet.dts = slot.time
            packet.duration = slot.duration
            self._output.mux(packet)


def _rate(source: VideoStream) -> Fraction:
    """Frames a second as the encoder shall believe; small numbers, as MPEG-4 needs."""
    rate = source.average_rate or source.guessed_rate or Fraction(25)
    rate = Fraction(rate).limit_denominator(1001)
    return rate if 0 < rate.numerator <= 65535 else Fraction(max(1, min(60, int(rate))))


def _open_stream(
    output: OutputContainer, video: OpenVideo, frame: VideoFrame, rate: Fraction
) -> tuple[_Choice, VideoStream]:
    codec = video.stream.codec_context.codec.canonical_name
    for name, options in (_ENCODERS.get(codec, _X264), _X264):
        try:
            formats = Codec(name, "w").video_formats or []
            offered = [each.name for each in formats]
            pixel_format = _pixel_format(name, offered, frame)
            if offered and pixel_format not in offered:
                continue  # AV1's has no format for odd sizes
            stream = output.add_stream(name, rate=rate, options=dict(options))
        # No such encoder in this build, or none that the container takes.
        except (UnknownCodecError, ValueError):
            continue
        if name == "libsvtav1":
            # Its own library, which prints a page about itself; 1 is errors only.
            os.environ.setdefault("SVT_LOG", "1")
        assert isinstance(stream, VideoStream)
        return _Choice(name, options, pixel_format), stream
    raise VideoError(
        f"{video.path}: no encoder for {codec}, and {output.format.name} does not "
        "take H.264; convert the video to .mp4 first"
    )


def _pixel_format(encoder: str, offered: list[str], frame: VideoFrame) -> str:
    """The frame's own pixel format where the encoder has it, else the nearest."""
    near = (frame.format.name, "yuv420p", "yuvj420p", "yuv422p10le", *offered)
    name = next(each for each in near if each in offered or not offered)
    chosen = VideoFormat(name)
    halved = (chosen.chroma_width(2) == 1 and frame.width % 2) or (
        chosen.chroma_height(2) == 1 and frame.height % 2
    )
    return "yuv444p" if encoder in _EVEN_ONLY and halved else name
