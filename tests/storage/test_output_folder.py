"""The folder of the results is made, or refused in one sentence."""

import os

import pytest

from deblurgan_tf.errors import UsageError
from deblurgan_tf.storage.output_folder import make_output_folder


def test_the_folder_and_those_above_it_are_made_and_may_be_there(tmp_path):
    output = tmp_path / "a" / "b"
    for _ in range(2):
        make_output_folder(output)
        assert output.is_dir()


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/out: cannot be made \(Not a dir"):
        make_output_folder(tmp_path / "file" / "out")


def test_a_folder_without_the_right_to_write_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(UsageError, match="cannot be written to; check its rights"):
        make_output_folder(tmp_path)
