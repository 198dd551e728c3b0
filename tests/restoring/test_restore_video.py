"""Videos: every frame restored, in its place in time, and all else as it was."""

from __future__ import annotations

import builtins
import gc
import re
import shutil
from fractions import Fraction

import numpy as np
import pytest

from deblurgan_tf.errors import VideoError
from deblurgan_tf.restoring.video import restore_video
from deblurgan_tf.storage.installation import install_command

try:
    import av
except ImportError:
    av = None

needs_av = pytest.mark.skipif(av is None, reason="needs the extra video (PyAV)")

# x' = a x + c y, y' = b x + d y, in parts of 65536: [a, b, 0, c, d, 0, tx, ty, 1].
ONE = 65536
QUARTER = [0, ONE, 0, -ONE, 0, 0, 64 * ONE, 0, 1 << 30]


def picture(height, width, number):
    """Smooth, so that compression keeps it; its grey level shows its number."""
    rows, columns = np.mgrid[:height, :width]
    planes = [columns * 120 / width, rows * 120 / height, np.full_like(rows, 60.0)]
    return (np.stack(planes, 2) + 6.0 * number).clip(0, 255).astype(np.uint8)


def make(
    path,
    codec="libx264",
    size=(96, 64),
    times=range(16),
    base=Fraction(1, 25),
    pixel_format="yuv420p",
    audio=None,
    subtitles=None,
    matrix=None,
    track_title=None,
    alpha=False,
    container_options=None,
    **options,
):
    """A video of `picture`s, number i shown at times[i] * base.

    alpha: with an alpha channel that rises from left to right.
    """
    with av.open(str(path), "w", container_options=container_options or {}) as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = base
        stream.set_display_matrix(matrix)
        output.metadata["title"] = "a title"
        if track_title:
            stream.metadata["title"] = track_title
        sound = output.add_stream(audio, rate=48000) if audio else None
        if subtitles:
            words = output.add_mux_stream(subtitles, time_base=Fraction(1, 1000))
            words.metadata["language"] = "vie"
        packets = []
        for number, time in enumerate(times):
            pixels = picture(*size[::-1], number)
            if alpha:
                ramp = np.linspace(0, 255, size[0], dtype=np.uint8)
                opaque = np.broadcast_to(ramp[:, None], (*size[::-1], 1))
                pixels = np.concatenate([pixels, opaque], axis=2)
            frame = av.VideoFrame.from_ndarray(pixels, "rgba" if alpha else "rgb24")
            frame.pts, frame.time_base = time, base
            packets += stream.encode(frame)
        output.mux(packets + stream.encode(None))
        if sound:
            output.mux(sine(sound))
        if subtitles:
            packet = av.Packet(b"a line")
            packet.stream, packet.time_base = words, Fraction(1, 1000)
            packet.pts = packet.dts = 100
            packet.duration = 300
            output.mux(packet)
    return path


def sine(stream, seconds=0.64):
    step = 1024
    packets = []
    for start in range(0, int(48000 * seconds), step):
        wave = np.sin(np.arange(start, start + step) * (2 * np.pi * 440 / 48000))
        samples = np.tile(wave.astype(np.float32), (2, 1))
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
        frame.sample_rate, frame.pts = 48000, start
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def damage(path, numbers):
    """Puts noise over the picture packets of these numbers, in the file's order."""
    memory = bytearray(path.read_bytes())
    with av.open(str(path)) as opened:
        packets = [bytes(packet) for packet in opened.demux(video=0) if packet.size]
    for number in numbers:
        packet = packets[number]
        place = memory.find(packet)
        assert place >= 0
        noise = np.random.default_rng(number).integers(0, 256, len(packet), np.uint8)
        memory[place + 4 : place + len(packet)] = noise.tobytes()[4:]
    path.write_bytes(memory)
    return path


def read(path):
    """Frames as float RGB, their times and their duration, ticks; the time base."""
    with av.open(str(path)) as opened:
        frames = list(opened.decode(video=0))
        stream = opened.streams.video[0]
        pixels = [frame.to_ndarray(format="rgb24").astype(float) for frame in frames]
        return pixels, [frame.pts for frame in frames], stream.time_base


def tracks(path):
    """Type and packets (bytes, time) of every track but the first of pictures."""
    with av.open(str(path)) as opened:
        found = {
            stream.index: [stream.type, stream.language] for stream in opened.streams
        }
        first = opened.streams.video[0].index
        for packet in opened.demux():
            if packet.size:
                time = packet.pts * packet.time_base
                found[packet.stream.index].append((bytes(packet), time))
    found.pop(first)
    return found


