"""A packed folder holds the folder's pictures, and what was stopped goes on."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow_datasets as tfds
import yaml
from helpers.leftover import leftover_name
from helpers.pictures import coded, paired, save
from helpers.trainings import TINY, take, tiny
from typer.testing import CliRunner

from deblurgan_tf import images, prepare
from deblurgan_tf.data import open_source
from deblurgan_tf.preparation import packing
from deblurgan_tf.storage.leftovers import PREFIX


def run(*arguments):
    return CliRunner().invoke(prepare.app, ["pack", *map(str, arguments)])


def opened(data, name="pictures", blur=TINY["blur"], **more):
    config = {"source": "tfds", "path": str(data), "name": name, "crop": [16, 16]}
    return open_source(tiny(data=config | {"validation": 0} | more, blur=blur))


def folder(root, count=9):
    for number in range(count):
        ending = ("png", "bmp", "tif")[number % 3]
        save(root / f"sub{number % 2}" / f"{number}.{ending}", coded(20, 22, number))
    return root


def files(data, name="pictures"):
    return sorted((data / name / packing.VERSION).glob(f"{name}-*.tfrecord-*"))


def test_a_packed_set_gives_each_picture_once_an_epoch_with_its_pixels(tmp_path):
    result = run(
        folder(tmp_path / "in"), "--output", tmp_path / "d", "--megabytes", 0.002
    )
    assert result.exit_code == 0, result.output
    assert len(files(tmp_path / "d")) > 2
    source = opened(tmp_path / "d")
    assert source.size == 9
    seen = []
    for sample in take(source, 9):
        top, left, number = (int(x) for x in sample["sharp"][0, 0])
        whole = coded(20, 22, number)
        assert np.array_equal(sample["sharp"], whole[top : top + 16, left : left + 16])
        seen.append(number)
    assert sorted(seen) == list(range(9))


def test_png_goes_in_byte_for_byte_and_anyone_reads_the_set(tmp_path):
    save(tmp_path / "in" / "a.png", coded(20, 22, 3))
    assert run(tmp_path / "in", "--output", tmp_path / "d").exit_code == 0
    data = tfds.load("pictures", data_dir=tmp_path / "d", split="train")
    (element,) = data.as_numpy_iterator()
    assert np.array_equal(element["image"], coded(20, 22, 3))
    record = opened(tmp_path / "d").training[0]
    assert np.array_equal(record.load()[1], coded(20, 22, 3))
    stored = files(tmp_path / "d")[0].read_bytes()
    assert (tmp_path / "in" / "a.png").read_bytes() in stored


def test_pairs_and_parts_become_pairs_and_splits(tmp_path):
    paired(tmp_path / "in" / "train", 4)
    paired(tmp_path / "in" / "validation", 2)
    result = run(tmp_path / "in", "--output", tmp_path / "d", "--name", "both")
    assert result.exit_code == 0
    assert "--set blur=null" in " ".join(result.output.split())
    part = opened(tmp_path / "d", "both", blur=None, split="validation")
    assert part.size == 2 and part.paired
    source = opened(tmp_path / "d", "both", blur=None)
    assert source.size == 4
    sharp = {
        images.read_rgb(x).tobytes(): images.read_rgb(x.parents[1] / "blurred" / x.name)
        for x in (tmp_path / "in" / "train" / "sharp").iterdir()
    }
    for item in source.training:
        blurred, one = item.load()
        assert np.array_equal(blurred, sharp[one.tobytes()])


def test_bad_pictures_are_named_and_left_out_now_and_in_every_later_report(tmp_path):
    folder(tmp_path / "in", 4)
    whole = (tmp_path / "in" / "sub0" / "0.png").read_bytes()
    (tmp_path / "in" / "cut.png").write_bytes(whole[:-30])
    for _ in range(2):
        result = run(tmp_path / "in", "--output", tmp_path / "d")
        assert result.exit_code == 1
        assert "cut.png" in result.output and "left out 1" in result.output
        assert opened(tmp_path / "d").size == 4


def test_a_pack_that_was_stopped_goes_on_and_is_what_a_straight_one_is(tmp_path):
    folder(tmp_path / "in")
    arguments = ("--megabytes", 0.002)
    assert run(tmp_path / "in", "--output", tmp_path / "a", *arguments).exit_code == 0
    assert run(tmp_path / "in", "--output", tmp_path / "b", *arguments).exit_code == 0
    place = tmp_path / "b" / "pictures" / packing.VERSION
    first, *_, last = files(tmp_path / "b")
    kept = first.stat().st_mtime_ns
    # As if it was stopped in the last file: that is not there, half of it is.
    half = place / leftover_name(last)
    half.write_bytes(last.read_bytes()[:50])
    last.unlink()
    (place / "dataset_info.json").unlink()
    assert run(tmp_path / "in", "--output", tmp_path / "b", *arguments).exit_code == 0
    assert first.stat().st_mtime_ns == kept
    for one, two in zip(files(tmp_path / "a"), files(tmp_path / "b"), strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert not list(place.glob(f"{PREFIX}*"))


def test_a_file_of_the_set_that_is_damaged_since_is_named(tmp_path):
    command = (folder(tmp_path / "in"), "--output", tmp_path / "d")
    assert run(*command).exit_code == 0
    (packed,) = files(tmp_path / "d")
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 1
    packed.write_bytes(data)
    result = run(*command)
    assert result.exit_code == 2 and f"{packed}: is damaged" in result.output
    packed.unlink()
    assert run(*command).exit_code == 0


def test_other_pictures_or_options_are_refused(tmp_path):
    folder(tmp_path / "in")
    assert run(tmp_path / "in", "--output", tmp_path / "d").exit_code == 0
    plan = tmp_path / "d" / "pictures" / packing.VERSION / packing.PLAN
    before = yaml.safe_load(plan.read_text())
    assert before["pictures"] == {"train": 9}
    result = run(tmp_path / "in", "--output", tmp_path / "d", "--megabytes", 0.002)
    assert result.exit_code == 2 and "other pictures or with other" in result.output
    save(tmp_path / "in" / "new.png", coded(20, 22, 50))
    result = run(tmp_path / "in", "--output", tmp_path / "d")
    assert result.exit_code == 2 and "choose another" in " ".join(result.output.split())
    assert yaml.safe_load(plan.read_text()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in", "--output", "d", "--name", "My-Set"], "small letters"),
        (["in", "--output", "in/d"], "choose a place outside"),
        (["nowhere", "--output", "d"], "there is no such folder"),
        (["alone", "--output", "d"], "has only blurred/"),
    ],
)
def test_wrong_usage_says_what_is_wrong(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "in", 2)
    save(tmp_path / "alone" / "blurred" / "a.png", coded(20, 22, 0))
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "d").exists()


def test_a_pair_without_its_mate_is_named(tmp_path):
    paired(tmp_path / "in", 3)
    next((tmp_path / "in" / "blurred").iterdir()).unlink()
    result = run(tmp_path / "in", "--output", tmp_path / "d")
    assert result.exit_code == 2 and "without a mate" in " ".join(result.output.split())


def test_nothing_usable_is_an_error(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"no picture")
    result = run(tmp_path / "in", "--output", tmp_path / "d")
    assert result.exit_code == 2 and "none of the pictures" in result.output
