"""Millions of pictures: naming, manifest, refusals; and, marked `ray`, the whole on a
real Ray of several processes.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import importlib.util
import io
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import batches as made_batch
from helpers.networks import narrow_resnet
from helpers.pictures import photo, save
from helpers.unprivileged import unprivileged
from PIL import Image, ImageCms
from typer.testing import CliRunner

from deblurgan_tf import batch, images, predict
from deblurgan_tf.batching import (
    cluster,
    job,
    listing,
    manifest,
    parquet_results,
    parquet_rows,
    planning,
    reading,
    settings,
)
from deblurgan_tf.batching.restoring import restore_all
from deblurgan_tf.batching.stores import Place, check_apart, open_place
from deblurgan_tf.batching.worker import ATTEMPTS, Task, Worker
from deblurgan_tf.errors import DataError, RunError
from deblurgan_tf.inference.restorer import load
from deblurgan_tf.restoring.pipeline import check_format
from deblurgan_tf.storage.installation import install_command

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPTIONS = {"precision": "float32", "tta": False, "tile": None}
needs_ray = [
    pytest.mark.ray,
    pytest.mark.timeout(
        900
    ),  # workers import TensorFlow one after another on few cores
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="needs the extra ray: pip install 'deblurgan_tf[ray]'",
    ),
]


def real(test):
    for mark in needs_ray:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "narrow.keras"
    narrow_resnet().save(path)
    return path


@functools.cache
def loaded(path):
    return load(str(path))


@pytest.fixture(autouse=True)
def nothing_goes_on():
    yield
    made_batch.stop_all()


@pytest.fixture
def store():
    """A store that is no folder, of this process alone."""
    store = open_place(f"memory://{random.random()}")
    yield store
    if store.is_there():
        store.files.delete_dir(store.path)


def row(path, status="restored", seconds=0, **more):
    finished = NOW + timedelta(seconds=seconds)
    return {"path": path, "status": status, "finished": finished, **more}


def said(*arguments):
    """(exit code, output) of the command in this process."""
    result = CliRunner().invoke(batch.app, [str(x) for x in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.output


# The manifest.


def test_of_each_path_the_row_of_the_latest_run_counts_whatever_the_clocks_say():
    rows = [row("a", "failed", 9, run=1), row("b", seconds=5, run=1)]
    rows += [row("a", "restored", 0, run=2), row("b", "failed", 0, run=2)]
    rows += [row("c", "failed", 9), row("c", "restored", 0, run=1)]  # of version 0.1
    last, replaced = manifest.last_rows(manifest.table(rows))
    assert last["path"].to_pylist() == ["a", "b", "c"]
    assert last["status"].to_pylist() == ["restored", "failed", "restored"]
    assert last["run"].to_pylist() == [2, 2, 1]
    assert len(replaced) == 3


def test_of_rows_without_a_run_the_one_that_was_finished_last_counts():
    rows = [row("b", "failed", 5), row("a", seconds=1), row("b", seconds=9)]
    rows += [row("a", "failed", 0), row("b", seconds=7), row("c", "failed", 2)]
    last, replaced = manifest.last_rows(manifest.table(rows))
    assert last["path"].to_pylist() == ["a", "b", "c"]
    assert last["status"].to_pylist() == ["restored", "restored", "failed"]
    assert last["finished"][1].as_py() == NOW + timedelta(seconds=9)
    assert sorted(replaced["path"].to_pylist()) == ["a", "b", "b"]


def test_no_rows_have_no_last():
    last, replaced = manifest.last_rows(manifest.table([]))
    assert (len(last), len(replaced)) == (0, 0)


def test_parts_become_one_file_and_stay_it(store):
    manifest.commit(store, "part-1.parquet", manifest.table([row("a"), row("b")]))
    manifest.commit(store, "part-2.parquet", manifest.table([row("b", seconds=1)]))
    last, replaced, names = manifest.load(store)
    assert len(names) == 2 and len(replaced) == 1
    manifest.compact(store, last, names)
    [only] = [info for info in store.find("manifest") if info.is_file]
    assert only.base_name == manifest.WHOLE
    again, none, names = manifest.load(store)
    assert again.equals(last) and len(none) == 0
    whole = store.read(f"manifest/{manifest.WHOLE}")
    store.write(f"manifest/{manifest.WHOLE}", whole + b" ")  # not written anew
    manifest.compact(store, again, names)
    assert store.read(f"manifest/{manifest.WHOLE}") == whole + b" "


def test_runs_are_counted_on_from_a_manifest_of_version_0_1(store):
    assert manifest.load(store).next_run() == 1
    old = manifest.table([row("a", "failed", 9), row("b", seconds=1)])
    old = old.drop_columns(["run"])
    store.write("manifest/manifest.parquet", manifest.parquet(old))
    known = manifest.load(store)
    assert known.last["status"].to_pylist() == ["failed", "restored"]
    assert known.next_run() == 1
    again = manifest.table([row("a", "restored", 0, run=1)])
    manifest.commit(store, "part-1.parquet", again)
    known = manifest.load(store)
    assert known.last["status"].to_pylist() == ["restored", "restored"]
    assert known.next_run() == 2
    manifest.compact(store, known.last, known.names)
    assert manifest.load(store).next_run() == 2


def test_a_damaged_part_is_named_with_the_way_out(store):
    store.write("manifest/part-1.parquet", b"PAR1 half a part")
    with pytest.raises(DataError, match="part-1.parquet: is damaged.*remove it"):
        manifest.load(store)


def test_a_batch_is_named_by_its_run_and_its_content():
    pictures = [("a.png", "00"), ("b.png", "11")]
    name = manifest.batch_name(1, pictures)
    assert name == manifest.batch_name(1, iter(pictures))
    others = [(2, pictures), (1, pictures[:1]), (1, pictures[::-1])]
    others += [(1, [("a.png", "01"), ("b.png", "11")])]
    names = [manifest.batch_name(run, content) for run, content in others]
    assert len({name, *names}) == 5


# What is left to do.


def listed(*lines):
    """Rows of listing.SCHEMA: (path, size, seconds of change)."""
    return pa.Table.from_pylist(
        [
            {
                "path": path,
                "input": 0,
                "file": f"/in/{path}",
                "size": size,
                "mtime": None if mtime is None else NOW + timedelta(seconds=mtime),
            }
            for path, size, mtime in lines
        ],
        schema=listing.SCHEMA,
    )


def test_left_is_what_has_no_restored_row_or_was_changed():
    def known(path, status, size, mtime):
        when = None if mtime is None else NOW + timedelta(seconds=mtime)
        return row(path, status, size=size, mtime=when)

    table = manifest.table(
        [
            known("done", "restored", 10, 1),
            known("failed", "failed", 10, 1),
            known("longer", "restored", 9, 1),
            known("newer", "restored", 10, 0),
            known("newer-failed", "failed", 10, 0),
            known("removed", "restored", 10, 1),
            known("timeless", "restored", 10, None),
        ]
    )
    there = ["done", "failed", "longer", "new", "newer", "newer-failed"]
    now = listed(*((path, 10, 1) for path in there), ("timeless", 10, None))
    plan = planning.plan(now, table, retry_failed=False)
    changed = ["longer", "new", "newer", "newer-failed"]
    assert plan.left["path"].to_pylist() == changed
    assert plan.restored == 2
    assert plan.failed["path"].to_pylist() == ["failed"]
    again = planning.plan(now, table, retry_failed=True)
    assert again.left["path"].to_pylist() == ["failed", *changed]
    assert len(again.failed) == 0


def test_nothing_is_known_of_a_new_output():
    plan = planning.plan(listed(("a", 1, 1)), manifest.table([]), retry_failed=False)
    assert (len(plan.left), plan.restored, len(plan.failed)) == (1, 0, 0)


def test_portions_hold_no_more_than_a_batch_and_no_more_bytes():
    most = planning.BATCH_BYTES
    sizes = [1, 1, 1, most, 1, most - 1, 2, 3 * most, 1]
    left = listed(*((f"{n}", size, 0) for n, size in enumerate(sizes)))
    portions = [unit["size"].to_pylist() for unit in planning.units(left, 2)]
    assert portions == [[1, 1], [1], [most], [1, most - 1], [2], [3 * most], [1]]
    assert list(planning.units(left.slice(0, 0), 2)) == []


def test_a_portion_of_parquet_is_a_row_group():
    places = [(0, "y", 1, 5), (0, "x", 0, 1), (1, "x", 0, 0), (0, "x", 1, 3)]
    places += [(0, "x", 0, 0)]
    left = pa.Table.from_pylist(
        [
            {"path": str(n), "input": i, "file": f, "row_group": g, "row": r}
            for n, (i, f, g, r) in enumerate(places)
        ],
        schema=listing.SCHEMA,
    )
    portions = [unit["path"].to_pylist() for unit in planning.units(left, 1)]
    assert portions == [["4", "1"], ["3"], ["0"], ["2"]]


# What there is.


def files(place, names, data=b"x"):
    for name in names:
        place.write(name, data)


def pictures_of(*places):
    tables = [
        listing.pictures(place, number, listing.files_of(place))
        for number, place in enumerate(places)
    ]
    return listing.checked(tables, list(places), files=True)


def both(store, tmp_path):
    return store, open_place(str(tmp_path))


@pytest.mark.parametrize("which", [0, 1])
def test_pictures_are_listed_with_their_paths_hidden_ones_left_out(
    store, tmp_path, which
):
    place = both(store, tmp_path)[which]
    files(place, ["b/c.PNG", "a.jpg", "b/.d.png", ".e/f.png", "notes.txt"], b"12345")
    found = pictures_of(place)
    assert found["path"].to_pylist() == ["a.jpg", "b/c.PNG"]
    assert found["size"].to_pylist() == [5, 5]
    assert found["file"].to_pylist() == [place.at("a.jpg"), place.at("b/c.PNG")]
    one = open_place(place.spell(place.at("a.jpg")))
    assert pictures_of(one)["path"].to_pylist() == ["a.jpg"]


@pytest.mark.parametrize("which", [0, 1])
def test_what_may_be_a_picture_and_is_not_read_is_named(store, tmp_path, which, capsys):
    place = both(store, tmp_path)[which]
    files(place, ["a.jfif", "b.svg", "c/no_ending", "d.txt", ".e.svg"], b"12345")
    asked = asking(inputs=(place.uri,))
    table, parquet = job._listed(asked, [place])
    assert table["path"].to_pylist() == ["a.jfif"] and not parquet
    told = capsys.readouterr().err
    assert "1 .svg, 1 no ending" in told and "c/no_ending" in told
    assert "d.txt" not in told and ".e" not in told


def asking(**changed):
    """A job of the command line's defaults."""
    usual = {
        "inputs": (),
        "output": "out",
        "model": "photos",
        "options": OPTIONS,
        "parquet": False,
        "path_column": "path",
        "bytes_column": "bytes",
        "retry_failed": False,
        "actors": None,
        "cpus_per_actor": 1,
        "batch": 32,
        "address": None,
    }
    return job.Job(**usual | changed)


