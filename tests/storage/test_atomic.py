"""The atomic writer: the order of its system calls, modes, what a failure leaves."""

import os
import re

import pytest
from helpers.disk import recorded_calls

from deblurgan_tf.storage import atomic


@pytest.fixture
def calls():
    with recorded_calls() as made:
        yield made


def test_the_file_is_synced_before_the_rename_and_its_folder_after_it(tmp_path, calls):
    path = tmp_path / "a.png"
    atomic.write_bytes(path, b"new")
    (first, temporary), (second, target), (third, folder) = calls
    assert (first, second, third) == ("fsync", "replace", "fsync")
    name = rf"\.deblurgan-{os.getpid()}-[0-9a-f]{{16}}\.png"
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


def test_what_is_added_is_synced_and_so_is_the_name_of_a_new_file(tmp_path, calls):
    path = tmp_path / "log.jsonl"
    atomic.append(path, b"1\n")
    assert calls == [("fsync", str(path)), ("fsync", str(tmp_path))]
    calls.clear()
    atomic.append(path, b"2\n")
    assert calls == [("fsync", str(path))]
    assert path.read_bytes() == b"1\n2\n"


def test_the_names_of_all_new_folders_are_synced(tmp_path, calls):
    atomic.make_folder(tmp_path / "a" / "b" / "c")
    assert sorted(calls) == [
        ("fsync", str(tmp_path)),
        ("fsync", str(tmp_path / "a")),
        ("fsync", str(tmp_path / "a" / "b")),
    ]
    calls.clear()
    atomic.make_folder(tmp_path / "a" / "b" / "c")
    assert calls == []
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        atomic.make_folder(tmp_path / "file")


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
