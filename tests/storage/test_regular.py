"""Pipes, sockets and devices are told from files, and nothing waits at them."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from deblurgan_tf import images
from deblurgan_tf.errors import DataError, ModelError, PictureError, VideoError
from deblurgan_tf.models import files as model_files
from deblurgan_tf.storage.csv_tables import read_rows
from deblurgan_tf.storage.regular import NoRegularFile, is_special, open_regular


def at_once(function, seconds=5):
    """What a call returns or raises; it must not wait for ever."""
    answers = []

    def call():
        try:
            answers.append(function())
        except BaseException as error:
            answers.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    assert answers, "it waits"
    return answers[0]


def test_a_regular_file_is_read_as_by_open(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"12")
    with open_regular(file) as opened:
        assert opened.read() == b"12"
    assert not is_special(file) and not is_special(tmp_path)
    assert not is_special(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


def test_pipes_sockets_and_devices_are_told_at_once(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # a socket's address is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for path in (tmp_path / "pipe", tmp_path / "socket", "/dev/null"):
            error = at_once(lambda path=path: open_regular(path))
            assert isinstance(error, NoRegularFile) and error.filename == str(path)
            assert is_special(path)


def test_what_reads_files_names_a_pipe_and_does_not_wait(tmp_path):
    reading = pytest.importorskip("deblurgan_tf.video.reading", reason="extra `video`")
    os.mkfifo(tmp_path / "cam.png")
    pipe = tmp_path / "cam.png"
    for function, kind in (
        (lambda: images.read(pipe), PictureError),
        (lambda: images.size(pipe), PictureError),
        (lambda: reading.OpenVideo(pipe), VideoError),
        (lambda: read_rows(pipe, ["file"]), DataError),
        (lambda: model_files.find(pipe), ModelError),
    ):
        error = at_once(function)
        assert isinstance(error, kind), error
        assert "cam.png" in str(error) and "no regular file but a pipe" in str(error)