def test_two_inputs_of_one_path_are_refused(store, tmp_path):
    places = both(store, tmp_path)
    for place in places:
        files(place, ["b/c.png", f"{place.kind}.png"])
    with pytest.raises(DataError, match="b/c.png: two inputs") as caught:
        pictures_of(*places)
    assert f"{tmp_path}/b/c.png" in str(caught.value)
    assert f"{store.uri}/b/c.png" in str(caught.value).replace(
        "memory:///", "memory://"
    )


@pytest.mark.parametrize("name", ["manifest/a.png", "manifest"])
def test_a_result_among_the_own_files_is_refused(store, name):
    files(store, [f"{name}.png" if name == "manifest" else name, "b.png"])
    if name == "manifest":
        assert len(pictures_of(store)) == 2
    else:
        with pytest.raises(DataError, match="manifest is a name"):
            pictures_of(store)


def test_nothing_and_what_does_not_exist_are_refused(store):
    files(store, ["notes.txt"])
    with pytest.raises(DataError, match="holds no pictures"):
        pictures_of(store)
    with pytest.raises(DataError, match="does not exist"):
        pictures_of(open_place("/nowhere/at/all"))


def test_a_name_that_is_not_utf8_fails_alone(tmp_path):
    save(tmp_path / "a.png", photo(16, 16, 0))
    shutil.copy(tmp_path / "a.png", os.fsencode(tmp_path) + b"/b\xff.png")
    found = pictures_of(open_place(str(tmp_path)))
    assert found["path"].to_pylist() == ["a.png", "b\\udcff.png"]
    read = reading.read_files(found, [str(tmp_path)]).to_pylist()
    assert [line["error"] for line in read] == [
        None,
        "its name is not UTF-8; rename it",
    ]
    assert [line["data"] is None for line in read] == [False, True]


