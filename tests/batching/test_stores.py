"""Files that `batch` writes into a folder."""

from __future__ import annotations

from helpers.disk import recorded_calls

from deblurgan_tf.batching.stores import open_place


def test_a_file_and_the_names_of_new_folders_are_on_the_disk_once_written(tmp_path):
    output = open_place(str(tmp_path / "out"))
    with recorded_calls() as calls:
        output.write("street/night/a.png", b"1")
    target = tmp_path / "out" / "street" / "night" / "a.png"
    renamed = calls.index(("replace", str(target)))
    assert calls[renamed - 1][0] == "fsync"
    assert calls[renamed + 1 :] == [("fsync", str(target.parent))]
    for folder in (tmp_path, tmp_path / "out", tmp_path / "out" / "street"):
        assert ("fsync", str(folder)) in calls[:renamed]
