"""A report that cannot be written is known before the work."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from helpers.unprivileged import unprivileged

from deblurgan_tf.errors import UsageError
from deblurgan_tf.storage.atomic import write_text
from deblurgan_tf.storage.output_file import check_output_file
from deblurgan_tf.storage.regular import NoRegularFile


def refused(file, what):
    with pytest.raises(UsageError, match=what) as caught:
        check_output_file("--report", file)
    assert str(caught.value).startswith(f"--report {file}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_can_be_written_leaves_no_trace(tmp_path):
    check_output_file("--report", tmp_path / "new.json")
    assert os.listdir(tmp_path) == []
    (tmp_path / "old.json").write_text("kept")
    check_output_file("--report", tmp_path / "old.json")
    assert (tmp_path / "old.json").read_text() == "kept"
    assert os.listdir(tmp_path) == ["old.json"]


def test_names_that_cannot_be_files_are_refused(tmp_path):
    refused(tmp_path / "none" / "r.json", "its folder does not exist")
    refused(tmp_path, "is a folder")
    refused(tmp_path / ("n" * 300), "File name too long")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    check_output_file("--report", loop)  # a link is replaced


def test_a_disk_that_is_full_or_closed_is_known_before(tmp_path, monkeypatch):
    with unprivileged() as root:
        (root / "closed").mkdir()
        (root / "closed").chmod(0o500)
        refused(root / "closed" / "r.json", "cannot be written .Permission denied")

    def full(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    refused(tmp_path / "r.json", "cannot be written .No space left")


def test_nothing_that_is_written_replaces_a_pipe_or_device(tmp_path):
    pipe, link = tmp_path / "pipe.json", tmp_path / "link.json"
    os.mkfifo(pipe)
    link.symlink_to("/dev/null")
    for file in (pipe, link, Path("/dev/null")):
        refused(file, "pipe, socket or device")
        with pytest.raises(NoRegularFile):
            write_text(file, "x")
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert Path("/dev/null").is_char_device()
