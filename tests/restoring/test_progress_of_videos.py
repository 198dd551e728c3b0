"""The bar counts the frames of a video."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.pictures import photo, save

from deblurgan_tf.restoring import files
from deblurgan_tf.restoring.inputs import Job
from deblurgan_tf.restoring.pictures import Restoration
from deblurgan_tf.restoring.report import summary_lines
from deblurgan_tf.restoring.requests import checked_request

av = pytest.importorskip("av", reason="needs the extra video (PyAV)")


class Inverting:
    kernel = None

    def restore(self, pixels, on_part=None):
        return 255 - pixels

    def plan(self, height, width):
        return self

    def as_dict(self):
        return {}


class Bar:
    """Stands for the bar; `shown` is what it showed, each once."""

    def __init__(self):
        self.shown, self.done = [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def add_task(self, description, total):
        self.shown.append(description)
        self.total = total

    def update(self, task, completed, description):
        self.done.append(completed)
        if description != self.shown[-1]:
            self.shown.append(description)


def write_frames(path, codec, rate):
    """Three frames of 64x48 pixels."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate)
        stream.width, stream.height = 64, 48
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(photo(48, 64, number))
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def test_the_bar_counts_frames(tmp_path, monkeypatch):
    drive = tmp_path / "drive.mp4"
    write_frames(drive, "libx264", rate=5)
    picture = save(tmp_path / "x.png", photo(20, 20, 0))
    bar = Bar()
    monkeypatch.setattr(files, "counting_bar", lambda what: bar)
    monkeypatch.setattr(files, "load_restorer", lambda *_: Inverting())
    inputs = [str(drive), str(picture)]
    request = checked_request(
        inputs,
        tmp_path / "out",
        model="photos",
        options={},
        plates=False,
        boxes=(),
        read=False,
        overwrite=False,
        report=None,
    )
    outcomes = list(files.restore_files(request))
    assert [outcome.status for outcome in outcomes] == ["restored"] * 2
    frames = [f"frame {number}/3" for number in (1, 2, 3)]
    assert bar.shown == ["restoring", *frames, "restoring"]
    assert bar.total == bar.done[-1] == 2 and bar.done == sorted(bar.done)
    assert 1 + 1 / 3 in bar.done and np.isclose(bar.done, 1 + 2 / 3).any()


def test_frames_are_counted_where_the_file_does_not_say_how_many(tmp_path):
    words = []
    source = tmp_path / "a.ts"
    write_frames(source, "mpeg2video", rate=25)
    work = Restoration(Inverting(), tmp_path)
    outcome = work.video(Job(source, tmp_path / "b.ts"), lambda *of: words.append(of))
    assert outcome.status == "restored" and outcome.notices == ()
    assert words == [(0.0, "frame 1"), (0.0, "frame 2"), (0.0, "frame 3")]


def test_what_a_video_loses_is_told(tmp_path):
    source = tmp_path / "a.mov"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("jpeg2000", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva444p"
        pixels = np.full((48, 64, 4), 200, np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, "rgba").reformat(format="yuva444p")
        output.mux(stream.encode(frame) + stream.encode(None))
    work = Restoration(Inverting(), tmp_path)
    outcome = work.video(Job(source, tmp_path / "b.mov"), lambda *_: None)
    assert outcome.as_dict()["left_out"] == ["alpha channel"]
    (line, _) = summary_lines([outcome], tmp_path)
    assert line == f"{source}: without its alpha channel"
