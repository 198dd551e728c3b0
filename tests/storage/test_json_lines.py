"""Logs of one JSON object per line."""

from deblurgan_tf.storage.json_lines import bad_lines, read_lines


def test_complete_lines_are_read_and_half_a_line_at_the_end_is_not(tmp_path):
    path = tmp_path / "log.jsonl"
    assert read_lines(path) == []
    path.write_text("")
    assert read_lines(path) == []
    path.write_text('{"step": 1, "name": "ảnh"}\n{"step": 2}\n{"st', encoding="utf-8")
    assert read_lines(path) == [{"step": 1, "name": "ảnh"}, {"step": 2}]


def test_bad_lines_are_numbered_and_the_lines_after_them_are_read(tmp_path):
    path = tmp_path / "log.jsonl"
    assert bad_lines(path) == []
    deep = b"[" * 100_000
    path.write_bytes(b'{"a": 1}\n\xff\n\n[1]\n' + deep + b'\n{"b": 2}\r\n{"a": 3}')
    assert read_lines(path) == [{"a": 1}, {"b": 2}, {"a": 3}]
    assert bad_lines(path) == [2, 4, 5]
    assert read_lines(path, lambda line: "a" in line) == [{"a": 1}, {"a": 3}]
    assert bad_lines(path, lambda line: "a" in line) == [2, 4, 5, 6]
