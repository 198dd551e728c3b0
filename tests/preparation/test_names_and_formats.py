"""Names that say another format than the content, accents in two spellings, and what a
folder holds beside its pictures: the same in every part of `prepare`, and in pairs.
"""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from helpers.pictures import paired, photo, photos, save
from helpers.trainings import tiny
from typer.testing import CliRunner

from deblurgan_tf import images, prepare
from deblurgan_tf.data import open_source
from deblurgan_tf.errors import DataError
from deblurgan_tf.evaluation.pairs import read_pairs
from deblurgan_tf.preparation import duplicates
from deblurgan_tf.preparation.data_check import examine
from deblurgan_tf.preparation.data_sets import recognise
from deblurgan_tf.preparation.pair_making import name_seed
from deblurgan_tf.storage.names import by_name

WEAK = ("--canvas", "9", "--length", "6", "--noise", "0")
TYPED, STORED = (unicodedata.normalize(form, "Café Ü") for form in ("NFC", "NFD"))


def run(*arguments):
    result = CliRunner().invoke(prepare.app, [str(x) for x in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def line_with(text, said):
    (line,) = (line for line in said.splitlines() if text in line)
    return line


@pytest.fixture
def mixed(tmp_path):
    """Three PNGs, two of them named .jpg, a drawing, a video and a text."""
    folder = photos(tmp_path / "in", 3)
    for number in (0, 2):
        (folder / f"0{number}.png").rename(folder / f"0{number}.jpg")
    for name in ("a.svg", "b.mp4", "notes.txt"):
        (folder / name).write_text("?")
    return folder


def test_blur_reads_by_content_and_names_what_it_leaves_out(mixed, tmp_path):
    code, said = run("blur", mixed, "--output", tmp_path / "out", *WEAK)
    assert code == 0 and "made 3" in said
    assert line_with("by their content", said).startswith("2 of 3 pictures are read by")
    left_out = [line for line in said.splitlines() if line.startswith("left out")]
    assert "1 .svg" in left_out[0] and "1 .mp4" in left_out[1]
    assert "notes" not in said


def test_check_warns_of_other_formats_and_names_what_it_leaves_out(mixed, tmp_path):
    code, said = run("check", mixed, "--report", tmp_path / "report.json")
    assert code == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["kinds"] == {"other format": 2} and report["errors"] == 0
    assert "00.jpg: is a PNG" in said
    # A video is no picture of a data set either.
    assert "1 .svg, 1 .mp4" in line_with("left out", said)


def test_pack_tells_names_once_and_packs_what_others_can_decode(mixed, tmp_path):
    whole = images.encode(images.Picture(photo(40, 44, 9), format="JPEG"))
    (mixed / "no_end.jpg").write_bytes(whole[:-2])
    code, said = run("pack", mixed, "--output", tmp_path / "data")
    assert code == 0 and "packed 4" in said
    assert line_with("by their content", said).startswith("2 of 4 pictures")
    assert "no_end.jpg: " in said
    (file,) = (tmp_path / "data").glob("pictures/1.0.0/*.tfrecord-*")
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        data = features["image"].bytes_list.value[0]
        assert tf.io.decode_image(data).shape == (40, 44, 3)


def test_texts_and_boxes_find_names_however_accents_are_stored(tmp_path):
    folder = tmp_path / "in"
    save(folder / f"{STORED}.png", photo(40, 60, 0))
    (folder / "texts.csv").write_text(f"file,text\n{TYPED}.png,AB12\n")
    assert run("blur", folder, "--output", tmp_path / "pairs", *WEAK)[0] == 0
    assert (
        tmp_path / "pairs/texts.csv"
    ).read_text() == f"file,text\n{TYPED}.png,AB12\n"
    assert name_seed(3, STORED) == name_seed(3, TYPED)

    boxes = tmp_path / "boxes.csv"
    boxes.write_text(f"file,x,y,w,h\n{TYPED}.png,5,5,50,20\n")
    code, said = run("plates", folder, "--output", tmp_path / "crops", "--boxes", boxes)
    assert code == 0 and "of 1 plates" in said and "none of the photos" not in said


def test_check_matches_pairs_however_accents_are_stored(tmp_path):
    for folder, stem in (("blurred", STORED), ("sharp", TYPED)):
        save(tmp_path / folder / f"{stem}.png", photo(40, 60, 0))
    (tmp_path / "kernels").mkdir()
    np.save(tmp_path / "kernels" / f"{STORED}.npy", np.full((3, 3), 1 / 9))
    (tmp_path / "texts.csv").write_text(f"file,text\n{STORED}.png,AB12\n")
    code, said = run("check", tmp_path)
    assert code == 0 and "0 errors, 0 warnings" in said, said


def test_evaluate_matches_all_that_belongs_to_a_pair(tmp_path):
    for folder, stem in (("blurred", STORED), ("sharp", TYPED)):
        save(tmp_path / folder / f"{stem}.png", photo(40, 60, 0))
    (tmp_path / "blurred" / "more.svg").write_text("?")
    (tmp_path / "kernels").mkdir()
    np.save(tmp_path / "kernels" / f"{TYPED}.npy", np.full((3, 3), 1 / 9))
    (tmp_path / "texts.csv").write_text(f"file,text\n{TYPED}.png,AB12\n")
    (tmp_path / "boxes.csv").write_text(
        f"file,x,y,width,height\n{STORED}.png,1,2,9,9\n"
    )
    (pair,), (notice,) = read_pairs(tmp_path)
    assert pair.sharp == tmp_path / "sharp" / f"{TYPED}.png"
    assert pair.kernel == tmp_path / "kernels" / f"{TYPED}.npy"
    assert pair.text == "AB12" and pair.boxes is not None and len(pair.boxes) == 1
    assert "more.svg" in notice


def test_two_names_that_look_alike_are_refused():
    with pytest.raises(DataError, match="here: two names look alike"):
        by_name([(TYPED, 1), (STORED, 2)], "here")


def test_a_leak_is_searched_in_the_split_of_what_can_be_read(tmp_path):
    """A training leaves out damaged pictures before it chooses."""
    photos(tmp_path, 9, (60, 64))
    data = {"source": "folder", "path": str(tmp_path), "validation": 3}
    held = open_source(tiny(data=data)).validation
    file = tmp_path / held[0].name
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.warns(UserWarning, match="cannot be read"):
        source = open_source(tiny(data=data))
    # Of each pair of equal pictures one is trained on: found in that split alone.
    one, other = source.validation[2].name, source.training[0].name
    (tmp_path / one).write_bytes((tmp_path / other).read_bytes())
    (part,) = (examine(each, lambda: None) for each in recognise(tmp_path))
    (leak,) = duplicates.split_leaks(part, 3)
    assert leak.file == one


def test_pairs_are_matched_in_a_training_too(tmp_path):
    paired(tmp_path, 2)
    (tmp_path / "sharp" / "00.png").rename(tmp_path / "sharp" / f"{STORED}.png")
    (tmp_path / "blurred" / "00.png").rename(tmp_path / "blurred" / f"{TYPED}.png")
    assert run("check", tmp_path)[0] == 0
