"""Encodes a video: which encoder, which quality, which times."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import NamedTuple

from av import Codec, VideoFrame
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.video.stream import VideoStream

from deblurgan_tf.errors import VideoError
from deblurgan_tf.video.pixel_formats import lost, nearest
from deblurgan_tf.video.pixels import Colours
from deblurgan_tf.video.reading import OpenVideo
from deblurgan_tf.video.side_data import display_matrix
from deblurgan_tf.video.timeline import Slot

# Quantiser 2 for MPEG-4 and its relatives, the second finest: 2 * FF_QP2LAMBDA.
_FINE = {"flags": "+qscale", "global_quality": "236"}
_BY_SCALE = ["mpeg4", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "h263", "flv1"]
_BY_SCALE += ["mpeg1video", "mpeg2video", "mjpeg"]
_LOSSLESS = ["ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "png", "qtrle"]
_LOSSLESS += ["rawvideo"]
_X264 = ("libx264", {"crf": "16"})
_X264RGB = ("libx264rgb", {"crf": "16"})
# Codec -> its encoder and options for a high quality. Other codecs become H.264.
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
# These take only even sizes where the chroma is subsampled.
_EVEN_ONLY = ("libx264", "libx265", "libsvtav1")


class _Choice(NamedTuple):
    encoder: str
    options: dict[str, str]
    pixel_format: str


class Encoder:
    """Writes frames as a new stream of `output` with the properties of the source's.

    frame: a decoded frame of the source, for size, pixel format, colours and rotation.
    lost: what of the pictures the new format does not keep.

    The encoder only counts the frames; each packet then gets the time of its frame.
    This is exact in every container, at constant and variable frame rates, because no
    frame is reordered.

    Raises VideoError when the container takes neither the codec nor H.264.
    """

    def __init__(
        self, output: OutputContainer, video: OpenVideo, frame: VideoFrame
    ) -> None:
        self._output = output
        self._times: dict[int, Slot] = {}
        self._count = 0
        source = video.stream
        assert source.time_base is not None  # every stream that was opened has one
        self.time_base = source.time_base
        rate = _rate(source)
        choice, self.stream = _open_stream(output, video, frame, rate)
        self.name = choice.encoder
        self.pixel_format = choice.pixel_format
        self.lost = lost(frame.format.name, choice.pixel_format)
        context = self.stream.codec_context
        context.width, context.height = frame.width, frame.height
        context.pix_fmt = choice.pixel_format
        context.time_base = 1 / rate
        context.max_b_frames = 0
        if source.sample_aspect_ratio:
            context.sample_aspect_ratio = source.sample_aspect_ratio
        context.color_primaries = frame.color_primaries
        context.color_trc = frame.color_trc
        # The codes of YUV matrices and ranges are wrong for RGB.
        if not self.stream.format.is_rgb:
            colours = Colours.of(frame)
            rgb = frame.format.is_rgb
            context.color_range = colours.stored_range if rgb else frame.color_range
            context.colorspace = colours.stored_matrix if rgb else frame.colorspace
        if source.codec_context.codec_tag == "hvc1" and choice.encoder == "libx265":
            context.codec_tag = "hvc1"  # the only HEVC that Apple plays
        self.stream.time_base = source.time_base
        self.stream.set_display_matrix(display_matrix(frame))

    def write(self, frame: VideoFrame, slot: Slot) -> None:
        """Encodes a frame for the slot; its format and size are those of the stream."""
        frame.pts = self._count
        frame.time_base = self.stream.codec_context.time_base
        self._times[self._count] = slot
        self._count += 1
        self._mux(frame)

    def finish(self) -> None:
        """Writes the packets that the encoder still holds."""
        self._mux(None)

    def _mux(self, frame: VideoFrame | None) -> None:
        for packet in self.stream.encode(frame):
            assert packet.pts is not None  # the frame's number, see `write`
            slot = self._times.pop(packet.pts)
            packet.time_base = self.time_base
            packet.pts = packet.dts = slot.time
            packet.duration = slot.duration
            self._output.mux(packet)


def _rate(source: VideoStream) -> Fraction:
    """Frames per second for the encoder, in numbers small enough for MPEG-4."""
    rate = source.average_rate or source.guessed_rate or Fraction(25)
    rate = Fraction(rate).limit_denominator(1001)
    return rate if 0 < rate.numerator <= 65535 else Fraction(max(1, min(60, int(rate))))


def _open_stream(
    output: OutputContainer, video: OpenVideo, frame: VideoFrame, rate: Fraction
) -> tuple[_Choice, VideoStream]:
    codec = video.stream.codec_context.codec.canonical_name
    # Of the encoders of H.264, the one for RGB takes nothing else.
    known = (
        _X264RGB if codec == "h264" and frame.format.is_rgb else _ENCODERS.get(codec)
    )
    for name, options in (known or _X264, _X264):
        try:
            offered = [each.name for each in Codec(name, "w").video_formats or []]
            pixel_format = nearest(
                frame.format.name,
                offered,
                (frame.width, frame.height),
                Colours.of(frame).full_range,
                name in _EVEN_ONLY,
            )
            if pixel_format is None:
                continue  # the AV1 encoder has no format for odd sizes
            stream = output.add_stream(name, rate=rate, options=dict(options))
        # This build has no such encoder, or the container does not take it.
        except (UnknownCodecError, ValueError):
            continue
        if name == "libsvtav1":
            # The library prints a page about itself; level 1 is errors only.
            os.environ.setdefault("SVT_LOG", "1")
        assert isinstance(stream, VideoStream)
        return _Choice(name, options, pixel_format), stream
    raise VideoError(
        f"{video.path}: no encoder for {codec}, and {output.format.name} does not "
        "take H.264; convert the video to .mp4 first"
    )
