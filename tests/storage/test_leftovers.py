"""What killed processes left is told by its name and removed; nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.leftover import aged, leftover_name

from deblurgan_tf.storage import leftovers
from deblurgan_tf.storage.atomic import write_bytes

OTHER = "0123abcd"
"""Another machine's mark."""


def test_a_command_that_comes_again_removes_what_a_killed_one_left(tmp_path):
    (tmp_path / leftover_name(tmp_path / "a.png")).write_bytes(b"half")
    folder = tmp_path / leftover_name(tmp_path / "model")
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "half").write_bytes(b"")
    write_bytes(tmp_path / "a.png", b"whole")
    assert os.listdir(tmp_path) == ["a.png"]


def test_nothing_but_leftovers_is_ever_removed(tmp_path):
    left = Path(leftover_name(Path("a.png"))).name
    named = [
        ".deblurgan-notes", ".deblurgan.jsonl", ".deblurgan-12-ab.png", "a.png",
        f"x{left}", left.replace("deblurgan", "other"), ".deblurgan-0-" + "a" * 16,
        leftover_name(Path("b.png"), process=os.getpid()),  # written by a thread
        leftover_name(Path("c.png"), process=os.getppid()),  # by another process
        leftover_name(Path("d.png"), machine=OTHER),  # by another machine, now
    ]  # fmt: skip
    for name in named:
        (tmp_path / name).write_bytes(b"kept")
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / leftover_name(Path("link"))).symlink_to(tmp_path / "kept")
    before = sorted(os.listdir(tmp_path))
    leftovers.remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == before
    leftovers.remove_leftovers(tmp_path / "none")


def test_the_number_alone_does_not_tell_that_a_process_lives(tmp_path):
    # In a container each process may have the same number.
    own = tmp_path / leftover_name(tmp_path / "a", process=os.getpid())
    far = tmp_path / leftover_name(tmp_path / "a", machine=OTHER)
    for file in (own, far):
        file.write_bytes(b"")
        aged(file, 2 * leftovers.A_DAY)
    leftovers.remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("hidden", [True, False])
def test_a_temporary_folder_goes_and_a_killed_one_s_is_removed(tmp_path, hidden):
    with leftovers.temporary_folder(tmp_path, hidden) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.name.startswith(".") == hidden
        assert leftovers.is_temporary(folder.name)
    left = folder.with_name(
        folder.name.replace(str(os.getpid()), leftover_name(Path("a")).split("-")[1])
    )
    left.mkdir()
    with leftovers.temporary_folder(tmp_path, hidden) as folder:
        assert os.listdir(tmp_path) == [folder.name]
