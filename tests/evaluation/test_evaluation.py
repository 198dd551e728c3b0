"""What an evaluation is made of: pairs, tasks in processes, records, numbers."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from helpers import tasks as made_tasks
from helpers.leftover import leftover_name
from helpers.pictures import photo, save
from matplotlib.backends.backend_agg import FigureCanvasAgg

from deblurgan_tf import images
from deblurgan_tf.errors import DataError, RunError, UsageError
from deblurgan_tf.evaluation import figure, report, summary, tasks, workers
from deblurgan_tf.evaluation.kernel_files import read_kernel, support
from deblurgan_tf.evaluation.pairs import Pair, evenly_spread, read_pairs
from deblurgan_tf.evaluation.plan import (
    folders_of_others,
    methods_named,
    plan,
    possible,
)
from deblurgan_tf.evaluation.records import Records, locked
from deblurgan_tf.evaluation.scores import PROTOCOL, measure
from deblurgan_tf.evaluation.tables import markdown
from deblurgan_tf.evaluation.tasks import Settings, write_restored
from deblurgan_tf.plates import detection as plates
from deblurgan_tf.plates.boxes import Box, FoundPlate

SETTINGS = Settings(size=9, limit=60, read=False, detect=False, model=None)


def pictures(root, *names, folders=("blurred", "sharp")):
    for name in names:
        for folder in folders:
            save(root / folder / name, photo(20, 24, len(name)))
    return root


# Pairs.


def test_pairs_carry_what_is_known_of_them(tmp_path):
    pictures(tmp_path, "a.png", "street/b.png", "c.jpg")
    (tmp_path / "kernels" / "street").mkdir(parents=True)
    np.save(tmp_path / "kernels" / "street" / "b.npy", np.ones((3, 3)) / 9)
    (tmp_path / "texts.csv").write_text("state,file,text\nca,c.jpg,ab-12 x\n")
    lines = "file,x,y,width,height\na.png,1,2,3,4\na.png,5,6,7,8\nc.jpg,,,,\n"
    (tmp_path / "boxes.csv").write_text("\ufeff" + lines, encoding="utf-8")
    pairs, notices = read_pairs(tmp_path)
    assert notices == []
    a, c, b = pairs
    assert [pair.name for pair in pairs] == ["a.png", "c.jpg", "street/b.png"]
    assert b.kernel == tmp_path / "kernels" / "street" / "b.npy" and a.kernel is None
    assert (a.text, b.text, c.text) == (None, None, "AB12X")
    assert a.boxes == (Box(1, 2, 3, 4), Box(5, 6, 7, 8))
    assert b.boxes is None and c.boxes == ()


def test_what_is_not_used_is_said(tmp_path):
    pictures(tmp_path, "a.png")
    pictures(tmp_path, "b.png", "c.png", folders=["sharp"])
    pictures(tmp_path, "d.png", folders=["blurred"])
    (tmp_path / "texts.csv").write_text("file,text\nx.png,AB\na.png,CD\n")
    pairs, notices = read_pairs(tmp_path)
    assert [(pair.name, pair.sharp is None) for pair in pairs] == [
        ("a.png", False),
        ("d.png", True),
    ]
    assert len(notices) == 2
    assert "2 of its pictures" in notices[0] and "b.png" in notices[0]
    assert "texts.csv" in notices[1] and "x.png" in notices[1]


@pytest.mark.parametrize(
    ("table", "text", "message"),
    [
        ("texts.csv", "name,text\na.png,AB\n", "no column file"),
        ("texts.csv", "", "no column file, text"),
        ("texts.csv", "file,text\na.png,AB\na.png,CD\n", "line 3: a.png is there"),
        ("texts.csv", "file,text\na.png,--\n", "line 2: the text '--' has no letter"),
        ("texts.csv", "file,text\na.png\n", "line 2: the text '' has no letter"),
        ("texts.csv", 'file,text\na.png,"AB\n', "cannot be read"),
        ("boxes.csv", "file,x,y\na.png,1,2\n", "no column width, height"),
        (
            "boxes.csv",
            "file,x,y,width,height\na.png,1,2,0,4\n",
            "line 2: box '1,2,0,4'",
        ),
        ("boxes.csv", "file,x,y,width,height\na.png,1,,3,4\n", "line 2: a box is"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path, table, text, message):
    pictures(tmp_path, "a.png")
    (tmp_path / table).write_text(text)
    with pytest.raises(DataError, match=message) as error:
        read_pairs(tmp_path)
    assert str(tmp_path / table) in str(error.value)


def test_folders_that_are_no_pairs_are_refused(tmp_path):
    with pytest.raises(DataError, match="blurred/ and sharp/"):
        read_pairs(tmp_path)
    for name in ("blurred", "sharp"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="no pictures"):
        read_pairs(tmp_path)
    pictures(tmp_path, "a.png", "a.jpg")
    with pytest.raises(DataError, match="differ in their suffix only"):
        read_pairs(tmp_path)


def test_positions_are_spread_evenly():
    assert evenly_spread(10, 4) == [0, 3, 6, 9]
    assert evenly_spread(3, 5) == [0, 1, 2]
    assert evenly_spread(7, 1) == [0]
    assert len(set(evenly_spread(1111, 40))) == 40


@pytest.mark.parametrize("what", [b"", b"no array", np.zeros(3), np.array([["a"]])])
def test_a_file_that_holds_no_kernel_is_named(tmp_path, what):
    file = tmp_path / "a.npy"
    if isinstance(what, bytes):
        file.write_bytes(what)
    else:
        np.save(file, what)
    with pytest.raises(DataError, match=r"a\.npy: not a kernel"):
        read_kernel(file)


def test_the_support_of_a_kernel_is_round_its_middle():
    kernel = np.zeros((9, 11))
    assert support(kernel) == 1
    kernel[4, 7] = 1
    assert support(kernel) == 5


# What there is to do.


def test_methods_come_in_one_order_and_wrong_ones_are_named():
    assert len(methods_named(None)) == 9
    assert methods_named(None)[:2] == ["blurred", "deblurgan"]
    assert methods_named("wiener, blurred") == ["blurred", "wiener"]
    with pytest.raises(UsageError, match="'weiner'.*there are blurred, deblurgan"):
        methods_named("weiner")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["maxim"], "NAME=DIR"),
        (["=there"], "NAME=DIR"),
        (["a/b=there"], "letters"),
        (["wiener=there"], "wiener is a method already"),
        (["a=there", "a=there"], "a is a method already"),
        (["a=nowhere"], "nowhere is no folder"),
    ],
)
def test_other_programs_need_a_name_and_a_folder(given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match=message):
        folders_of_others(given)


def test_other_programs_pictures_are_found_by_their_stem(tmp_path):
    pictures(tmp_path, "x/a.png", "b.png")
    save(tmp_path / "out" / "x" / "a.jpg", photo(20, 24, 0))
    pairs, _ = read_pairs(tmp_path)
    folders = {"other": tmp_path / "out"}
    tasks = plan(pairs, ["blurred"], folders, tmp_path / "results", SETTINGS)
    found = {task.key: task.picture for task in tasks}
    assert found["other", "x/a.png"] == tmp_path / "out" / "x" / "a.jpg"
    assert found["other", "b.png"] is None
    assert found["blurred", "b.png"] == tmp_path / "blurred" / "b.png"
    save(tmp_path / "out" / "x" / "a.png", photo(20, 24, 0))
    with pytest.raises(UsageError, match="both named x/a"):
        plan(pairs, [], folders, tmp_path / "results", SETTINGS)


def test_kernels_that_are_larger_than_the_given_size_are_reported(tmp_path):
    pictures(tmp_path, "a.png")
    (tmp_path / "kernels").mkdir()
    np.save(tmp_path / "kernels" / "a.npy", np.full((1, 15), 1 / 15))
    pairs, _ = read_pairs(tmp_path)
    assert possible(["wiener", "blind_map"], pairs, 15) == (["wiener", "blind_map"], [])
    _, notices = possible(["wiener", "blind_map"], pairs, 13)
    assert "15 pixels a side" in notices[0]
    assert possible(["wiener"], pairs, 13)[1] == []


# Scores.


def pair_of(folder, sharp, **known):
    fields = {"kernel": None, "text": None, "boxes": None} | known
    file = save(folder / "sharp.png", sharp)
    return Pair(name="a.png", blurred=file, sharp=file, **fields)


def test_too_small_a_picture_has_psnr_alone(tmp_path):
    sharp = photo(10, 40, 0)
    scores = measure(sharp, pair_of(tmp_path, sharp), None, True, False)
    assert scores == {"psnr": math.inf}


def test_a_picture_of_another_size_is_refused(tmp_path):
    pair = pair_of(tmp_path, photo(20, 30, 0))
    with pytest.raises(DataError, match="30x19 pixels, but .* has 30x20"):
        measure(photo(19, 30, 0), pair, None, False, False)


def test_plates_are_read_and_found(tmp_path, monkeypatch):
    sharp, restored = photo(40, 60, 0), photo(40, 60, 1)

    def find_plates(pixels):
        boxes = [Box(10, 10, 20, 10)]
        if not np.array_equal(pixels, sharp):
            boxes = [Box(10, 11, 20, 10), Box(0, 30, 20, 8)]
        return [FoundPlate(box, 0.5) for box in boxes]

    reading = plates.Reading("A8123", 0.9)
    monkeypatch.setattr(plates, "read_plate", lambda pixels: reading)
    monkeypatch.setattr(plates, "find_plates", find_plates)
    pair = pair_of(tmp_path, sharp, text="AB123")
    scores = measure(restored, pair, None, True, True)
    assert (scores["read"], scores["exact_match"], scores["cer"]) == ("A8123", 0, 0.2)
    counts = [scores[f"boxes_{what}"] for what in ("matched", "found", "given")]
    assert counts == [1, 2, 1]
    assert (scores["precision"], scores["recall"]) == (0.5, 1)
    # Given boxes come before found ones; none at all leaves nothing to recall.
    scores = measure(restored, replace(pair, boxes=()), None, False, True)
    assert scores["precision"] == 0 and "recall" not in scores and "cer" not in scores
    outside = replace(pair, boxes=(Box(50, 10, 20, 10),))
    with pytest.raises(UsageError, match="not inside the picture"):
        measure(restored, outside, None, False, True)


# Tasks in processes.


def test_a_killed_process_takes_one_task_with_it():
    found = dict(workers.run(made_tasks.double_but_die_of_seven, range(5, 12), 2))
    assert found == {n: None if n == 7 else 2 * n for n in range(5, 12)}


def test_processes_have_one_thread_and_nothing_they_do_not_need():
    before = dict(os.environ)
    [(_, (heavy, threads))] = workers.run(made_tasks.surroundings, [0], 1)
    assert (heavy, threads) == (set(), "1")
    assert dict(os.environ) == before


def test_processes_end_in_the_middle_of_a_task(tmp_path):
    file = tmp_path / "process"
    work = workers.run(made_tasks.wait_long, [file], 1)

    def interrupt():
        while not (file.exists() and file.read_text()):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()  # Ctrl-C, while it waits
    with pytest.raises(KeyboardInterrupt):
        next(work)
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def test_an_error_of_the_picture_is_its_message_and_a_fault_of_ours_a_traceback(
    tmp_path, monkeypatch
):
    task = task_of(tmp_path)
    (tmp_path / "sharp" / "a.png").write_bytes(b"no picture")
    result = tasks.perform(task)
    assert result["error"].startswith(f"{tmp_path / 'sharp' / 'a.png'}: not a picture")
    assert "traceback" not in result

    def faulty(*_):
        raise ValueError("shapes do not match")

    monkeypatch.setattr(tasks, "measure", faulty)
    result = tasks.perform(task)
    assert result["error"] == "ValueError: shapes do not match"
    assert "in faulty" in result["traceback"]


# Records.


def task_of(folder, method="blurred"):
    pictures(folder, "a.png")
    pairs, _ = read_pairs(folder)
    [task] = plan(pairs, [method], {}, folder / "out", SETTINGS)
    return task


def records_in(folder):
    (folder / "out").mkdir(exist_ok=True)
    return Records(folder / "out")


def test_a_measured_picture_stays_so_and_infinity_with_it(tmp_path):
    task = task_of(tmp_path)
    scores = {"psnr": math.inf, "ssim": 0.5, "read": "INF"}
    records_in(tmp_path).add(task, {"seconds": None, "scores": scores})
    text = (tmp_path / "out" / "records.jsonl").read_text()
    assert json.loads(text)["scores"]["psnr"] is None and "Infinity" not in text
    _, line = records_in(tmp_path).state(task)
    assert line is not None and line["scores"] == scores


def test_half_a_line_is_no_record(tmp_path):
    task = task_of(tmp_path)
    records_in(tmp_path).add(task, {"seconds": None, "scores": {"psnr": 1.0}})
    file = tmp_path / "out" / "records.jsonl"
    whole = file.read_text()
    file.write_text(whole + whole[: len(whole) // 2])
    assert records_in(tmp_path).state(task)[1] is not None
    assert file.read_text() == whole


@pytest.mark.parametrize("line", [b"\xff", b"[1]", b"{}", b'{"scores": 5}', b"no"])
def test_a_line_of_something_else_costs_no_record_behind_it(tmp_path, line):
    task = task_of(tmp_path)
    records_in(tmp_path).add(task, {"seconds": None, "scores": {"psnr": 1.0}})
    file = tmp_path / "out" / "records.jsonl"
    file.write_bytes(line + b"\n" + file.read_bytes())
    assert records_in(tmp_path).state(task)[1] is not None


def test_what_killed_processes_left_is_removed(tmp_path):
    for folder in ("restored/wiener/street", "kernels/blind_map"):
        left = tmp_path / "out" / folder / leftover_name(tmp_path / "a.png")
        left.parent.mkdir(parents=True)
        left.touch()
    records_in(tmp_path)
    assert not list((tmp_path / "out").rglob(".deblurgan-*"))


def test_other_options_leave_what_does_not_depend_on_them(tmp_path):
    task = task_of(tmp_path, "blind_map")
    for file in (task.picture, task.kernel):
        file.parent.mkdir(parents=True)
        file.touch()
    records_in(tmp_path).add(task, {"seconds": 2.0, "scores": {"psnr": 1.0}})

    def after(**changed):
        other = replace(task, settings=replace(SETTINGS, **changed))
        records = records_in(tmp_path)
        known, line = records.state(other)
        return records.outdated(other), known.restored, line is not None

    assert after() == (False, True, True)
    assert after(limit=1.0) == (False, True, True)
    assert after(model="other") == (False, True, True)
    assert after(detect=True) == (False, True, False)  # measured again
    assert after(size=11) == (True, False, False)
    task.kernel.unlink()
    assert after() == (False, False, False)


def test_only_a_longer_time_is_tried_again(tmp_path):
    task = task_of(tmp_path, "blind_map")
    records = records_in(tmp_path)
    records.add(task, {"error": "too dark"})
    assert records.state(task)[1] is None
    records.add(task, {"error": "not done within", "limit": SETTINGS.limit})
    for limit, kept in ((60, True), (30, True), (61, False)):
        other = replace(task, settings=replace(SETTINGS, limit=limit))
        assert (records_in(tmp_path).state(other)[1] is not None) == kept


def test_a_folder_takes_one_evaluation_at_a_time(tmp_path):
    with (
        locked(tmp_path),
        pytest.raises(RunError, match="another evaluation"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):
        pass


# Numbers.

HAND = {
    "blurred": {
        "a": {"psnr": 20.0, "ssim": 0.5, "cer": 0.5},
        "b": {"psnr": 22.0, "ssim": 0.6, "cer": 0.0},
        "c": {"psnr": 30.0, "ssim": 0.9},
    },
    "one": {
        "a": {"psnr": 24.0, "ssim": 0.5, "cer": 0.25},
        "b": {"psnr": 22.0, "ssim": 0.7, "cer": 0.0},
    },
    "two": {
        "a": {"psnr": 24.0, "ssim": 0.4, "cer": 0.5},
        "c": {"psnr": math.inf, "ssim": 1.0},
    },
}


def test_means_medians_and_differences_by_hand():
    found = summary.summarise(HAND)
    assert found["blurred"]["psnr"] == 24 and found["blurred"]["n"] == 3
    assert found["blurred"]["medians"]["psnr"] == 22
    assert found["blurred"]["cer"] == 0.25
    assert found["blurred"]["kernel_similarity"] is None
    assert found["one"]["difference_to_blurred"]["psnr"]["mean"] == 2
    assert found["one"]["difference_to_blurred"]["psnr"]["n"] == 2
    # The perfect picture is counted, and does not empty the mean of the other one.
    assert found["two"]["psnr"] == 24 and found["two"]["n"] == 2
    assert found["two"]["finite"]["psnr"] == found["two"]["infinite"]["psnr"] == 1
    assert found["two"]["infinite"]["ssim"] == 0
    assert found["two"]["difference_to_blurred"]["psnr"] == {
        "mean": 4,
        "interval": None,
        "n": 1,
        "infinite": {"own": 1, "other": 0, "both": 0},
    }
    assert found["two"]["intervals"]["psnr"] is None


def psnrs(**values):
    return {name: {"psnr": value} for name, value in values.items()}


def test_infinite_values_leave_means_intervals_and_differences_finite():
    scores = {
        "blurred": psnrs(a=20.0, b=22.0, c=30.0, d=math.inf, e=math.inf),
        "own": psnrs(a=24.0, b=23.0, c=math.inf, d=math.inf, e=25.0),
    }
    found = summary.summarise(scores)["own"]
    assert (found["psnr"], found["n"], found["finite"]["psnr"]) == (24, 5, 3)
    assert found["infinite"]["psnr"] == 2 and found["medians"]["psnr"] == 25
    assert found["intervals"]["psnr"] == summary.interval(
        psnrs(a=24.0, b=23.0, e=25.0), "psnr"
    )
    change = found["difference_to_blurred"]["psnr"]
    assert (change["mean"], change["n"]) == (2.5, 2) and change["interval"] == (1, 4)
    assert change["infinite"] == {"own": 1, "other": 1, "both": 1}


@pytest.mark.parametrize(
    ("one", "two", "best"),
    [
        # The mean of the finite values alone is lower for the better method.
        (psnrs(a=math.inf, b=24.0), psnrs(a=30.0, b=20.0), {"one"}),
        (psnrs(a=math.inf, b=20.0), psnrs(a=30.0, b=20.0), {"one"}),
        (psnrs(a=math.inf, b=20.0), psnrs(a=30.0, b=29.0), {"two"}),
        (psnrs(a=math.inf, b=20.0), psnrs(a=30.0, b=math.inf), {"one", "two"}),
        (psnrs(a=math.inf, b=math.inf), psnrs(a=30.0, b=20.0), {"two"}),  # sharp ones
        (psnrs(a=21.0, b=20.0), psnrs(a=30.0), {"two"}),
    ],
)
def test_the_best_method_is_the_best_where_all_are_finite(one, two, best):
    assert summary.best({"one": one, "two": two}, "psnr") == best


def test_a_method_that_restores_every_picture_is_no_reference():
    scores = {"blurred": psnrs(a=20.0), "wiener": psnrs(a=math.inf)}
    assert summary.best(scores, "psnr") == {"wiener"}
    assert summary.wins(scores)["wiener"]["psnr"] == 1
    reference = {"blurred": psnrs(a=20.0), "original": psnrs(a=math.inf)}
    assert summary.best(reference, "psnr") == {"blurred"}


def test_the_tables_count_infinite_values_beside_the_mean(tmp_path):
    pairs, _ = read_pairs(pictures(tmp_path, "a.png", "b.png"))
    tasks = plan(pairs, ["blurred", "wiener"], {}, tmp_path / "out", SETTINGS)
    values = iter([30.0, math.inf, 20.0, 24.0])  # blurred and wiener on a, then on b
    results = {task.key: {"scores": {"psnr": next(values)}} for task in tasks}
    assert results["wiener", "a.png"]["scores"]["psnr"] == math.inf
    found = report.combined(tasks, results, {"data": "x", "pictures": 2})
    text = markdown(json.loads(json.dumps(found, allow_nan=False)))
    assert "| blurred | 2 | 25.00 (20.00 to 30.00) |" in text
    assert "| wiener | 2 | **24.00** of 1, 1 infinite |" in text
    assert "| wiener | 2 | +4.00 of 1, 1 infinitely better |" in text
    assert "| wiener | 2 | infinite |" in text  # the median


def test_wins_by_hand():
    assert summary.wins(HAND) == {
        # On "a" the others are equal and better; on "b" all have the same PSNR and CER.
        "blurred": {"psnr": 0, "ssim": 1, "shifted_psnr": 0, "cer": 0},
        "one": {"psnr": 1, "ssim": 2, "shifted_psnr": 0, "cer": 1},
        "two": {"psnr": 2, "ssim": 1, "shifted_psnr": 0, "cer": 0},
    }


def test_rates_are_of_the_boxes_of_all_pictures():
    def counts(matched, found, given):
        return {"boxes_matched": matched, "boxes_found": found, "boxes_given": given}

    pictures = {"a": counts(1, 1, 1), "b": counts(0, 3, 1), "c": counts(0, 0, 0)}
    assert summary.mean(pictures, "precision") == 1 / 4
    assert summary.mean(pictures, "recall") == 1 / 2
    assert summary.mean(pictures, "f1") == pytest.approx(2 / 6)
    low, high = summary.interval(pictures, "precision")
    assert (low, high) == (0, 1)
    none = {name: counts(0, 0, 1) for name in "abc"}
    assert summary.mean(none, "precision") is None
    assert summary.interval(none, "precision") is None
    assert summary.interval(none, "recall") == (0, 0)


def test_intervals_are_scipys_and_do_not_change():
    values = np.random.default_rng(3).normal(20, 4, 40)
    pictures = {str(n): {"psnr": x} for n, x in enumerate(values)}
    low, high = summary.interval(pictures, "psnr")
    assert (low, high) == summary.interval(pictures, "psnr")
    expected = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=10_000, method="percentile", rng=1
    ).confidence_interval
    assert (low, high) == pytest.approx(tuple(expected), abs=0.05)
    assert low < values.mean() < high
    assert summary.interval({"a": {"psnr": 1.0}}, "psnr") is None


def test_the_report_is_json_that_any_program_reads(tmp_path):
    pairs, _ = read_pairs(pictures(tmp_path, "a.png", "b.png"))
    others = {"original": tmp_path / "sharp"}
    tasks = plan(pairs, ["blurred"], others, tmp_path / "out", SETTINGS)
    results = {task.key: {"scores": {"psnr": 20.0, "ssim": 0.5}} for task in tasks}
    results["original", "a.png"] = {"scores": {"psnr": math.inf, "ssim": 1.0}}
    results["original", "b.png"] = {"error": "no kernel"}
    found = report.combined(tasks, results, {"data": "x", "pictures": 2})
    assert found == json.loads(json.dumps(found, allow_nan=False))
    original = found["methods"]["original"]
    assert (original["n"], original["psnr"], original["ssim"]) == (1, None, 1.0)
    assert original["failed"] == [{"file": "b.png", "error": "no kernel"}]
    assert original["per_image"] == {
        "a.png": {**dict.fromkeys(PROTOCOL), "psnr": None, "ssim": 1.0}
    }
    text = markdown(found)
    assert (
        "| original | 1 | 1 infinite | 1.000 |" in text
    )  # the sharp pictures do not compete
    line = "| blurred | 2 | **20.00** (20.00 to 20.00) | **0.500** (0.500 to 0.500) |"
    assert line in text
    assert "- original, b.png: no kernel" in text
    assert "CER" not in text  # not measured


# The figure.


def test_the_figure_shows_pixels_as_they_are():
    picture = photo(100, figure.COLUMN, 0)
    large = photo(400, 500, 1)
    rows = [
        figure.Row("a", [figure.Cell(picture, "20 dB"), figure.Cell(None, "failed")]),
        figure.Row("b", [figure.Cell(large), figure.Cell(large, "", np.eye(5) / 5)]),
    ]
    page = figure.comparison(["blurred", "sharp"], rows, "2 pictures")
    canvas = FigureCanvasAgg(page)
    canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())[..., :3]
    top = figure.GAP + 3 * figure.LINE
    left, width = figure.GAP, figure.COLUMN
    shown = drawn[top : top + 100, left : left + width]
    np.testing.assert_array_equal(shown, picture)
    top += 100 + 2 * figure.LINE + figure.GAP
    cut = large[80:320, 90:410]
    np.testing.assert_array_equal(
        drawn[top : top + figure.TALLEST, left : left + width], cut
    )
    # The kernel covers a corner, and the rest is the picture.
    left += figure.COLUMN + figure.GAP
    shown = drawn[top : top + figure.TALLEST, left : left + width]
    differing = np.argwhere((shown != cut).any(axis=2))
    assert differing.max() < figure.KERNEL + 8
    texts = [text.get_text() for text in page.texts]
    assert "b: the middle 320x240 of 500x400 pixels" in texts
    assert f"a: {figure.COLUMN}x100 pixels" in texts
    assert "failed" in texts


def test_letters_that_the_font_lacks_and_equal_pictures(tmp_path):
    pairs, _ = read_pairs(pictures(tmp_path, "a.png"))
    (task,) = plan(pairs, ["blurred"], {}, tmp_path / "out", SETTINGS)
    scores = {task.key: {"psnr": math.inf, "read": "川LÖ1"}}
    row = figure.row_of([replace(task, picture=pairs[0].sharp)], scores)
    assert row.cells[0].caption == "equal   川LÖ1"
    page = figure.comparison(["blurred", "sharp"], [row], "1 picture")
    FigureCanvasAgg(page).draw()  # a warning of Matplotlib would be an error here
    assert "equal   \ufffdLÖ1" in [text.get_text() for text in page.texts]


def test_kernels_of_a_row_have_one_scale():
    small, large = np.zeros((9, 9)), np.full((7, 7), 1 / 49)
    small[4, 3:6] = 1 / 3
    for kernel in (small, large):
        shown = figure._padded(kernel, 7)
        assert shown.shape == (7, 7)
        assert shown.sum() == pytest.approx(1)
    assert figure._padded(small, 7)[3, 2:5] == pytest.approx(1 / 3)


def test_pictures_are_written_whole(tmp_path):
    picture = photo(20, 24, 0)
    write_restored(tmp_path / "x" / "a.png", picture)
    np.testing.assert_array_equal(images.read_rgb(tmp_path / "x" / "a.png"), picture)
    assert [file.name for file in (tmp_path / "x").iterdir()] == ["a.png"]