def same(blurred):
    return blurred


def inverted(blurred):
    return 255 - blurred


def only(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def files(tmp_path):
    """(a name's source, its target in a folder of its own)."""
    (tmp_path / "out").mkdir()
    return lambda name: (tmp_path / name, tmp_path / "out" / name)


FORMATS = {
    "h264.mp4": {"codec": "libx264"},
    "h264.mkv": {"codec": "libx264"},
    "h264.ts": {"codec": "libx264"},
    "h264.avi": {"codec": "libx264", "bf": "0"},
    "hevc.mov": {"codec": "libx265", "x265-params": "log-level=none"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mjpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p", "size": (95, 63)},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "vp8.webm": {"codec": "libvpx", "auto-alt-ref": "1", "lag-in-frames": "10"},
    "vp9.webm": {"codec": "libvpx-vp9", "size": (95, 63)},
    "odd.mp4": {"codec": "libx264", "size": (95, 63), "pixel_format": "yuv444p"},
    "ten.mp4": {"codec": "libx264", "pixel_format": "yuv420p10le"},
    "argb.mov": {"codec": "qtrle", "pixel_format": "argb"},
    "one.mp4": {"codec": "libx264", "times": [0]},
}


@needs_av
@pytest.mark.parametrize("name", FORMATS)
def test_every_frame_is_restored_in_its_place(files, name):
    source, target = files(name)
    try:
        make(source, **FORMATS[name])
    except (ValueError, av.FFmpegError) as error:
        pytest.skip(f"this FFmpeg cannot make it: {error}")
    calls, seen = [], []

    def restore(blurred):
        assert blurred.dtype == np.uint8 and blurred.flags.c_contiguous
        seen.append(blurred.astype(float))
        return inverted(blurred)

    report = restore_video(source, target, restore, lambda *n: calls.append(n))
    before, times, base = read(source)
    after, new_times, new_base = read(target)
    assert (new_times, new_base) == (times, base)
    assert report.frames == report.restored == len(times) == len(seen)
    assert report.broken == () and report.left_out == () and report.seconds > 0
    assert report.size == FORMATS[name].get("size", (96, 64))
    assert [done for done, _ in calls] == list(range(1, len(times) + 1))
    assert {total for _, total in calls} <= {len(times), None}
    for number, (one, other, given) in enumerate(zip(before, after, seen, strict=True)):
        assert np.abs(one - given).mean() < 2, number  # in order, and RGB
        assert np.abs(255 - one - other).mean() < 4, number
    with av.open(str(source)) as old, av.open(str(target)) as new:
        old_track, new_track = old.streams.video[0], new.streams.video[0]
        assert new_track.codec_context.name == old_track.codec_context.name
        assert new_track.pix_fmt == old_track.pix_fmt
        assert new_track.average_rate == old_track.average_rate
        assert new.metadata.get("title") == old.metadata.get("title")
    assert only(target.parent) == [name]


@needs_av
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_times_at_a_variable_rate_stay(files, name):
    source, target = files(name)
    times = [90, 93, 99, 100, 140, 141, 200, 201, 202, 300]
    make(source, times=times, base=Fraction(1, 1000), audio="aac")
    restore_video(source, target, same)
    pixels, old, base = read(source)
    restored, new, new_base = read(target)
    assert (new, new_base) == (old, base)
    assert [round(time * base * 1000) for time in new] == times
    for one, other in zip(pixels, restored, strict=True):
        assert np.abs(one - other).mean() < 2


@needs_av
@pytest.mark.parametrize(
    ("name", "audio", "subtitles"),
    [
        ("a.mp4", "aac", None),
        ("a.mkv", "aac", "subrip"),
        ("a.webm", "libopus", "webvtt"),
        ("a.ts", "aac", None),
    ],
)
def test_other_tracks_are_copied_byte_by_byte(files, name, audio, subtitles):
    source, target = files(name)
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    make(source, codec, audio=audio, subtitles=subtitles)
    report = restore_video(source, target, inverted)
    before = tracks(source)
    assert tracks(target) == before
    assert len(before) == 1 + (subtitles is not None)
    assert all(len(packets) > 2 for packets in before.values())
    assert report.left_out == ()


@needs_av
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_rotation_stays_and_restore_sees_the_picture_upright(files, name):
    source, target = files(name)
    make(source, matrix=QUARTER)
    seen = []

    def restore(blurred):
        seen.append(blurred)
        # Marks the top left corner as it is shown.
        marked = blurred.copy()
        marked[:16, :16] = 255
        return marked

    report = restore_video(source, target, restore)
    assert report.size == (64, 96)
    assert {blurred.shape for blurred in seen} == {(96, 64, 3)}
    with av.open(str(source)) as old, av.open(str(target)) as new:
        one, other = next(old.decode(video=0)), next(new.decode(video=0))
        assert one.rotation == other.rotation == -90  # clockwise
        assert (other.width, other.height) == (96, 64)
        stored = one.to_ndarray(format="rgb24")
        # PyAV counts counter-clockwise, as rot90 does.
        rotated = np.rot90(stored, one.rotation // 90).astype(float)
        assert np.abs(rotated - seen[0]).max() < 8
        # Clockwise, the bottom left goes to the top left.
        after = other.to_ndarray(format="rgb24")
        assert after[-14:, :14].min() > 230 and after[:48].max() < 200


ANAMORPHIC = {
    "av1.mkv": {"codec": "libsvtav1"},
    "vp8.webm": {"codec": "libvpx"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "ffv1.mkv": {"codec": "ffv1"},
    "ffv1.avi": {"codec": "ffv1"},
    "raw.avi": {"codec": "rawvideo"},
    "h264.mkv": {"codec": "libx264"},
    "huffyuv.avi": {"codec": "huffyuv", "pixel_format": "yuv422p"},
}


def shape(path):
    """The first video track's pixels, width over height, its title and its codec."""
    with av.open(str(path)) as opened:
        track = opened.streams.video[0]
        ratio = track.sample_aspect_ratio
        return ratio, track.metadata.get("title"), track.codec_context.name


@needs_av
@pytest.mark.parametrize("name", ANAMORPHIC)
@pytest.mark.parametrize("ratio", [Fraction(16, 11), Fraction(8, 9)])
def test_pixels_that_are_not_square_stay_so(files, name, ratio, monkeypatch):
    from deblurgan_tf.video import aspect

    monkeypatch.setenv("SVT_LOG", "1")
    source, target = files(name)
    title = f"of a tape{aspect.ROOM}" if name.endswith(("mkv", "webm")) else None
    audio = "libopus" if title else None  # a track beside the one whose entry changes
    make(source, times=range(3), track_title=title, audio=audio, **ANAMORPHIC[name])
    assert aspect.write_aspect(source, 0, (96, 64), ratio)
    before = shape(source)
    assert before[:2] == (ratio, title and "of a tape")
    report = restore_video(source, target, same)
    assert shape(target) == before and report.left_out == ()
    assert report.frames == 3 and report.broken == ()
    assert tracks(target) == tracks(source)


@needs_av
def test_a_shape_that_cannot_be_written_is_listed(files, monkeypatch):
    from deblurgan_tf.video import aspect

    source, target = files("a.avi")
    make(source, "ffv1", times=range(3))
    assert aspect.write_aspect(source, 0, (96, 64), Fraction(16, 11))
    monkeypatch.setattr(aspect, "write_aspect", lambda *_: False)
    report = restore_video(source, target, same)
    assert report.left_out == ("sample aspect ratio 16:11",)


KEPT = {  # source: what it is made with -> the pixel format that both have
    "rgb.mp4": ({"codec": "libx264rgb", "pixel_format": "rgb24"}, "gbrp"),
    "chroma.mp4": ({"codec": "libx264", "pixel_format": "yuv444p"}, "yuv444p"),
    "deep.mp4": ({"codec": "libx264", "pixel_format": "yuv444p10le"}, "yuv444p10le"),
    "huffyuv.avi": ({"codec": "huffyuv", "pixel_format": "rgb24"}, "bgr0"),
    "alpha.mkv": ({"codec": "ffv1", "pixel_format": "yuva444p"}, "yuva444p"),
    "alpha.mov": ({"codec": "png", "pixel_format": "rgba"}, "rgba"),
}


@needs_av
@pytest.mark.parametrize("name", KEPT)
def test_chroma_and_alpha_stay(files, name):
    source, target = files(name)
    made, pixel_format = KEPT[name]
    make(source, times=range(2), **made)
    report = restore_video(source, target, inverted)
    assert report.left_out == ()
    (before, *_), _, _ = read(source)
    (after, *_), _, _ = read(target)
    for path in (source, target):
        with av.open(str(path)) as opened:
            assert next(opened.decode(video=0)).format.name == pixel_format
    assert np.abs(255 - before - after).mean() < 4


def alpha_of(path):
    with av.open(str(path)) as opened:
        return next(opened.decode(video=0)).to_ndarray(format="rgba")[..., 3]


@needs_av
def test_prores_4444_keeps_alpha_and_chroma(files):
    source, target = files("a.mov")
    make(source, "prores_ks", times=range(2), pixel_format="yuva444p10le", alpha=True)
    report = restore_video(source, target, inverted)
    assert report.left_out == ()
    assert np.ptp(alpha_of(source)) > 200
    difference = alpha_of(target).astype(int) - alpha_of(source)
    assert np.abs(difference).max() <= 2
    with av.open(str(source)) as old, av.open(str(target)) as new:
        one, other = next(old.decode(video=0)), next(new.decode(video=0))
        assert one.format.name == other.format.name
        assert one.format.name.startswith("yuva444p")


@needs_av
def test_colours_that_nobody_sees_do_not_reach_those_that_are_seen(files):
    seen = []
    for number, hidden in enumerate((0, 255)):
        source, target = files(f"{number}.mov")
        with av.open(str(source), "w") as output:
            stream = output.add_stream("qtrle", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "argb"
            pixels = np.full((48, 64, 4), hidden, np.uint8)
            pixels[..., 3] = 0
            pixels[:, :32] = (90, 120, 150, 255)
            frame = av.VideoFrame.from_ndarray(pixels, "rgba").reformat(format="argb")
            output.mux(stream.encode(frame) + stream.encode(None))
        restore_video(source, target, lambda blurred: seen.append(blurred) or blurred)
        assert alpha_of(target)[0, 0] == 255 and alpha_of(target)[0, -1] == 0
    np.testing.assert_array_equal(*seen)


@needs_av
@pytest.mark.parametrize(
    ("name", "made", "left_out"),
    [
        (
            "a.mov",
            {"codec": "jpeg2000", "pixel_format": "yuva444p"},
            ("alpha channel",),  # it becomes H.264
        ),
        (
            "a.mpg",
            {"codec": "mpeg2video", "flags": "+ilme+ildct", "top": "1"},
            ("interlacing",),
        ),
        (
            "a.mp4",
            {
                "codec": "libx265",
                "x265-params": "log-level=none:max-cll=1000,400:hdr10=1",
            },
            ("HDR metadata",),
        ),
    ],
)
def test_what_is_not_kept_is_listed(files, name, made, left_out):
    source, target = files(name)
    make(source, times=range(4), **made)
    assert restore_video(source, target, same).left_out == left_out


@needs_av
def test_frames_with_data_that_pyav_does_not_know(files):
    source, target = files("a.mov")
    make(source, "tiff", times=range(2), pixel_format="rgb24", matrix=QUARTER)
    report = restore_video(source, target, same)
    assert report.size == (64, 96) and report.codec == "libx264"
    with av.open(str(target)) as opened:
        assert next(opened.decode(video=0)).rotation == -90


@needs_av
@pytest.mark.parametrize(
    ("name", "codec", "numbers", "broken"),
    [
        ("a.mp4", "libx264", [5], [5]),
        ("a.mp4", "libx264", [0], [0]),
        ("a.mp4", "libx264", [14, 15], [14, 15]),
        ("a.mkv", "libx264", [5, 6, 9], [5, 6, 9]),
        ("a.avi", "mjpeg", [0, 7], [0, 7]),
        ("a.mp4", "libx265", [4], [4]),
        ("a.avi", "mpeg4", [6], [6]),
    ],
)
def test_frames_that_cannot_be_decoded_keep_their_place(
    files, name, codec, numbers, broken
):
    source, target = files(name)
    options = {"x265-params": "log-level=none:bframes=0"} if codec == "libx265" else {}
    if codec == "mjpeg":
        options["pixel_format"] = "yuvj420p"
    # Two pictures that can be decoded by themselves; without reordering, a packet's
    # number is its frame's.
    make(source, codec, g="4", bf="0", **options)
    _, times, base = read(source)
    damage(source, numbers)
    seen = []

    def restore(blurred):
        seen.append(blurred)
        return inverted(blurred)

    report = restore_video(source, target, restore)
    after, new_times, new_base = read(target)
    assert (new_times, new_base) == (times, base)
    assert report.frames == len(times)
    assert set(broken) <= {round(25 * time) for time in report.broken}
    assert report.restored == report.frames - len(report.broken)
    for number in broken:
        if codec != "mpeg4" and number > 0:  # its decoder gives a damaged frame
            assert np.abs(after[number] - after[number - 1]).mean() < 3


@needs_av
def test_a_damaged_frame_is_repeated_from_the_one_before(files):
    source, target = files("a.avi")
    make(source, "mjpeg", pixel_format="yuvj420p")
    before, _, _ = read(source)
    damage(source, [0, 7, 8])
    report = restore_video(source, target, inverted)
    assert report.broken == (0.0, 7 / 25, 8 / 25)
    assert (report.frames, report.restored) == (16, 13)
    after, _, _ = read(target)
    wanted = [1, 1, 2, 3, 4, 5, 6, 6, 6, *range(9, 16)]
    for pixels, number in zip(after, wanted, strict=True):
        assert np.abs(255 - before[number] - pixels).mean() < 3


@needs_av
def test_a_file_that_is_no_whole_video_is_refused_by_name(files, tmp_path):
    front = {"movflags": "faststart"}
    whole = make(tmp_path / "whole.mp4", audio="aac", container_options=front)
    back = make(tmp_path / "back.mp4")
    matroska = make(tmp_path / "whole.mkv", times=range(50))
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as output:
        output.mux(sine(output.add_stream("aac", rate=48000)))
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    playlist = f"#EXTM3U\n#EXTINF:1,\n{whole}\n#EXT-X-ENDLIST\n".encode()
    cases = {
        "empty.mp4": b"",
        "text.mp4": b"not a video" * 100,
        "photo.mp4": (tmp_path / "photo.png").read_bytes(),
        "playlist.mp4": playlist,
        "sound.mp4": sound.read_bytes(),
        "no_index.mp4": back.read_bytes()[:-900],
        "cut.mp4": whole.read_bytes()[:-3000],
        "cut.mkv": matroska.read_bytes()[: matroska.stat().st_size * 2 // 3],
        "zeros.mkv": bytes(5000),
    }
    for name, content in cases.items():
        source, target = files(name)
        source.write_bytes(content)
        with pytest.raises(VideoError, match=name.replace(".", r"\.")):
            restore_video(source, target, same)
        assert only(target.parent) == [], name
    source, target = files("missing.mp4")
    with pytest.raises(VideoError, match="missing"):
        restore_video(source, target, same)


@needs_av
def test_nothing_is_left_when_restore_fails_and_the_old_target_stays(files):
    source, target = files("a.mp4")
    make(source, audio="aac")
    target.write_bytes(b"the old one")
    for number, fault in enumerate(
        [lambda blurred: 1 / 0, lambda blurred: blurred[1:], lambda b: b.astype(float)]
    ):
        expected = ZeroDivisionError if number == 0 else ValueError
        with pytest.raises(expected):
            restore_video(source, target, fault)
        assert only(target.parent) == ["a.mp4"]
        assert target.read_bytes() == b"the old one"
    with pytest.raises(VideoError, match="keeps its ending"):
        restore_video(source, target.with_suffix(".mkv"), same)
    with pytest.raises((VideoError, OSError)):
        restore_video(source, target.parent / "none" / "a.mp4", same)


@needs_av
def test_names_are_no_protocols_or_patterns(tmp_path):
    for name in ("a:b %d'.mp4", "biển số 51G.mp4"):
        source = tmp_path / name
        shutil.copy(make(tmp_path / "plain.mp4"), source)
        (tmp_path / "out").mkdir(exist_ok=True)
        target = tmp_path / "out" / name
        assert restore_video(source, target, same).frames == 16
        assert only(target.parent) == [name]
        target.unlink()


@needs_av
def test_memory_does_not_grow_with_the_video(files):
    source, target = files("a.mp4")
    make(source, "mpeg4", times=range(120))
    alive = []

    def frames():
        gc.collect()
        # Not isinstance: it asks lazy modules for their class, which warn.
        return [each for each in gc.get_objects() if type(each) is av.VideoFrame]

    others = frames()  # that a test before this one left behind
    known = {id(frame) for frame in others}

    def restore(blurred):
        if len(alive) % 30 == 29:
            alive.append(sum(id(frame) not in known for frame in frames()))
        else:
            alive.append(0)
        return blurred

    restore_video(source, target, restore)
    assert 1 <= max(alive) <= 8


def test_without_pyav_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "av" or name.startswith("av."):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(VideoError, match=re.escape(install_command("video"))):
        restore_video(tmp_path / "a.mp4", tmp_path / "b.mp4", same)
