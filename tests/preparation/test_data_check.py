"""prepare check: every planted defect is found, and nothing in a clean set."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest
from helpers.pictures import photo, photos, save, softened
from PIL import Image
from typer.testing import CliRunner

from deblurgan_tf import images, prepare
from deblurgan_tf.data.holdout import hold_out
from deblurgan_tf.preparation.data_check import SEVERITY, kernel_fault
from deblurgan_tf.preparation.fingerprints import (
    NEAR,
    Near,
    distances,
    near_across,
    near_earlier,
    perceptual_hash,
)
from deblurgan_tf.storage.side_by_side import side_by_side

SIZE = (64, 96)


def run(*arguments):
    result = CliRunner().invoke(prepare.app, ["check", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def checked(tmp_path, *arguments):
    """Returns (exit code, terminal, {(kind, file), ...}, the report)."""
    file = tmp_path / "report.json"
    code, said = run(*arguments, "--report", file)
    report = json.loads(file.read_text())
    found = [(problem["kind"], problem["file"]) for problem in report["problems"]]
    assert len(found) == len(set(found)) == report["errors"] + report["warnings"]
    assert code == (1 if report["errors"] else 0)
    return code, said, set(found), report


def clean_pairs(folder, count=5, first=0):
    kernel = np.full((3, 3), 1 / 9)
    (folder / "kernels").mkdir(parents=True)
    for number in range(first, first + count):
        name, sharp = f"{number:02d}", photo(*SIZE, number)
        save(folder / "sharp" / f"{name}.png", sharp)
        save(folder / "blurred" / f"{name}.png", cv2.filter2D(sharp, -1, kernel))
        np.save(folder / "kernels" / f"{name}.npy", kernel)
    write_texts(folder, {f"{n:02d}.png": f"AB{n}" for n in range(first, first + count)})
    return folder


def write_texts(folder, texts):
    lines = "".join(f"{name},{text}\n" for name, text in texts.items())
    (folder / "texts.csv").write_text(f"file,text\n{lines}")


def test_a_clean_set_has_no_problems(tmp_path):
    code, said, found, report = checked(
        tmp_path, clean_pairs(tmp_path / "pairs"), "--validation", "2"
    )
    assert code == 0 and not found
    assert report["pictures"] == {"sharp": 5, "blurred": 5}
    assert "5 sharp pictures, 5 blurred pictures" in said and "0 errors" in said
    photos(tmp_path / "flat", 4, SIZE)
    assert not checked(tmp_path, tmp_path / "flat", "--validation", "2")[2]


def test_each_planted_defect_is_found_and_nothing_else(tmp_path):
    """Two parts with one of every kind of problem."""
    train = clean_pairs(tmp_path / "set/train", 12)
    held_out = clean_pairs(tmp_path / "set/validation", 4, first=50)
    sharp, blurred, kernels = (train / x for x in ("sharp", "blurred", "kernels"))

    whole = (sharp / "00.png").read_bytes()
    (sharp / "00.png").write_bytes(whole[: len(whole) // 2])
    (blurred / "01.png").unlink()
    (sharp / "02.png").unlink()
    (kernels / "02.npy").unlink()
    save(blurred / "03.png", photo(64, 95, 3))
    np.save(kernels / "04.npy", np.full((3, 3), 0.1))
    (kernels / "05.npy").write_bytes(b"no array")
    (kernels / "06.npy").unlink()
    other = train / "blurred/07.png"
    Image.open(other).save(other, "BMP")
    np.save(kernels / "gone.npy", np.ones((1, 1)))
    shutil.copy(sharp / "08.png", sharp / "07.png")
    again = np.clip(images.read_rgb(sharp / "10.png") * 0.9 + 9, 0, 255)
    save(sharp / "09.png", again.astype(np.uint8))
    save(sharp / "11.png", softened(photo(*SIZE, 11)))
    texts = {f"{n:02d}.png": "A1" for n in range(12) if n not in (2, 11)}
    write_texts(train, texts | {"lost.png": "B2"})
    shutil.copy(sharp / "03.png", held_out / "sharp/50.png")
    picture = Image.open(sharp / "04.png")
    picture.save(
        held_out / "sharp/51.png", compress_level=1
    )  # other bytes, same pixels

    code, said, found, report = checked(tmp_path, tmp_path / "set")
    assert found == {
        ("unreadable", "train/sharp/00.png"),
        ("no mate", "train/sharp/01.png"),
        ("no mate", "train/blurred/02.png"),
        ("no mate", "train/kernels/gone.npy"),
        ("sizes differ", "train/blurred/03.png"),
        ("bad kernel", "train/kernels/04.npy"),
        ("bad kernel", "train/kernels/05.npy"),
        ("no kernel", "train/sharp/06.png"),
        ("other format", "train/blurred/07.png"),
        ("duplicate", "train/sharp/08.png"),
        ("near duplicate", "train/sharp/10.png"),
        ("not sharp", "train/sharp/11.png"),
        ("no text", "train/sharp/11.png"),
        ("text without file", "train/texts.csv"),
        ("leak", "validation/sharp/50.png"),
        ("near leak", "validation/sharp/51.png"),
    }
    assert {kind for kind, _ in found} == SEVERITY.keys()
    assert code == 1 and report["errors"] == 10 and report["warnings"] == 6
    for text in (
        "damaged or cut short",
        "blurred/01.png is missing",
        "95x64 and 96x64",
        "its sum is 0.9, not 1",
        "lost.png has a text",
        "looks like train/sharp/04.png, 0 of 256 bits differ",
        "10 errors, 6 warnings",
    ):
        assert text in said


def test_leaks_against_another_folder_and_across_a_trainings_split(tmp_path):
    folder = photos(tmp_path / "a", 6, SIZE)
    other = tmp_path / "b"
    save(other / "x.jpg", photo(*SIZE, 3))  # compressed: it looks the same
    assert not checked(tmp_path, folder, "--validation", "2")[2]
    code, said, found, _ = checked(tmp_path, folder, "--against", other)
    assert (
        code == 1 and found == {("near leak", "03.png")} and "looks like x.jpg" in said
    )

    held_out = hold_out((f"{number:02d}.png" for number in range(6)), 3)
    to_train = sorted({f"{number:02d}.png" for number in range(6)} - held_out)
    one, other_name = sorted(held_out)[0], to_train[0]
    shutil.copy(folder / other_name, folder / one)
    twice = ("duplicate", max(one, other_name))
    found = checked(tmp_path, folder, "--validation", "3")[2]
    assert found == {("leak", one), twice}
    assert checked(tmp_path, folder, "--validation", "0")[2] == {twice}


def test_the_hash_keeps_what_copies_change_and_tells_pictures_apart():
    rng = np.random.default_rng(0)
    pictures = [
        cv2.resize(rng.integers(0, 256, (12, 18, 3), np.uint8), (180, 120))
        for _ in range(30)
    ]
    hashes = np.array([perceptual_hash(picture) for picture in pictures])
    assert hashes.shape == (30, 4) and hashes.dtype == np.uint64
    apart = distances(hashes, hashes) + 256 * np.eye(30, dtype=int)
    assert apart.min() > 2 * NEAR
    for change in (
        lambda picture: cv2.resize(picture, None, fx=0.5, fy=0.5),
        lambda picture: np.clip(picture * 0.8 + 20, 0, 255).astype(np.uint8),
        lambda picture: np.clip(
            picture + rng.normal(0, 5, picture.shape), 0, 255
        ).astype(np.uint8),
        lambda picture: picture[2:, 3:],
    ):
        changed = np.array([perceptual_hash(change(picture)) for picture in pictures])
        found = list(near_across(changed, hashes))
        assert [(near.item, near.other) for near in found] == [
            (n, n) for n in range(30)
        ]


def test_the_nearest_earlier_one_is_found_across_blocks(monkeypatch):
    monkeypatch.setattr("deblurgan_tf.preparation.fingerprints.BLOCK", 3)
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**63, (10, 4)).astype(np.uint64)
    hashes[7] = hashes[1]
    hashes[7, 0] ^= np.uint64(0b1011)
    hashes[9] = hashes[7]
    assert list(near_earlier(hashes)) == [Near(7, 1, 3), Near(9, 7, 0)]
    assert list(near_across(hashes[:3], hashes[5:])) == [Near(1, 2, 3)]
    assert list(near_across(hashes, hashes[:0])) == []
    slow = [
        [bin(int(a) ^ int(b)).count("1") for b in hashes[:, 0]] for a in hashes[:, 0]
    ]
    np.testing.assert_array_equal(distances(hashes[:, :1], hashes[:, :1]), slow)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (np.full((4, 4), 1 / 16), "odd"),
        (np.full((3, 5), 1 / 15), "square"),
        (np.eye(3) / 3 - 0.1 * np.eye(3)[::-1], "negative"),
        (np.eye(5), "its sum is 5"),
        (np.eye(3, dtype=int), "floating"),
        (np.full((3, 3), np.nan), "finite"),
        (np.pad([[1.0]], ((0, 2), (1, 1))), "1.00 pixels off"),
        (np.eye(7) / 7, None),
        (np.eye(7, dtype=np.float32) / 7, None),
    ],
)
def test_what_a_kernel_is(kernel, message):
    fault = kernel_fault(kernel)
    assert fault is None if message is None else message in fault


def test_work_side_by_side_keeps_the_order_and_runs_ahead_a_little_only():
    begun = []

    def items():
        for number in range(1000):
            begun.append(number)
            yield number

    results = side_by_side(lambda number: number**2, items())
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert len(begun) < 300
    assert list(results) == [number**2 for number in range(3, 1000)]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ((), "there are no pictures"),
        (("blurred",), "has only blurred/"),
        (("train",), "has train/ but not validation/"),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path, folders, message):
    for folder in folders:
        photos(tmp_path / folder, 1)
    code, said = run(tmp_path)
    assert code == 2 and message in said
    code, said = run(tmp_path / "nowhere")
    assert code == 2 and "no such folder" in said
