"""Files that travel with the code are found, and missing ones are named."""

import pytest

from deblurgan_tf.storage.resources import resource


def test_a_font_of_the_project_is_found():
    path = resource("assets", "fonts", "RG2014C.ttf")
    assert path.is_file()
    assert path.read_bytes()[:4] == b"\x00\x01\x00\x00"  # a TrueType file


def test_a_folder_is_found():
    assert (resource("assets", "fonts") / "README.md").is_file()


def test_every_font_has_its_licence_beside_it_and_a_row_in_the_table():
    folder = resource("assets", "fonts")
    table = (folder / "README.md").read_text(encoding="utf-8")
    fonts = [*folder.glob("*.ttf"), *folder.glob("*.otf")]
    assert len(fonts) >= 4
    for font in fonts:
        row = next(line for line in table.splitlines() if f"`{font.name}`" in line)
        licences = [name for name in row.split("`") if name.endswith("LICENSE.txt")]
        assert licences, row
        assert "permission" in (folder / licences[0]).read_text().lower()


def test_a_missing_file_is_named_with_the_places_looked_at():
    with pytest.raises(FileNotFoundError, match="assets/fonts/NoSuch.ttf is missing"):
        resource("assets", "fonts", "NoSuch.ttf")
