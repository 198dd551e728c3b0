"""Names of files in reports, and names that are made of others."""

from __future__ import annotations

import json
import os

from deblurgan_tf.storage.json_files import write_json
from deblurgan_tf.storage.names import LONGEST, printable, with_ending

ODD = os.fsdecode(b"M\xfcller.png")


def test_bytes_that_are_no_utf8_are_spelled():
    assert printable(ODD) == "M\\xfcller.png"
    assert printable("Müller 日本.png") == "Müller 日本.png"
    assert printable("\ud800") == "?"


def test_a_report_with_any_name_is_json_in_utf8(tmp_path):
    file = tmp_path / "report.json"
    write_json(file, {"inputs": [{"input": ODD, "size": (3, 4)}], ODD: "ü"})
    text = file.read_bytes().decode("utf-8")
    assert json.loads(text) == {
        "inputs": [{"input": "M\\xfcller.png", "size": [3, 4]}],
        "M\\xfcller.png": "ü",
    }
    assert "\\ud" not in text and "ü" in text


def test_a_name_with_an_ending_is_never_too_long():
    assert with_ending("a.png", "-1-before.png") == "a.png-1-before.png"
    long = [with_ending("ü" * 126 + letter, "-1-before.png") for letter in "ab"]
    assert long[0] != long[1]
    for name in long:
        assert len(name.encode()) <= LONGEST and name.endswith("-1-before.png")