def test_a_file_that_is_gone_and_one_too_large_say_why(tmp_path):
    save(tmp_path / "a.png", photo(16, 16, 0))
    found = pictures_of(open_place(str(tmp_path)))
    (tmp_path / "a.png").unlink()
    [line] = reading.read_files(found, [str(tmp_path)]).to_pylist()
    assert line["data"] is None and "cannot be read" in line["error"]
    huge = [{"file": "/x/a.tif", "size": 2**31, "mtime": None, "error": None}]
    table = listing.pictures(open_place("/x"), 0, huge)
    assert "2,147,483,648 bytes" in table["error"][0].as_py()


def test_an_output_in_an_input_is_refused(tmp_path):
    def apart(one, other):
        check_apart([open_place(one)], open_place(other))

    apart("/a/b", "/a/bc")
    apart("/a/b", "/a")
    apart("memory://a", "/a/b")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    inside = [
        ("/a/b", "/a/b/c"),
        ("/a/b", "file:///a/b/c"),
        ("memory://a", "memory://a/b"),
    ]
    inside += [(str(tmp_path / "real"), str(tmp_path / "link/c"))]
    for one, other in inside:
        with pytest.raises(DataError, match="lies inside INPUT"):
            apart(one, other)
    with pytest.raises(DataError, match="is INPUT and OUTPUT"):
        apart("/a/b", "/a/b/")


def test_keys_in_a_uri_are_not_shown():
    place = open_place("s3://key:secret@bucket/a?endpoint_override=localhost:1")
    assert place.name == "s3://bucket/a"
    assert place.spell(place.at("b.png")) == "s3://bucket/a/b.png"


def test_a_uri_that_nobody_opens_is_refused():
    with pytest.raises(DataError, match="^nope://a: cannot be opened"):
        open_place("nope://key:secret@a?token=secret")


