"""Small CSV tables: read with their line numbers, written so that they can be read."""

import pytest

from deblurgan_tf.errors import DataError
from deblurgan_tf.storage.csv_tables import read_rows, write_rows


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "texts.csv"
    write_rows(path, ("file", "text"), [("a.png", 'AB "1", 2'), ("b\ud800.png", None)])
    rows = read_rows(path, ("file",))
    assert rows == [
        (2, {"file": "a.png", "text": 'AB "1", 2'}),
        (3, {"file": "b?.png", "text": ""}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column file; its first line must name the columns file"),
        (b"name\na.png\n", "has no column file"),
        (b'file,text\na.png,"AB\n', "cannot be read"),
        (b"file\n\xff.png\n", "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "texts.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_rows(path, ("file",))
    assert str(path) in str(error.value)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_rows(tmp_path / "none.csv", ("file",))
