"""Logs of one JSON object per line."""

from deblurgan_tf.storage.json_lines import read_lines


def test_complete_lines_are_read_and_half_a_line_at_the_end_is_not(tmp_path):
    path = tmp_path / "log.jsonl"
    assert read_lines(path) == []
    path.write_text("")
    assert read_lines(path) == []
    path.write_text('{"step": 1, "name": "ảnh"}\n{"step": 2}\n{"st', encoding="utf-8")
    assert read_lines(path) == [{"step": 1, "name": "ảnh"}, {"step": 2}]