def test_a_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    place = open_place(str(tmp_path))
    place.write("b/a.bin", b"old")

    def full(self, path, data):
        Path(path).write_bytes(data[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Place, "_put", full)
    with pytest.raises(OSError, match="No space"):
        place.write("b/a.bin", b"new and longer")
    assert place.read("b/a.bin") == b"old"
    assert list(made_batch.versions(tmp_path)) == ["b/a.bin"]
    place.sweep()
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


# What it was begun with.


def begun_with(**changed):
    known = settings.Settings(
        model="photos",
        model_sha256="ab" * 32,
        tile=None,
        tta=False,
        precision="float32",
        parquet=False,
        path_column="path",
        bytes_column="bytes",
        deblurgan_tf="1",
    )
    return settings.Settings(**(vars(known) | changed))


def test_other_options_are_refused_by_name(store):
    assert settings.agreed(store, begun_with()) is None
    settings.write(store, begun_with())
    assert settings.agreed(store, begun_with()) == "1"
    # The same weights under another name, and a later version, go on.
    assert settings.agreed(store, begun_with(model="x", deblurgan_tf="2")) == "1"
    for changed, message in [
        ({"tile": 512}, "tile was null, now 512"),
        ({"tta": True}, "tta was false, now true"),
        ({"precision": "bfloat16"}, 'precision was "float32", now "bfloat16"'),
        ({"model_sha256": "cd" * 32}, "model_sha256 was abababababab..., now cdcdcd"),
        ({"parquet": True}, "parquet was false, now true"),
    ]:
        with pytest.raises(RunError, match="Name a new OUTPUT") as error:
            settings.agreed(store, begun_with(**changed))
        assert message in str(error.value)
        assert "the model was photos" in str(error.value)


def test_a_folder_of_something_else_is_refused(store):
    files(store, ["holiday.png"])
    with pytest.raises(RunError, match="not empty and holds no batch"):
        settings.agreed(store, begun_with())
    store.write("batch.json", b"{")
    with pytest.raises(RunError, match="batch.json: is damaged"):
        settings.agreed(store, begun_with())


# A worker, in this process.


def worker(model, output, bytes_column=None):
    task = Task(1, output.uri, OPTIONS, 1, 4, bytes_column)
    made = Worker.__new__(Worker)
    made.task, made.output, made.restorer = task, output, loaded(model)
    return made


def block(tmp_path, model_pictures):
    for name, data in model_pictures.items():
        (tmp_path / name).write_bytes(data)
    return reading.read_files(pictures_of(open_place(str(tmp_path))), [str(tmp_path)])


def png(seed, size=(24, 20)):
    file = io.BytesIO()
    Image.fromarray(photo(*size, seed)).save(file, "PNG")
    return file.getvalue()


def test_a_worker_commits_what_became_of_each(tmp_path, model, store):
    good = png(0)
    pictures = {"a.png": good, "b.png": good[:200], "c.jpg": good, "d.png": b""}
    made = worker(model, store)
    rows = {line["path"]: line for line in made(block(tmp_path, pictures)).to_pylist()}
    restored = images.decode(store.read("a.png"), "a.png").pixels
    assert np.array_equal(restored, loaded(model).restore(photo(24, 20, 0)))
    line = rows["a.png"]
    assert (line["status"], line["height"], line["width"]) == ("restored", 24, 20)
    assert line["input_sha256"] == hashlib.sha256(good).hexdigest()
    assert line["output_sha256"] == hashlib.sha256(store.read("a.png")).hexdigest()
    assert line["output"] == "a.png" and line["error"] is None
    assert line["size"] == len(good) and line["seconds"] > 0
    # A name that disagrees with the content: read and written by the content.
    assert rows["c.jpg"]["status"] == "restored" and rows["c.jpg"]["format"] == "PNG"
    assert store.read("c.jpg") == store.read("a.png")
    (told,) = job._notices(manifest.load(store).last, 1, files=True)
    assert told.startswith("1 of 2 pictures are read, and written, by") and (
        "c.jpg is a PNG" in told
    )
    message = {"b.png": "damaged", "d.png": "is empty"}
    for name, why in message.items():
        assert rows[name]["status"] == "failed" and rows[name]["output"] is None
        assert (
            str(tmp_path / name) in rows[name]["error"] and why in rows[name]["error"]
        )
        assert not store.holds(name)
    last, replaced, names = manifest.load(store)
    assert {x["path"]: x for x in last.to_pylist()} == rows
    assert len(names) == 1 and len(replaced) == 0


class Together:
    """Restores three of a size at once, and not a picture whose first pixel is red."""

    def __init__(self):
        self.groups = []

    def together(self, height, width):
        return 3

    def restore_together(self, pictures):
        self.groups.append([picture.shape[:2] for picture in pictures])
        if any((picture[0, 0] == (255, 0, 0)).all() for picture in pictures):
            raise RuntimeError("red")
        return [255 - picture for picture in pictures]


def encoded(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_equal_sizes_go_together_and_each_bears_its_own_faults(tmp_path, store):
    pixels = [photo(24, 20, n) for n in range(4)]
    pixels += [photo(30, 20, n) for n in range(2)]
    pixels[1][0, 0] = 255, 0, 0
    data = [encoded(each) for each in pixels]
    data.insert(2, data[2][:100])  # damaged
    lines = [{"name": f"{n}.png", "error": None} for n in range(7)]
    rows = [{"output": None} for _ in lines]
    found, restorer = {}, Together()
    restore_all(lines, data, rows, restorer, found.__setitem__)
    small, large = [(24, 20)] * 3, [(30, 20)] * 2
    # The three with the red one among them, then each of these; what is left.
    assert restorer.groups == [small, *([x] for x in small), small[:1], large]
    assert [row["status"] for row in rows] == [
        *("restored", "failed", "failed"),
        *["restored"] * 4,
    ]
    assert "RuntimeError: red" in rows[1]["error"] and "damaged" in rows[2]["error"]
    assert all(row["seconds"] > 0 for row in rows)
    assert sorted(found) == [0, 3, 4, 5, 6]
    for number, encoded_picture in found.items():
        restored = images.decode(encoded_picture, "x.png").pixels
        source = pixels[number - (number > 2)]
        assert np.array_equal(restored, 255 - source)
        sha256 = hashlib.sha256(encoded_picture).hexdigest()
        assert rows[number]["output_sha256"] == sha256


def test_what_can_be_read_but_not_written_fails_before_it_is_restored():
    file = io.BytesIO()
    Image.fromarray(photo(24, 20, 0)).save(file, "GIF")
    rows, restorer, found = [{"output": None}], Together(), {}
    lines = [{"name": "a.jpg", "error": None}]
    data = [file.getvalue()]
    restore_all(lines, data, rows, restorer, found.__setitem__, check_format)
    assert rows[0]["status"] == "failed" and "not written" in rows[0]["error"]
    assert not found and not restorer.groups


def test_a_batch_that_was_committed_is_not_done_again(tmp_path, model, store):
    made = worker(model, store)
    pictures = block(tmp_path, {"a.png": png(0), "b.png": png(1)})
    rows = made(pictures)
    made.restorer = None  # it would fail all that is restored
    assert made(pictures).equals(rows)


def test_a_retry_counts_although_its_workers_clock_is_behind(
    tmp_path, model, store, monkeypatch
):
    class Yesterday(datetime):
        @classmethod
        def now(cls, zone=None):
            return NOW - timedelta(days=1)

    pictures = block(tmp_path, {"a.png": png(0)})
    failed = [row("a.png", "failed", run=1, size=pictures["size"][0].as_py())]
    manifest.commit(store, "part-1.parquet", manifest.table(failed))
    made = worker(model, store)
    made.task = replace(made.task, run=manifest.load(store).next_run())
    monkeypatch.setattr("deblurgan_tf.batching.worker.datetime", Yesterday)
    made(pictures)
    known = manifest.load(store)
    assert known.last["status"].to_pylist() == ["restored"]
    assert known.replaced["status"].to_pylist() == ["failed"]


def test_what_kills_workers_is_found_and_fails_alone(tmp_path, model, store):
    made = worker(model, store)
    pictures = block(tmp_path, {name: png(1) for name in ("a.png", "b.png", "c.png")})

    def name(*paths):
        chosen = [x for x in pictures.to_pylist() if x["path"] in paths]
        hashes = [(x["path"], hashlib.sha256(x["data"]).hexdigest()) for x in chosen]
        return manifest.batch_name(1, hashes)

    for attempt in range(ATTEMPTS):
        store.write(f".work/{name('a.png', 'b.png', 'c.png')}.{attempt}", b"")
        store.write(f".work/{name('b.png')}.{attempt}", b"")
    rows = made(pictures).to_pylist()
    assert [x["status"] for x in rows] == ["restored", "failed", "restored"]
    assert "b.png: 3 workers died of it" in rows[1]["error"]
    assert len(manifest.load(store)[2]) == 3


def test_an_output_that_refuses_stops_the_run_and_a_name_only_its_picture(
    tmp_path, model, store, monkeypatch
):
    made = worker(model, store)
    pictures = block(tmp_path, {"a.png": png(0), "b.png": png(1)})
    write = Place.write

    def refusing(number):
        def refuse(self, name, data):
            if name == "a.png":
                raise OSError(number, os.strerror(number))
            write(self, name, data)

        return refuse

    monkeypatch.setattr(Place, "write", refusing(errno.ENOSPC))
    with pytest.raises(DataError, match="cannot be written to.*No space left"):
        made(pictures)
    assert manifest.load(store)[2] == []
    monkeypatch.setattr(Place, "write", refusing(errno.ENAMETOOLONG))
    rows = made(pictures).to_pylist()
    assert [x["status"] for x in rows] == ["failed", "restored"]
    assert "cannot be a name in OUTPUT" in rows[0]["error"]


# Parquet.


def parquet(path, table, group=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=group)


def labelled(paths, contents):
    return pa.table(
        {
            "label": pa.array([len(path) for path in paths], pa.int16()),
            "image": pa.array(contents, pa.binary()),
            "key": paths,
        }
    )


def rows_of(folder, key="key", image="image"):
    place = open_place(str(folder))
    found = list(listing.files_of(place))
    assert listing.is_parquet(place, [line["file"] for line in found])
    return parquet_rows.rows(place, 0, found, key, image)


def test_rows_of_parquet_come_back_with_all_their_columns(tmp_path, model, store):
    paths, contents = [f"p{n}" for n in range(7)], [png(n) for n in range(7)]
    contents[2], contents[4] = None, b"no picture"
    table = labelled(paths, contents)
    parquet(tmp_path / "in" / "x.parquet", table)
    left = rows_of(tmp_path / "in")
    assert left["row_group"].to_pylist() == [0, 0, 0, 1, 1, 1, 2]
    made = worker(model, store, "image")
    rows = []
    for unit in planning.units(left.filter(pa.array([True] * 6 + [False])), 2):
        for part in reading.read_rows(unit, [str(tmp_path / "in")], 2):
            rows += made(part).to_pylist()
    status = [x["status"] for x in rows]
    assert status == ["restored"] * 2 + ["failed", "restored", "failed", "restored"]
    assert "x.parquet: p2: has no bytes" in rows[2]["error"]
    assert "x.parquet: p4: not a picture" in rows[4]["error"]
    parts = [store.read(x["output"]) for x in rows if x["output"]]
    tables = {part: pq.read_table(io.BytesIO(part)) for part in parts}
    whole = pa.concat_tables(tables.values())
    assert whole.schema.equals(table.schema)
    assert whole["key"].to_pylist() == ["p0", "p1", "p3", "p5"]
    assert whole["label"].to_pylist() == [2] * 4
    for line in whole.to_pylist():
        pixels = images.decode(line["image"], "").pixels
        blurred = photo(24, 20, int(line["key"][1:]))
        assert np.array_equal(pixels, loaded(model).restore(blurred))


def restored_rows(folder, model, store, bytes_column="bytes", **named):
    """The manifest's rows of a Parquet data set that a worker restored, by path."""
    left = rows_of(folder, named.get("path_column", "path"), bytes_column)
    made = worker(model, store, bytes_column)
    made.task = replace(made.task, **named)
    rows = []
    for unit in planning.units(left, 4):
        for part in reading.read_rows(unit, [str(folder)], 4):
            rows += made(part).to_pylist()
    return {line["path"]: line for line in rows}


def hub_table(count, **more):
    """A table as hubs of data sets write it: pictures are structs, paths repeat."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    values = [{"bytes": png(n), "path": "0.png"} for n in range(count)]
    table = pa.table({"image": pa.array(values, image), "label": range(count), **more})
    return table.replace_schema_metadata({"huggingface": '{"info": 1}'})


@pytest.mark.parametrize("column", ["bytes", "image", "image.bytes"])
def test_pictures_in_a_struct_are_read_and_come_back_in_it(
    tmp_path, model, store, column
):
    table = hub_table(3)
    parquet(tmp_path / "train" / "x-00.parquet", table, group=2)
    rows = restored_rows(tmp_path, model, store, column)
    assert list(rows) == [f"train/x-00/{n:06d}" for n in range(3)]
    assert {x["status"] for x in rows.values()} == {"restored"}
    parts = {x["output"] for x in rows.values()}
    tables = [pq.read_table(io.BytesIO(store.read(part))) for part in parts]
    assert all(x.schema.metadata == table.schema.metadata for x in tables)
    whole = pa.concat_tables(tables).sort_by("label")
    assert whole.schema.remove(2).equals(table.schema)
    assert whole["path"].to_pylist() == list(rows)
    for number, line in enumerate(whole.to_pylist()):
        assert line["image"]["path"] == "0.png" and line["label"] == number
        pixels = images.decode(line["image"]["bytes"], "").pixels
        assert np.array_equal(pixels, loaded(model).restore(photo(24, 20, number)))
    # Rows that were done again are taken out of the older part.
    last = manifest.table(rows.values()).slice(1)
    again = manifest.table([rows["train/x-00/000000"]])
    assert len(parquet_results.clean(store, last, again, "path")) == 1


def test_a_structs_own_path_may_be_named_and_a_null_has_no_bytes(
    tmp_path, model, store
):
    image = pa.struct([("path", pa.large_string()), ("bytes", pa.large_binary())])
    values = [{"bytes": png(0), "path": "a.png"}, {"bytes": None, "path": "b.png"}]
    parquet(tmp_path / "x.parquet", pa.table({"image": pa.array(values, image)}))
    rows = restored_rows(tmp_path, model, store, "image", path_column="image.path")
    assert rows["a.png"]["status"] == "restored"
    assert "has no bytes" in rows["b.png"]["error"]
    (line,) = pq.read_table(io.BytesIO(store.read(rows["a.png"]["output"]))).to_pylist()
    assert line.keys() == {"image"} and line["image"]["path"] == "a.png"


def test_two_structs_are_not_guessed_between(tmp_path):
    table = hub_table(1)
    parquet(tmp_path / "x.parquet", table.append_column("other", table["image"]))
    with pytest.raises(DataError, match="no column bytes .*image, label, other"):
        rows_of(tmp_path, "path", "bytes")


def test_columns_that_lie_in_the_names_of_folders_come_back(tmp_path, model, store):
    for number, day in enumerate(("2024-01-01", "2024-01-02")):
        table = labelled([f"p{number}"], [png(number)])
        parquet(tmp_path / "in" / f"date={day}" / "lane=7" / "x.parquet", table)
    rows = restored_rows(tmp_path / "in", model, store, "image", path_column="key")
    assert rows["p1"]["output"].startswith("pictures/date=2024-01-02/lane=7/part-")
    for line in rows.values():
        target = tmp_path / "out" / line["output"]
        target.parent.mkdir(parents=True)
        target.write_bytes(store.read(line["output"]))
    before, after = (
        pq.read_table(tmp_path / place, partitioning="hive").drop_columns("image")
        for place in ("in", "out/pictures")
    )
    assert before.equals(after) and before["date"].to_pylist()[1] == "2024-01-02"
    last = manifest.table(rows.values())
    assert parquet_results.clean(store, last, manifest.table([]), "key") == []
    gone = parquet_results.clean(store, last.slice(1), manifest.table([]), "key")
    assert gone == [rows["p0"]["output"]]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"path": ["a"], "picture": [b""]}, "has no column bytes.*--bytes-column"),
        ({"name": ["a"], "bytes": [b""]}, "has no column path.*--path-column"),
        ({"path": ["a"], "bytes": ["text"]}, "column bytes holds string"),
        ({"path": [None, "a"], "bytes": [b"", b""]}, "row without a path"),
    ],
)
def test_other_columns_are_refused_by_name(tmp_path, table, message):
    parquet(tmp_path / "x.parquet", pa.table(table))
    with pytest.raises(DataError, match=message):
        rows_of(tmp_path, "path", "bytes")


def test_damaged_parquet_is_refused_and_a_path_twice(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match="x.parquet: is damaged"):
        rows_of(tmp_path)
    parquet(tmp_path / "x.parquet", labelled(["a", "b", "a"], [b""] * 3))
    with pytest.raises(DataError, match="a: two inputs.*row 0.*row 2"):
        listing.checked([rows_of(tmp_path)], [open_place(str(tmp_path))], files=False)


def test_a_damaged_row_group_fails_its_rows_alone(tmp_path):
    noise = np.random.default_rng(0)
    contents = [noise.bytes(5000) for _ in range(6)]
    path = tmp_path / "x.parquet"
    parquet(path, labelled([f"p{n}" for n in range(6)], contents))
    left = rows_of(tmp_path)
    column = pq.ParquetFile(path).metadata.row_group(1).column(1)
    start = column.dictionary_page_offset or column.data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    lines = []
    for unit in planning.units(left, 4):
        for part in reading.read_rows(unit, [str(tmp_path)], 4):
            lines += part.select(["path", "error"]).to_pylist()
    assert [x["path"] for x in lines] == [f"p{n}" for n in range(6)]
    assert [x["error"] is None for x in lines] == [True] * 3 + [False] * 3
    assert "row group cannot be read" in lines[3]["error"]


def test_parts_hold_what_the_manifest_names_and_no_more(store):
    def part(name, *keys):
        data = manifest.parquet(labelled(list(keys), [b"x"] * len(keys)))
        store.write(f"pictures/{name}", data)

    part("one", "a", "b", "c")
    part("two", "a", "d")
    part("never-committed", "e")
    last = [row(x, output="pictures/one") for x in "bc"]
    last += [row(x, output="pictures/two") for x in "ad"]
    replaced = manifest.table([row("a", output="pictures/one")])
    changed = parquet_results.clean(store, manifest.table(last), replaced, "key")
    assert sorted(changed) == ["pictures/never-committed", "pictures/one"]
    left = {
        info.base_name: pq.read_table(
            io.BytesIO(store.read(f"pictures/{info.base_name}"))
        )
        for info in store.find("pictures")
    }
    assert left["one"]["key"].to_pylist() == ["b", "c"]
    assert left["two"]["key"].to_pylist() == ["a", "d"]
    assert parquet_results.clean(store, manifest.table(last), replaced, "key") == []


# The command, before any process is started.


def test_help_is_quick_and_imports_neither_ray_nor_tensorflow():
    code = (
        "import sys, time; begun = time.process_time(); sys.argv[1:] = ['--help']\n"
        "from deblurgan_tf.batch import app\n"
        "try: app()\nexcept SystemExit: pass\n"
        "heavy = {'ray', 'tensorflow', 'pyarrow', 'numpy'} & set(sys.modules)\n"
        "print(sorted(heavy), time.process_time() - begun)"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    heavy, seconds = run.stdout.splitlines()[-1].rsplit(" ", 1)
    assert "--retry-failed" in run.stdout
    assert heavy == "[]"
    assert float(seconds) < 0.3


def test_the_missing_extra_is_named_with_its_command(monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ray" else find(name)
    )
    code, output = said(tmp_path, tmp_path / "out")
    assert code == 2
    assert install_command("ray") in output


@pytest.fixture
def with_extra(monkeypatch):
    """What comes before Ray is tested where it is missing, too."""
    monkeypatch.setattr(cluster, "check_extra", lambda: None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in", "in/out"], "lies inside INPUT"),
        (["nowhere", "out"], "nowhere: does not exist"),
        (["in", "out", "--model", "nothing"], "model nothing: is no shipped model"),
        (["in", "out", "--tile", "40"], "a tile has to be at least"),
        (["in", "tables", "out"], "is a Parquet data set, and in holds picture files"),
        (["tables/x.parquet", "out"], "has no column path"),
        (["in", "full"], "full: is not empty and holds no batch.json"),
        (["in", "--output", "full"], "full: is not empty and holds no batch.json"),
        (["in"], "in: is the only place; name the folder of the results with --output"),
    ],
)
def test_what_cannot_be_begun_is_refused(
    arguments, message, model, with_extra, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "in" / "a.png", photo(16, 16, 0))
    save(tmp_path / "full" / "a.png", photo(16, 16, 0))
    parquet(tmp_path / "tables" / "x.parquet", labelled(["a"], [b""]))
    if "--model" not in arguments:
        arguments = [*arguments, "--model", model]
    code, output = said(*arguments)
    assert code == 2, output
    assert message in output
    assert not (tmp_path / "out").exists()


def test_a_finished_run_does_nothing_and_a_failed_picture_is_reported(
    model, with_extra, tmp_path, monkeypatch
):
    monkeypatch.setattr(cluster, "connected", None)  # it would start one
    source, output = tmp_path / "in", tmp_path / "out"
    save(source / "a.png", photo(16, 16, 0))
    place = open_place(str(output))
    place.write("a.png", b"restored")
    [line] = pictures_of(open_place(str(source))).to_pylist()
    same = {"size": line["size"], "mtime": line["mtime"]}
    wanted = begun_with(model_sha256=hashlib.sha256(model.read_bytes()).hexdigest())
    settings.write(place, wanted)
    for status, code, message in [
        ("restored", 0, "restored before 1; results"),
        ("failed", 1, "1 failed before and were not tried again, a.png first"),
    ]:
        whole = manifest.parquet(manifest.table([row("a.png", status, **same)]))
        place.write(f"manifest/{manifest.WHOLE}", whole)
        place.sweep()
        before = made_batch.versions(output)
        answer, output_text = said(source, output, "--model", model)
        assert (answer, message in output_text) == (code, True), output_text
        assert made_batch.versions(output) == before
    code, output_text = said(source, output, "--model", model, "--tta")
    assert code == 2 and "tta was false, now true" in output_text


# The whole, on a real Ray.


@real
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for workers in /proc")
def test_two_thousand_pictures_one_worker_killed(model, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    damaged = set(range(7, 2000, 100))
    for number in range(2000):
        data = png(number, (16, 16 + number % 3))
        path = source / f"{number % 5}" / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[: len(data) // 2] if number in damaged else data)
    command = [source, output, "--model", model, "--actors", 2, "--batch", 20]
    process = made_batch.begun(*command)
    killed = []

    def kill():
        pids = made_batch.workers(process)
        assert len(pids) == 2
        os.kill(pids[0], signal.SIGKILL)
        killed.extend(pids)

    def some(seen):
        return sum(path.endswith(".png") for path in seen) > 500

    seen = made_batch.watch(process, output, some, kill)
    code, said = made_batch.ended(process)
    assert code == 1, said
    assert "restored 1980, failed 20" in said
    # One row a picture; results whole, and the ones that the manifest names.
    rows = made_batch.rows(output)
    assert len(rows) == 2000
    for number in range(2000):
        path = f"{number % 5}/{number:04}.png"
        line = rows[path]
        if number in damaged:
            assert line["status"] == "failed" and path in line["error"]
            assert not (output / path).exists()
            continue
        data = (output / path).read_bytes()
        assert line["status"] == "restored", line
        assert hashlib.sha256(data).hexdigest() == line["output_sha256"]
        assert images.decode(data, path).pixels.shape == (16, 16 + number % 3, 3)
    names = {path.name for path in output.iterdir()}
    assert names == {"batch.json", "manifest", *"01234"}
    assert [path.name for path in (output / "manifest").iterdir()] == [manifest.WHOLE]
    # Only the batch that was in work was done again: no committed part a second time,
    # one mark of a second attempt, and no more pictures than that batch has.
    parts = [v for path, v in seen.items() if path.startswith("manifest/part-")]
    assert len(parts) >= 90 and {len(v) for v in parts} == {1}
    marks = [path for path in seen if path.startswith(".work/part-")]
    assert sum(path.endswith(".1") for path in marks) <= 1
    assert not any(path.endswith(".2") for path in marks)
    twice = [path for path in rows if len(seen.get(path, ())) > 1]
    assert len(twice) <= 20
    # The same command again changes nothing.
    before = made_batch.versions(output)
    code, said = made_batch.run(*command)
    assert code == 1 and "restored before 1980, failed 20" in said
    assert made_batch.versions(output) == before


@real
def test_a_run_that_was_stopped_goes_on_and_equals_predict(model, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    for number in range(37):
        save(source / f"{number:02}.png", photo(150, 170, number))
    Image.fromarray(photo(90, 70, 5)).save(
        source / "rotated.jpg", exif=oriented(), icc_profile=profile(), dpi=(72, 72)
    )
    deep = photo(40, 50, 6).astype(np.uint16) * 257
    alpha = np.full((40, 50), 30000, np.uint16)
    images.write(source / "deep.tif", images.Picture(deep, alpha, format="TIFF"))
    save(source / "sub" / "grey.png", photo(33, 44, 7)[..., 0])
    # How many threads add up decides the last bit; predict takes all CPUs.
    threads = len(os.sched_getaffinity(0))
    command = [source, output, "--model", model, "--batch", 4, "--actors", 1]
    command += ["--cpus-per-actor", threads]
    process = made_batch.begun(*command)

    def committed(seen):
        return sum(path.startswith("manifest/part-") for path in seen) >= 2

    made_batch.watch(process, output, committed, process.terminate)
    code, said = made_batch.ended(process)
    assert code == 143, said
    done = [
        path
        for part in (output / "manifest").glob("part-*.parquet")
        for path in pq.read_table(part)["path"].to_pylist()
    ]
    assert 8 <= len(done) < 40
    before = made_batch.versions(output)
    code, said = made_batch.run(*command)
    assert code == 0, said
    assert f"restored {40 - len(done)}, restored before {len(done)}" in said
    after = made_batch.versions(output)
    assert {path: after[path] for path in done} == {path: before[path] for path in done}
    assert {x["status"] for x in made_batch.rows(output).values()} == {"restored"}
    # Byte for byte what predict writes: pixels, metadata and all.
    arguments = [str(source), "--output", str(tmp_path / "one"), "--model", str(model)]
    assert CliRunner().invoke(predict.app, arguments).exit_code == 0
    for path in made_batch.rows(output):
        same = (tmp_path / "one" / path).read_bytes()
        assert (output / path).read_bytes() == same, path
    rotated = images.read(output / "rotated.jpg")
    assert rotated.pixels.shape == (70, 90, 3) and rotated.icc == profile()
    assert b"Nikon" in rotated.exif


def oriented():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Nikon"
    return exif


@functools.cache  # it holds the time when it is made
def profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@real
def test_parquet_goes_in_and_out_and_a_changed_file_is_done_again(model, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"

    def write(name, keys, seed):
        contents = [png(seed + n) for n in range(len(keys))]
        contents[1] = b"no picture"
        parquet(source / name, labelled(keys, contents))
        return dict(zip(keys, range(seed, seed + len(keys)), strict=True))

    seeds = write("a.parquet", [f"a{n}" for n in range(8)], 0)
    seeds |= write("b.parquet", [f"b{n}" for n in range(5)], 100)
    command = [source, output, "--model", model, "--actors", 1, "--batch", 2]
    command += ["--path-column", "key", "--bytes-column", "image"]

    def check():
        table = pq.read_table(output / "pictures")
        assert table.schema.names == ["label", "image", "key"]
        keys = table["key"].to_pylist()
        good = sorted(set(seeds) - {"a1", "b1"})
        assert sorted(keys) == good
        restore = loaded(model).restore
        for line in table.to_pylist():
            pixels = images.decode(line["image"], "").pixels
            assert np.array_equal(pixels, restore(photo(24, 20, seeds[line["key"]])))
        rows = made_batch.rows(output)
        assert sorted(rows) == sorted(seeds)
        assert [x for x in rows if rows[x]["status"] == "failed"] == ["a1", "b1"]

    code, said = made_batch.run(*command)
    assert code == 1 and "restored 11, failed 2" in said, said
    check()
    # The file of b is written anew with other pictures, and one more.
    seeds |= write("b.parquet", [f"b{n}" for n in range(6)], 200)
    code, said = made_batch.run(*command)
    assert code == 1 and "restored 5, restored before 7, failed 2" in said, said
    check()


@pytest.fixture(scope="module")
def s3():
    """The URI's ending that reaches an S3 server of this machine."""
    server = shutil.which(
        "moto_server", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    )
    if server is None:
        pytest.skip("needs an S3 server: pip install 'moto[server]'")
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [server, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            for attempt in itertools.count():
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/").close()
                    break
                except OSError:
                    assert attempt < 300 and process.poll() is None
                    time.sleep(0.1)
            yield f"?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def ray_cluster():
    """A Ray that others connect to, in this process too."""
    ray = pytest.importorskip("ray", reason="needs the extra ray")
    with cluster.connected(None, 2):
        yield ray.get_runtime_context().gcs_address


@real
def test_an_object_store_on_a_cluster(model, tmp_path, s3, ray_cluster):
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    from pyarrow import fs

    creator, _ = fs.FileSystem.from_uri(
        f"s3://key:secret@bucket{s3}&allow_bucket_creation=true"
    )
    creator.create_dir("bucket")
    source, output = (f"s3://key:secret@bucket/{x}{s3}" for x in ("in", "out"))
    place = open_place(source)
    for number in range(6):
        place.write(f"sub/{number}.png", png(number))
    place.write("bad.png", b"no picture")
    command = [source, output, "--model", model, "--actors", 1, "--batch", 3]
    code, said = made_batch.run(*command, "--address", ray_cluster, **keys)
    assert code == 1 and "restored 6, failed 1" in said, said
    assert "s3://bucket/in/bad.png" in said and "secret" not in said
    out = open_place(output)
    restore = loaded(model).restore
    for number in range(6):
        pixels = images.decode(out.read(f"sub/{number}.png"), "").pixels
        assert np.array_equal(pixels, restore(photo(24, 20, number)))
    last, replaced, names = manifest.load(out)
    assert len(last) == 7 and len(replaced) == 0
    assert names == ["manifest/manifest.parquet"]
    assert json.loads(out.read("batch.json"))["tta"] is False
    # A store that fsspec opens, one file renamed after the other.
    other = f"local://{tmp_path}/out"
    save(tmp_path / "in" / "a.png", photo(24, 20, 0))
    command[:2] = [f"local://{tmp_path}/in", other]
    code, said = made_batch.run(*command, "--address", ray_cluster)
    assert code == 0, said
    same = out.read("sub/0.png")
    assert images.decode(same, "").pixels.shape == (24, 20, 3)
    assert np.array_equal(
        images.read(tmp_path / "out" / "a.png").pixels, images.decode(same, "").pixels
    )
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "a.png",
        "batch.json",
        "manifest",
    ]


# Ray Data copies settings of its own that it has deprecated.
@real
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
def test_a_picture_that_kills_its_workers_does_not_stop_the_others(
    model, tmp_path, ray_cluster
):
    import ray.cloudpickle

    from deblurgan_tf.batching import execution

    ray.cloudpickle.register_pickle_by_value(made_batch)
    source = tmp_path / "in"
    for name in ("a", "b", "deadly", "z"):
        save(source / f"{name}.png", photo(16, 16, 0))
    left = pictures_of(open_place(str(source)))
    task = Task(1, str(tmp_path / "out"), OPTIONS, 1, 3, None)
    arguments = ([str(source)], model.read_bytes(), task, 1, made_batch.Deadly)
    units = list(planning.units(left, 3))
    rows = pa.concat_tables(execution.execute(units, *arguments)).to_pylist()
    status = {x["path"]: x["status"] for x in rows}
    failed = [x for x in rows if x["status"] == "failed"]
    assert sorted(status) == ["a.png", "b.png", "deadly.png", "z.png"]
    assert [x["path"] for x in failed] == ["deadly.png"]
    assert "3 workers died of it" in failed[0]["error"]


@real
def test_a_cluster_that_is_not_there_is_refused(model, tmp_path):
    save(tmp_path / "in" / "a.png", photo(16, 16, 0))
    code, said = made_batch.run(
        tmp_path / "in", tmp_path / "out", "--model", model, "--address", "127.0.0.1:1"
    )
    assert code == 2, said
    assert "--address 127.0.0.1:1: no cluster is reached there" in said


def test_a_closed_folder_fails_by_name_and_the_others_are_listed():
    with unprivileged() as root:
        for name in ("a.png", "closed/b.png"):
            save(root / name, photo(4, 4, 0))
        (root / "closed").chmod(0)
        place = open_place(str(root))
        found = pictures_of(place).to_pylist()
        assert [(x["path"], x["error"] is None) for x in found] == [
            ("a.png", True),
            ("closed/", False),
        ]
        assert "cannot be listed" in found[1]["error"]
        with pytest.raises(DataError, match=r"closed: cannot be listed"):
            list(listing.files_of(open_place(str(root / "closed"))))
