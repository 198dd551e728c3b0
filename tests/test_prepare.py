"""prepare: pairs equal their kernels, plates come out straight, defects are found."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml
from helpers.pictures import energy, photo, photos, save
from typer.testing import CliRunner

import deblurgan_tf
from deblurgan_tf import images, prepare
from deblurgan_tf.config import Blur
from deblurgan_tf.preparation import pair_making, pairs_folder
from deblurgan_tf.preparation.data_check import kernel_fault
from deblurgan_tf.storage import provenance
from deblurgan_tf.storage.leftovers import PREFIX

WEAK = ("--canvas", "17", "--length", "12", "--noise", "0")


def run(*arguments):
    result = CliRunner().invoke(prepare.app, [str(x) for x in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# prepare blur


@pytest.mark.parametrize("kind", ["trajectory", "linear", "defocus"])
def test_the_blurred_file_is_the_sharp_one_convolved_with_the_kernel(tmp_path, kind):
    photos(tmp_path / "in" / "deep", 3, (40, 61))
    code, said = run(
        "blur", tmp_path / "in", "--output", tmp_path / "out", "--kind", kind, *WEAK
    )
    assert code == 0, said
    for number in range(3):
        name = f"deep/{number:02d}"
        sharp = images.read_rgb(tmp_path / "out/sharp" / f"{name}.png")
        blurred = images.read_rgb(tmp_path / "out/blurred" / f"{name}.png")
        kernel = np.load(tmp_path / "out/kernels" / f"{name}.npy")
        np.testing.assert_array_equal(sharp, photo(40, 61, number))
        assert kernel.dtype == np.float64 and kernel_fault(kernel) is None
        expected = cv2.filter2D(
            sharp.astype(np.float64),
            -1,
            np.flip(kernel).copy(),
            borderType=cv2.BORDER_REFLECT_101,
        )
        # Rounded to the nearest level, but for what float32 cannot tell from a half.
        assert np.abs(blurred - expected).max() < 0.5 + 1e-3
        assert energy(blurred) < energy(sharp)


def test_a_pair_depends_on_its_name_and_the_seed_alone(tmp_path):
    photos(tmp_path / "three", 3)
    for number in (0, 2):
        save(tmp_path / "two" / f"{number:02d}.png", photo(40, 44, number))
    more = [*WEAK[:-1], "1,3"]
    for source, name, seed in (
        ("three", "a", 5), ("two", "b", 5), ("three", "c", 6)
    ):  # fmt: skip
        code, said = run(
            "blur",
            tmp_path / source,
            "--output",
            tmp_path / name,
            "--seed",
            seed,
            *more,
        )
        assert code == 0, said
    a, b, c = (contents(tmp_path / name) for name in "abc")
    shared = {name for name in b if name != "pairs.yaml"}
    assert {name.split("/")[0] for name in shared} == {"blurred", "sharp", "kernels"}
    assert len(shared) == 6 and all(a[name] == b[name] for name in shared)
    for name in ("blurred/00.png", "kernels/00.npy"):
        assert a[name] != c[name]
        assert a[name] != a[name.replace("00", "01")]


def test_the_noise_has_the_deviation_that_was_asked_for():
    sharp = np.full((200, 200, 3), 128, np.uint8)
    how = Blur(canvas=9, length=6, noise=(4.0, 4.0))
    recipe = pair_making.Recipe(0, how)
    one = pair_making.make_pair(sharp, "a", recipe).blurred.astype(float)
    other = pair_making.make_pair(sharp, "b", recipe).blurred.astype(float)
    # 1/12 is what rounding adds to the variance.
    assert one.std() == pytest.approx((16 + 1 / 12) ** 0.5, rel=0.02)
    assert one.mean() == pytest.approx(128, abs=0.1)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02


def test_kernels_are_kernels_and_fit_the_canvas_for_every_number():
    """Short exposures too: the rest of the path may leave the canvas far behind."""
    how = Blur()
    sides = set()
    # The path of the first one leaves the canvas after its exposure.
    for number in (1824661166, *range(8)):
        kernel = pair_making.draw_kernel(how, number)
        assert kernel_fault(kernel) is None
        assert kernel.sum() == pytest.approx(1, abs=1e-12)
        sides.add(len(kernel))
    assert max(sides) <= 65 and len(sides) > 4


def test_it_goes_on_grows_and_refuses_other_arguments(tmp_path):
    source, out = photos(tmp_path / "in", 2), tmp_path / "out"
    assert run("blur", source, "--output", out, *WEAK)[0] == 0
    before = contents(out)
    (out / "blurred/01.png").unlink()  # as if it had been killed here
    save(source / "02.png", photo(40, 44, 2))
    code, said = run("blur", source, "--output", out, *WEAK)
    assert code == 0 and "made 2, there already 1" in said
    after = contents(out)
    assert {name: after[name] for name in before} == before
    assert "blurred/02.png" in after

    code, said = run(
        "blur", source, "--output", out, *WEAK, "--seed", "1", "--gamma", "2.2"
    )
    assert code == 2 and "blur.gamma, seed" in said
    assert contents(out) == after
    protocol = yaml.safe_load((out / "pairs.yaml").read_text())
    assert protocol["arguments"]["blur"]["length"] == 12
    assert protocol["arguments"]["seed"] == 0 and "tensorflow" in protocol["versions"]

    code, said = run("blur", source, "--output", source / "..", *WEAK)
    assert code == 2 and "is not empty" in said


@pytest.mark.parametrize("missing", [["opencv-python-headless"], None])
def test_libraries_need_not_come_from_the_distributions_that_we_name(
    tmp_path, monkeypatch, missing
):
    """OpenCV may be installed as opencv-python; a checkout may have no metadata."""
    version = provenance.installed_version

    def without(name):
        if missing is None or name in missing:
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(provenance, "installed_version", without)
    code, said = run(
        "blur", photos(tmp_path / "in", 1), "--output", tmp_path / "out", *WEAK
    )
    assert code == 0, said
    protocol = yaml.safe_load((tmp_path / "out/pairs.yaml").read_text())
    assert protocol["versions"]["deblurgan_tf"] == deblurgan_tf.__version__
    assert "opencv-python-headless" not in protocol["versions"]
    assert ("tensorflow" in protocol["versions"]) == (missing is not None)


def test_a_fault_of_this_package_is_no_failure_of_a_picture(tmp_path, monkeypatch):
    def faulty(*_):
        raise ValueError("shapes do not match")

    monkeypatch.setattr(pairs_folder, "make_pair", faulty)
    source = photos(tmp_path / "in", 1)
    with pytest.raises(ValueError, match="shapes do not match"):
        run("blur", source, "--output", tmp_path / "out", *WEAK)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pairs_folder, "write_text", full)
    source = photos(tmp_path / "in", 1)
    code, said = run("blur", source, "--output", tmp_path / "out", *WEAK)
    assert code == 2 and "pairs.yaml: " in said and "No space left" in said


def test_inputs_are_not_overwritten_and_changed_ones_are_named(tmp_path):
    source, out = photos(tmp_path / "in", 2), tmp_path / "out"
    command = ("--output", out, *WEAK, "--width", "40")
    assert run("blur", source, *command)[0] == 0
    before = contents(out)
    code, said = run("blur", out / "sharp", *command)
    assert code == 2 and "is an input and would be overwritten" in said
    save(source / "01.png", photo(40, 44, 7))
    code, said = run("blur", source, *command)
    assert code == 1 and "there already 1, failed 1" in said
    assert "to make the pair again" in said
    assert contents(out) == before


def test_texts_travel_with_the_pairs(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name in ("a.jpg", "b.png", "c.png"):
        save(source / name, photo(40, 44, 0))
    lines = 'file,state,text\na.jpg,ak,"AB 12"\nc.png,al,\ngone.png,al,X\n'
    (source / "plates.csv").write_text(lines)
    assert run("blur", source / "a.jpg", "--output", out, *WEAK)[0] == 0
    save(tmp_path / "more" / "d.png", photo(40, 44, 1))
    (tmp_path / "more" / "texts.csv").write_text("file,text\nd.png,ZZ9\n")
    assert run("blur", source, tmp_path / "more", "--output", out, *WEAK)[0] == 0
    assert (out / "texts.csv").read_text() == "file,text\na.png,AB 12\nd.png,ZZ9\n"

    (source / "plates.csv").write_text("name,text\n")
    code, said = run("blur", source, "--output", out, *WEAK)
    assert code == 2 and "has no column file" in said


def test_width_and_count(tmp_path):
    source, out = photos(tmp_path / "in", 6, (40, 80)), tmp_path / "out"
    arguments = ("--output", out, "--width", "60", *WEAK)
    code, said = run("blur", source, *arguments, "--count", "2")
    assert code == 0 and "enlarged" not in said
    chosen = images.find(out / "sharp")
    assert len(chosen) == 2 and images.size(chosen[0]) == (30, 60)
    expected = cv2.resize(
        images.read_rgb(source / chosen[0].name), (60, 30), interpolation=cv2.INTER_AREA
    )
    np.testing.assert_array_equal(images.read_rgb(chosen[0]), expected)
    assert run("blur", source, *arguments, "--count", "4")[0] == 0
    assert set(chosen) < set(images.find(out / "sharp"))
    code, said = run(
        "blur", source, "--output", tmp_path / "large", "--width", "100", *WEAK
    )
    assert code == 0 and "6 pictures were narrower than 100" in said


def test_one_bad_picture_is_reported_and_the_others_are_made(tmp_path):
    source, out = photos(tmp_path / "in", 2), tmp_path / "out"
    (source / "broken.png").write_bytes((source / "00.png").read_bytes()[:200])
    save(source / "tiny.png", photo(3, 3, 0))
    code, said = run("blur", source, "--output", out, *WEAK)
    assert code == 1 and "made 2, there already 0, failed 2" in said
    assert "broken.png: damaged or cut short" in said
    assert "tiny.png: pictures of 3x3 are too small" in said
    assert [p.name for p in images.find(out / "blurred")] == ["00.png", "01.png"]
    assert not list(out.rglob(f"{PREFIX}*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--length", "80"), "length 80 does not fit into canvas 65"),
        (("--noise", "3,1"), "--noise"),
        (("--exposures", "half"), "--exposures half: must be numbers"),
        (("--canvas", "16", "--length", "4"), "--canvas"),
    ],
)
def test_impossible_options_are_refused_by_name(tmp_path, arguments, message):
    photos(tmp_path / "in", 1)
    code, said = run("blur", tmp_path / "in", "--output", tmp_path / "out", *arguments)
    assert code == 2 and message in said


def test_two_pictures_of_one_name_are_refused(tmp_path):
    for name in ("a.png", "a.jpg"):
        save(tmp_path / "in" / name, photo(40, 44, 0))
    code, said = run("blur", tmp_path / "in", "--output", tmp_path / "out", *WEAK)
    assert code == 2 and "a.jpg" in said and "a.png" in said


def test_help_is_quick_and_needs_no_tensorflow():
    code = (
        "import sys; from typer.testing import CliRunner; from deblurgan_tf import "
        "prepare; r = [CliRunner().invoke(prepare.app, [c, '--help']) for c in "
        "('blur', 'plates', 'check')]; assert all(x.exit_code == 0 and 'Examples' in "
        "x.output for x in r); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
