"""What cannot be read is left out by name before a training; names and contents."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from helpers.pictures import paired, photo, photos, save
from helpers.trainings import take, tiny

from deblurgan_tf import images
from deblurgan_tf.data import open_source
from deblurgan_tf.errors import DataError
from deblurgan_tf.training.run_folder import checked_pictures

PHOTO = photo(40, 44, 0)


def opened(**data):
    """The source of a config; crops of 16x16 and no validation unless given."""
    return open_source(tiny(data={"crop": [16, 16], "validation": 0} | data))


def test_all_broken_pictures_are_left_out_by_name_each_with_its_reason(tmp_path):
    photos(tmp_path, 3)
    (tmp_path / "01.png").write_bytes(b"not a picture")
    (tmp_path / "zero.jpg").write_bytes(b"")
    cut(save(tmp_path / "short.png", photo(60, 60, 0)))
    with pytest.warns(UserWarning, match="3 of 5 pictures cannot be read") as caught:
        source = opened(source="folder", path=str(tmp_path))
    (warning,) = caught
    told = str(warning.message).splitlines()[1:]
    for line, (name, reason) in zip(
        told,
        {
            "01.png": "not a picture",
            "short.png": "damaged or cut short",
            "zero.jpg": "empty",
        }.items(),
        strict=True,
    ):
        assert line.startswith(f"{tmp_path / name}: ") and reason in line
    assert [item.name for item in source.training] == ["00.png", "02.png"]
    assert len(take(source, 4)) == 4


def cut(path, size=2000):
    """Leaves the first bytes of a picture file: its header is whole."""
    path.write_bytes(path.read_bytes()[:size])
    return path


def test_of_a_pair_both_are_left_out_where_one_is_damaged(tmp_path):
    paired(tmp_path, 4, size=(60, 64))
    cut(tmp_path / "sharp" / "01.png")
    cut(tmp_path / "blurred" / "02.png")
    with pytest.warns(UserWarning, match="2 of 8 .*with their mates") as caught:
        source = opened(source="pairs", path=str(tmp_path))
    assert "sharp/01.png: damaged" in str(caught[0].message)
    assert "blurred/02.png: damaged" in str(caught[0].message)
    assert [item.name for item in source.training] == ["00.png", "03.png"]


def test_halves_that_are_damaged_are_left_out_by_name(tmp_path):
    for number in range(2):
        save(tmp_path / f"{number}.png", photo(60, 80, number))
    cut(tmp_path / "0.png")
    with pytest.warns(UserWarning, match=r"0\.png: damaged"):
        source = opened(source="pairs", path=str(tmp_path), layout="side_by_side")
    assert [item.name for item in source.training] == ["1.png"]


def test_validation_pictures_are_chosen_of_those_that_can_be_read(tmp_path):
    photos(tmp_path, 9, size=(60, 64))
    held = opened(source="folder", path=str(tmp_path), validation=3).validation
    cut(tmp_path / held[0].name)
    with pytest.warns(UserWarning, match=held[0].name):
        source = opened(source="folder", path=str(tmp_path), validation=3)
    names = source.names()
    assert len(source.validation) == 3 and len(source.training) == 5
    # The picture that was left out is no part of the run: without it, it is the same.
    (tmp_path / held[0].name).unlink()
    assert opened(source="folder", path=str(tmp_path), validation=3).names() == names


@pytest.mark.parametrize("source", ["folder", "pairs"])
def test_where_all_are_damaged_they_are_listed(tmp_path, source):
    paired(tmp_path, 2, size=(60, 64))
    for path in tmp_path.rglob("*.png"):
        cut(path)
    with pytest.raises(DataError, match="4 of 4 pictures cannot be read") as caught:
        opened(source=source, path=str(tmp_path))
    assert str(caught.value).count("damaged or cut short") == 4


def test_pairs_that_each_lack_one_are_an_error(tmp_path):
    paired(tmp_path, 2, size=(60, 64))
    cut(tmp_path / "sharp" / "00.png")
    cut(tmp_path / "blurred" / "01.png")
    with (
        pytest.warns(UserWarning, match="2 of 4"),
        pytest.raises(DataError, match="no pair has two"),
    ):
        opened(source="pairs", path=str(tmp_path))


def reads(monkeypatch):
    """The names of the files whose pixels are decoded from now on."""
    seen = []
    read = images.read

    def noted(path):
        seen.append(Path(path).name)
        return read(path)

    monkeypatch.setattr(images, "read", noted)
    return seen


def test_what_is_known_of_a_file_is_kept_by_its_size_and_time(tmp_path, monkeypatch):
    folder = tmp_path / "photos"
    photos(folder, 5, size=(60, 64))
    cut(folder / "03.png")
    config = tiny(data={"source": "folder", "path": str(folder), "validation": 1})
    seen = reads(monkeypatch)

    def names():
        seen.clear()
        with (
            pytest.warns(UserWarning, match="cannot be read"),
            checked_pictures(tmp_path, keep=True) as checked,
        ):
            return open_source(config, checked).names()

    first = names()
    assert sorted(seen) == [f"{number:02d}.png" for number in range(5)]
    # Once more: only the one that is left out is tried again.
    assert names() == first and seen == ["03.png"]
    # Another picture of the same size in bytes, and one that is cut since.
    (folder / "01.png").write_bytes((folder / "01.png").read_bytes())
    assert names() == first and sorted(seen) == ["01.png", "03.png"]
    cut(folder / "04.png")
    assert names() != first
    # A damaged line costs one look, not the lines behind it.
    file = tmp_path / "checked.jsonl"
    first, rest = file.read_bytes().split(b"\n", 1)
    file.write_bytes(first.replace(b'"height": ', b'"height": "') + b"\n" + rest)
    names()
    assert sorted(seen) == ["00.png", "03.png", "04.png"]
    # A damaged memory is none.
    (tmp_path / "checked.jsonl").write_text('{"file": 7}\n["?"]\n')
    names()
    assert len(seen) == 5


def test_what_was_checked_is_kept_where_the_rest_fails(tmp_path, monkeypatch):
    photos(tmp_path / "photos", 2)
    config = tiny(data={"source": "folder", "path": str(tmp_path / "photos")})
    with (
        pytest.raises(DataError, match="none is left"),
        checked_pictures(tmp_path, keep=True) as checked,
    ):
        open_source(config, checked)
    seen = reads(monkeypatch)
    with pytest.raises(DataError), checked_pictures(tmp_path, keep=False) as checked:
        open_source(config, checked)
    assert seen == []


# Names: other endings, other formats than they say, accents in two spellings.


def test_what_may_be_a_picture_and_is_not_read_is_named(tmp_path):
    photos(tmp_path, 2)
    save(tmp_path / "a.png", photo(40, 44, 7)).rename(tmp_path / "a.jfif")
    for name in ("b.svg", "c.SVG", "more/no_ending", "texts.csv", ".hidden.svg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("?")
    with pytest.warns(UserWarning, match=r"2 \.svg, 1 no ending") as caught:
        source = opened(source="folder", path=str(tmp_path))
    (warning,) = caught
    assert "b.svg" in str(warning.message) and "texts" not in str(warning.message)
    assert source.size == 3  # a JFIF by its name
    opened(source="folder", path=str(tmp_path), include="*.png")  # nothing to say


def test_pictures_are_read_by_their_content_and_told_once(tmp_path, capsys):
    photos(tmp_path, 3)
    for number in (0, 2):
        (tmp_path / f"0{number}.png").rename(tmp_path / f"0{number}.jpg")
    source = opened(source="folder", path=str(tmp_path))
    (told,) = [x for x in capsys.readouterr().err.splitlines() if "content" in x]
    assert told.startswith("2 of 3 pictures") and "00.jpg is a PNG" in told
    assert source.size == 3 and len(take(source, 3)) == 3


def test_what_is_missing_in_files_that_are_used_is_told_once(tmp_path, capsys):
    for number in range(3):
        data = images.encode(images.Picture(photo(40, 44, number), format="JPEG"))
        (tmp_path / f"{number}.jpg").write_bytes(data[:-2])  # no end marker
    assert opened(source="folder", path=str(tmp_path)).size == 3
    (told,) = [x for x in capsys.readouterr().err.splitlines() if "0.jpg" in x]
    assert "0.jpg and 2 more: " in told and "end" in told


@pytest.mark.parametrize("apart", ["blurred", "sharp"])
def test_names_of_pairs_match_however_their_accents_are_stored(tmp_path, apart):
    for folder in ("blurred", "sharp"):
        form = "NFD" if folder == apart else "NFC"
        name = unicodedata.normalize(form, "Café Ü.png")
        save(tmp_path / folder / name, photo(40, 44, 0))
    (item,) = opened(source="pairs", path=str(tmp_path)).training
    assert item.name == unicodedata.normalize("NFC", "Café Ü.png")
    save(tmp_path / "sharp" / unicodedata.normalize("NFC", "Café Ü.png"), PHOTO)
    save(tmp_path / "sharp" / unicodedata.normalize("NFD", "Café Ü.png"), PHOTO)
    with pytest.raises(DataError, match="look alike"):
        opened(source="pairs", path=str(tmp_path))


def test_the_split_and_the_order_are_those_of_a_mac(tmp_path):
    names = [f"{letter}{n}.png" for letter in "éaz" for n in range(4)]
    for form in ("NFC", "NFD"):
        for name in names:
            save(tmp_path / form / unicodedata.normalize(form, name), PHOTO)
    one, other = (
        opened(source="folder", path=str(tmp_path / form), validation=4).names()
        for form in ("NFC", "NFD")
    )
    assert one == [unicodedata.normalize("NFC", name) for name in other] != other
