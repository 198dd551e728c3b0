"""The atomic writer: the order of its system calls, modes, what a failure leaves."""

import os
import re

import pytest

from deblurgan_tf.storage import atomic


@pytest.fixture
def calls(monkeypatch):
    """Records fsync and replace, with the paths they concern."""
    made = []
    fsync, replace = os.fsync, os.replace

    def recorded_fsync(handle):
        made.append(("fsync", os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def recorded_replace(source, target):
        made.append(("replace", str(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    return made


def test_the_file_is_synced_before_the_rename_and_its_folder_after_it(tmp_path, calls):
    path = tmp_path / "a.png"
    atomic.write_bytes(path, b"new")
    (first, temporary), (second, target), (third, folder) = calls
    assert (first, second, third) == ("fsync", "replace", "fsync")
    name = rf"\.deblurgan-{os.getpid()}-[0-9a-f]{{8}}\.png"
    assert re.fullmatch(f"{re.escape(str(tmp_path))}/{name}", temporary)
    assert (target, folder) == (str(path), str(tmp_path))
    assert path.read_bytes() == b"new"


def test_all_of_a_folder_is_synced_before_it_is_renamed(tmp_path, calls):
    def write(folder):
        (folder / "inner").mkdir(parents=True)
        (folder / "inner" / "file").write_bytes(b"1")
        (folder / "other").write_bytes(b"2")

    atomic.write_atomically(tmp_path / "model", write)
    renamed = [kind for kind, _ in calls].index("replace")
    synced = {path.rsplit("/", 1)[1] for _, path in calls[:renamed]}
    assert {"file", "other", "inner"} < synced and len(synced) == 4
    assert calls[renamed:] == [
        ("replace", str(tmp_path / "model")),
        ("fsync", str(tmp_path)),
    ]
    assert (tmp_path / "model" / "inner" / "file").read_bytes() == b"1"


@pytest.mark.parametrize("folder", [False, True])
def test_a_failure_leaves_what_was_there(tmp_path, folder):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write(temporary):
        if folder:
            temporary.mkdir()
            (temporary / "half").write_text("new")
        else:
            temporary.write_text("new")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        atomic.write_atomically(path, write)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_that_is_replaced_keeps_its_mode_and_a_new_one_follows_umask(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    atomic.write_text(path, "new")
    assert path.stat().st_mode & 0o777 == 0o640
    before = os.umask(0o027)
    try:
        atomic.write_text(tmp_path / "b.txt", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "b.txt").stat().st_mode & 0o777 == 0o640


def test_a_name_of_the_longest_length_can_be_written(tmp_path):
    path = tmp_path / ("n" * 251 + ".png")
    atomic.write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


def test_names_with_bytes_that_are_no_utf8_come_back_as_they_were(tmp_path):
    atomic.write_text(tmp_path / "a.txt", os.fsdecode(b"M\xfcller.png"))
    assert (tmp_path / "a.txt").read_bytes() == b"M\xfcller.png"


def test_a_temporary_name_is_legal_where_the_name_is(tmp_path):
    for name in ("n" * 251 + ".mp4", "r." + "n" * 253):
        atomic.write_bytes(tmp_path / name, b"1")
        assert (tmp_path / name).read_bytes() == b"1"
