"""The record file of an output folder: which results are what is asked for."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import pytest

from deblurgan_tf.errors import WorkFailed
from deblurgan_tf.restoring.inputs import Job
from deblurgan_tf.restoring.records import FILE, Recipe, Records, There
from deblurgan_tf.restoring.requests import checked_request
from deblurgan_tf.storage import model_names

OPTIONS = {"tta": False, "tile": None, "plates": False, "boxes": []}
RECIPE = Recipe("photos", "ab" * 32, OPTIONS)


@pytest.fixture
def job(tmp_path):
    """A picture with a result that is recorded."""
    made = Job(tmp_path / "in.png", tmp_path / "out" / "a" / "in.png")
    made.target.parent.mkdir(parents=True)
    made.source.write_bytes(b"blurred")
    records = Records(tmp_path / "out", RECIPE)
    assert records.there(made) is None
    made.target.write_bytes(b"restored")
    assert records.there(made).doubt == "without a record of what made it"
    assert not records.there(made).wrong
    records.add(made, "restored")
    return made


def there(job, recipe=RECIPE):
    return Records(job.target.parents[1], recipe).there(job)


def test_a_result_is_there_if_its_record_is_what_is_asked_for(job):
    assert there(job) == There("photos")
    (line,) = (job.target.parents[1] / FILE).read_text().splitlines()
    assert json.loads(line) == {
        "result": "a/in.png",
        "bytes": 8,
        "status": "restored",
        "model": "photos",
        "model_sha256": "ab" * 32,
        "options": OPTIONS,
        "input": {"bytes": 7, "time": job.source.stat().st_mtime_ns},
    }


@pytest.mark.parametrize(
    ("changed", "doubt"),
    [
        ({"model": "plates", "sha256": "cd" * 32}, "made by photos"),
        ({"sha256": "cd" * 32}, "made by other weights of photos"),
        ({"options": OPTIONS | {"tta": True}}, "made with other options"),
        ({"options": OPTIONS | {"boxes": [[1, 2, 3, 4]]}}, "made with other options"),
    ],
)
def test_another_recipe_is_told(job, changed, doubt):
    assert there(job, replace(RECIPE, **changed)) == There("photos", doubt, wrong=True)


def test_another_name_of_the_same_weights_is_the_same_model(job):
    assert there(job, replace(RECIPE, model="runs/one")) == There("photos")


def test_another_input_and_a_changed_result_are_told(job):
    job.source.write_bytes(b"another")
    os.utime(job.source, ns=(1, 1))
    assert there(job).doubt == "made of another input, or of an earlier state of it"
    job.target.write_bytes(b"cut")
    assert there(job) == There("photos", "changed since it was made", wrong=True)
    job.target.unlink()
    assert there(job) is None


def test_the_last_line_counts_and_half_a_line_spoils_no_other(job):
    file = job.target.parents[1] / FILE
    with open(file, "ab") as stream:
        stream.write(b'{"result": "a/in.png", "byt')
    assert there(job) == There("photos")
    job.target.write_bytes(b"restored again")
    Records(job.target.parents[1], RECIPE).add(job, "restored")
    assert there(job) == There("photos")
    assert len(file.read_bytes().splitlines()) == 3


def test_what_a_full_disk_left_of_a_line_does_not_spoil_the_next(job, monkeypatch):
    records = Records(job.target.parents[1], RECIPE)

    def half(path, data):
        with open(path, "ab") as stream:
            stream.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("deblurgan_tf.restoring.records.append", half)
        with pytest.raises(WorkFailed, match="No space left"):
            records.add(job, "restored")
    job.target.write_bytes(b"restored again")
    records.add(job, "restored")
    assert there(job) == There("photos")


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"result": []}', b"\xff"])
def test_a_line_that_is_no_record_is_passed_over(job, line):
    with open(job.target.parents[1] / FILE, "ab") as stream:
        stream.write(line + b"\n")
    assert there(job) == There("photos")


def test_a_result_that_was_moved_away_at_once_stops_nothing(job):
    before = (job.target.parents[1] / FILE).read_bytes()
    job.target.unlink()
    Records(job.target.parents[1], RECIPE).add(job, "restored")
    assert (job.target.parents[1] / FILE).read_bytes() == before


def test_names_that_are_no_utf8_are_recorded(tmp_path):
    name = os.fsdecode(b"M\xfcller.png")
    job = Job(tmp_path / name, tmp_path / "out" / name)
    job.target.parent.mkdir()
    job.source.write_bytes(b"1")
    job.target.write_bytes(b"2")
    Records(tmp_path / "out", RECIPE).add(job, "restored")
    assert Records(tmp_path / "out", RECIPE).there(job) == There("photos")


def test_a_disk_that_refuses_is_one_line(job):
    output = job.target.parents[1]
    records = Records(output, RECIPE)
    (output / FILE).unlink()
    (output / FILE).mkdir()
    with pytest.raises(WorkFailed, match=r"deblurgan\.jsonl: cannot be written"):
        records.add(job, "restored")
    with pytest.raises(WorkFailed, match=r"deblurgan\.jsonl: cannot be read"):
        Records(output, RECIPE)


def test_auto_is_recorded_as_the_model_that_it_chose(tmp_path):
    (tmp_path / "x.png").write_bytes(b"1")
    request = checked_request(
        [str(tmp_path / "x.png")],
        tmp_path / "out",
        model="auto",
        options={"tta": False},
        plates=False,
        boxes=["1,2,3,4"],
        read=False,
        overwrite=False,
        report=None,
    )
    assert request.model == "auto" and request.recipe.model == "photos"
    assert request.recipe.sha256 == model_names.sha256(model_names.find("photos"))
    assert request.recipe.options == {
        "tta": False,
        "plates": True,
        "boxes": [[1, 2, 3, 4]],
    }
