"""The command: every kind of file, damaged ones among them."""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import tifffile
import typer
from helpers.networks import convolutional, narrow_resnet
from helpers.pictures import photo, save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from typer.testing import CliRunner

from deblurgan_tf import images, predict
from deblurgan_tf.inference.restorer import load
from deblurgan_tf.plates.boxes import Box
from deblurgan_tf.restoring import records
from deblurgan_tf.storage.installation import install_command


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "narrow.keras"
    narrow_resnet().save(path)
    return path


def run(model, *arguments, stdin=None):
    """(exit code, what it said); an exception that is not an exit fails the test."""
    result = CliRunner().invoke(
        predict.app, [*map(str, arguments), "--model", str(model)], input=stdin
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def inputs_of(report):
    return {line["input"]: line for line in json.loads(report.read_text())["inputs"]}


def left_over(folder):
    """Temporary files."""
    return [file for file in folder.rglob(".*") if file.name != records.FILE]


# What goes where.


def test_a_file_keeps_its_name_and_its_pixels_are_the_restorers(model, tmp_path):
    source = save(tmp_path / "in" / "a photo.png", photo(30, 40, 0))
    code, said = run(model, source, "--output", tmp_path / "out")
    assert code == 0, said
    assert "restored 1" in said
    result = tmp_path / "out" / "a photo.png"
    wanted = load(model).restore(images.read_rgb(source))
    np.testing.assert_array_equal(images.read_rgb(result), wanted)
    assert sorted((tmp_path / "out").iterdir()) == [
        *(tmp_path / "out" / records.FILE, result)
    ]


def test_a_folder_keeps_its_structure_and_what_is_no_picture_is_left(model, tmp_path):
    for name in ("a.png", "b/a.png", "b/c/a.jpg", ".hidden/a.png"):
        save(tmp_path / "in" / name, photo(20, 20, 0))
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    code, said = run(model, tmp_path / "in", "--output", tmp_path / "out")
    assert code == 0, said
    found = {
        str(p.relative_to(tmp_path / "out")) for p in images.find(tmp_path / "out")
    }
    assert found == {"a.png", "b/a.png", "b/c/a.jpg"}


def test_results_inside_an_input_folder_are_no_inputs(model, tmp_path):
    save(tmp_path / "a.png", photo(10, 10, 0))
    for expected in ("restored 1", "skipped 1"):
        code, said = run(model, tmp_path, "--output", tmp_path / "out")
        assert code == 0 and expected in said
    assert not (tmp_path / "out" / "out").exists()


def test_two_inputs_of_one_name_are_refused_before_anything_is_done(model, tmp_path):
    for name in ("a/x.png", "b/x.png"):
        save(tmp_path / name, photo(4, 4, 0))
    out = tmp_path / "out"
    code, said = run(model, tmp_path / "a/x.png", tmp_path / "b/x.png", "--output", out)
    assert code == 2
    assert "a/x.png" in said and "b/x.png" in said and "--output" in said
    assert not out.exists()


def test_results_are_skipped_unless_overwrite(model, tmp_path):
    source = save(tmp_path / "x.png", photo(20, 20, 0))
    out = tmp_path / "out"
    save(out / "x.png", photo(20, 20, 1))
    before = (out / "x.png").read_bytes()
    code, said = run(model, source, "--output", out)
    assert code == 0 and "skipped 1" in said and "--overwrite" in said
    assert "x.png: is there, but without a record of what made it" in said
    # Options are checked all the same.
    for wrong in (["--model", "none"], ["--tile", 20, "--model", model]):
        result = CliRunner().invoke(
            predict.app, [*map(str, (source, "--output", out, *wrong))]
        )
        assert result.exit_code == 2
    assert (out / "x.png").read_bytes() == before
    code, said = run(model, source, "--output", out, "--overwrite")
    assert code == 0 and "restored 1" in said
    assert (out / "x.png").read_bytes() != before


def test_results_of_another_model_are_told_kept_and_made_anew(model, tmp_path):
    source = save(tmp_path / "x.png", photo(20, 20, 0))
    out, report = tmp_path / "out", tmp_path / "report.json"
    other = tmp_path / "other.keras"
    convolutional().save(other)
    arguments = (source, "--output", out, "--report", report)
    assert run(model, *arguments)[0] == 0
    before = (out / "x.png").read_bytes()
    code, said = run(other, *arguments)
    assert code == 1 and "skipped 1" in said
    assert f"x.png: is there, but made by {model}; --overwrite makes it anew" in said
    assert "have a result already" not in said
    line = inputs_of(report)[str(source)]
    assert (line["status"], line["model"]) == ("skipped", str(model))
    assert line["why"] == f"made by {model}"
    assert (out / "x.png").read_bytes() == before
    assert run(other, *arguments, "--overwrite")[0] == 0
    assert (out / "x.png").read_bytes() != before
    # It is what is asked for now.
    code, said = run(other, *arguments)
    assert code == 0 and "skipped 1" in said and "have a result already" in said


def test_two_runs_write_the_same_bytes(model, tmp_path):
    for name in ("a.png", "b.jpg", "c.tif", "d.webp"):
        save(tmp_path / "in" / name, photo(300, 300, 0))
    outputs = []
    for name in ("one", "two"):
        code, said = run(
            model, tmp_path / "in", "--output", tmp_path / name, "--tile", 256
        )
        assert code == 0, said
        files = images.find(tmp_path / name)
        outputs.append({file.name: file.read_bytes() for file in files})
    assert outputs[0] == outputs[1] and len(outputs[0]) == 4


def test_the_report_has_the_outcome_of_each_input(model, tmp_path):
    good = save(tmp_path / "in" / "good.png", photo(300, 280, 0))
    bad = tmp_path / "in" / "bad.png"
    bad.write_bytes(b"")
    old = save(tmp_path / "in" / "old.png", photo(9, 9, 0))
    out, report = tmp_path / "out", tmp_path / "report.json"
    save(out / "old.png", photo(9, 9, 0))
    code, _ = run(
        *(model, tmp_path / "in", "--output", out, "--report", report),
        *("--tile", 256, "--tta", "--precision", "bfloat16"),
    )
    assert code == 1
    whole = json.loads(report.read_text())
    assert whole["model"] == str(model) and whole["tile"] == 256
    assert whole["tta"] is True and whole["precision"] == "bfloat16"
    lines = inputs_of(report)
    assert lines[str(good)] | {"seconds": 0} == {
        "input": str(good),
        "output": str(out / "good.png"),
        "status": "restored",
        "why": None,
        "model": str(model),
        "size": [280, 300],
        "seconds": 0,
        "error": None,
        "tiles": {"grid": [2, 2], "size": [204, 216], "overlap": 96},
    }
    assert lines[str(good)]["seconds"] > 0
    assert lines[str(bad)]["status"] == "failed" and lines[str(bad)]["output"] is None
    assert "empty" in lines[str(bad)]["error"]
    assert lines[str(old)]["status"] == "skipped"
    assert "without a record" in lines[str(old)]["why"]
    assert lines[str(old)]["model"] is None
    assert not left_over(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--output", "file"], "cannot be made"),
        (["--output", "file/below"], "cannot be made"),
        (["--output", "out", "--tile", "20"], "at least"),
        (["--output", "out", "--precision", "half"], "float32"),
        (["--output", "out", "--report", "none/r.json"], "folder that exists"),
        ([], "--output"),
    ],
)
def test_wrong_usage_is_exit_code_2(model, tmp_path, monkeypatch, arguments, what):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "x.png", photo(4, 4, 0))
    (tmp_path / "file").write_text("")
    code, said = run(model, "x.png", *arguments)
    assert code == 2 and what in said


def test_a_missing_model_and_no_pictures_are_exit_code_2(model, tmp_path):
    source = save(tmp_path / "x.png", photo(4, 4, 0))
    code, said = run("no_such_model", source, "--output", tmp_path / "out")
    assert code == 2 and "no_such_model" in said and "--model" in said
    (tmp_path / "empty").mkdir()
    code, said = run(model, tmp_path / "empty", "--output", tmp_path / "out")
    assert code == 2 and "no pictures" in said


# What a picture carries.

MODES = {
    "grey.png": ("PNG", 8, True, False),
    "grey16.png": ("PNG", 16, True, False),
    "colour16.png": ("PNG", 16, False, False),
    "alpha.png": ("PNG", 8, False, True),
    "alpha16.png": ("PNG", 16, False, True),
    "photo.jpg": ("JPEG", 8, False, False),
    "grey.jpeg": ("JPEG", 8, True, False),
    "colour16.tif": ("TIFF", 16, False, False),
    "alpha.tiff": ("TIFF", 8, False, True),
    "alpha.webp": ("WEBP", 8, False, True),
    "plain.bmp": ("BMP", 8, False, False),
}


@given(
    st.sampled_from(sorted(MODES)),
    st.one_of(st.integers(1, 70), st.sampled_from([257, 600])),
    st.integers(1, 70),
    st.integers(1, 8),
)
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_size_depth_alpha_grey_and_metadata_are_kept(
    restorer, tmp_path_factory, name, height, width, orientation
):
    kind, depth, grey, alpha = MODES[name]
    folder = tmp_path_factory.mktemp("modes")
    pixels = photo(height, width, height)
    if grey:
        pixels = np.repeat(pixels[..., :1], 3, axis=2)
    if depth == 16:
        pixels = pixels.astype(np.uint16) * 256 + 7
    tags = Image.Exif()
    tags[0x010F], tags[0x0112] = "Maker", orientation
    holds = kind != "BMP"
    given = images.Picture(
        pixels,
        alpha=pixels[..., 0] if alpha else None,
        grey=grey,
        format=kind,
        icc=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        if holds and not grey
        else None,
        exif=b"Exif\0\0" + tags.tobytes()[6:] if holds else None,
        lossless=True,
    )
    source = folder / name
    images.write(source, given)
    before = images.read(source)
    code, said = restorer(source, "--output", folder / "out")
    assert code == 0, said
    after = images.read(folder / "out" / name)
    assert after.pixels.shape == before.pixels.shape
    assert after.pixels.dtype == (np.uint16 if depth == 16 else np.uint8)
    assert (after.format, after.grey, after.icc) == (kind, grey, before.icc)
    if alpha:
        np.testing.assert_array_equal(after.alpha, before.alpha)
    if holds:
        with Image.open(folder / "out" / name) as written:
            exif = written.getexif()
            assert exif.get(0x010F) == "Maker"
            assert exif.get(0x0112, 1) == 1
            # Read upright: a rotated picture has its sides exchanged.
            upright = before.pixels.shape[:2]
            assert (written.height, written.width) == upright


@pytest.fixture(scope="module")
def restorer(model):
    """`run`, the model loaded once: hypothesis asks many times."""
    once = load(model)
    patch = pytest.MonkeyPatch()
    patch.setattr("deblurgan_tf.restoring.files.load_restorer", lambda *_: once)
    yield lambda *arguments: run(model, *arguments)
    patch.undo()


def test_a_name_that_disagrees_with_the_content_stays_and_is_told_once(
    restorer, tmp_path
):
    given = tmp_path / "in"
    data = save(given / "good.png", photo(9, 9, 0)).read_bytes()
    for name in ("lie.jpg", "other.jpeg"):
        (given / name).write_bytes(data)
    Image.fromarray(photo(9, 9, 0)).save(given / "web.jpg", "WEBP", lossless=True)
    Image.fromarray(photo(9, 9, 0)).save(given / "moving.jpg", "GIF")
    for name in ("a.svg", "b.svg", "notes.txt"):
        (given / name).write_text("?")
    out = tmp_path / "out"
    code, said = restorer(given, "--output", out)
    assert code == 1 and "restored 4, failed 1" in said
    (told,) = (line for line in said.splitlines() if "by their content" in line)
    assert told.startswith("3 of 4 pictures") and "is a " in told
    (left_out,) = (line for line in said.splitlines() if "left out" in line)
    assert "2 .svg" in left_out and "notes" not in left_out
    assert "moving.jpg: GIF can be read but not written" in said
    results = {path.name: images.read(path) for path in images.find(out)}
    kinds = {name: picture.format for name, picture in results.items()}
    assert kinds == {
        "good.png": "PNG",
        "lie.jpg": "PNG",
        "other.jpeg": "PNG",
        "web.jpg": "WEBP",
    }
    for name in ("lie.jpg", "other.jpeg", "web.jpg"):
        assert np.array_equal(results[name].pixels, results["good.png"].pixels), name


def test_a_picture_that_hardly_changed_is_told(restorer, tmp_path, monkeypatch):
    source = save(tmp_path / "x.png", photo(40, 60, 0))
    monkeypatch.setattr(
        "deblurgan_tf.inference.restorer.Restorer.restore",
        lambda self, pixels, on_part=None: np.clip(pixels, 2, 253),
    )
    out, report = tmp_path / "out", tmp_path / "report.json"
    arguments = (source, "--output", out, "--report", report, "--overwrite")
    for box in ([], ["--box", "5,5,40,20"]):
        code, said = restorer(*arguments, *box)
        assert code == 0 and "unchanged 1; results in" in said
        assert "x.png: nearly as it was: " in said and "try --model plates" in said
        line = inputs_of(report)[str(source)]
        assert (line["status"], line["why"]) == ("unchanged", "hardly changed")


def test_a_pipe_fails_by_its_name_and_the_others_are_restored(restorer, tmp_path):
    good = save(tmp_path / "in" / "x.png", photo(20, 20, 0))
    for name in ("cam.png", "cam.mp4"):
        os.mkfifo(tmp_path / "in" / name)
    out, report = tmp_path / "out", tmp_path / "report.json"
    code, said = restorer(good.parent, "--output", out, "--report", report)
    assert code == 1 and "restored 1, failed 2" in said
    for name in ("cam.png", "cam.mp4"):
        line = inputs_of(report)[str(tmp_path / "in" / name)]
        assert line["error"].startswith(f"{tmp_path / 'in' / name}: is no regular file")


def test_a_report_may_not_replace_a_device(model, tmp_path):
    source = save(tmp_path / "x.png", photo(20, 20, 0))
    os.mkfifo(tmp_path / "report.json")
    out = tmp_path / "out"
    for report in ("/dev/null", tmp_path / "report.json"):
        code, said = run(model, source, "--output", out, "--report", report)
        assert code == 2 and "no regular file" in said


def test_a_name_that_is_no_utf8_makes_a_report_that_is(restorer, tmp_path):
    source = os.fsencode(tmp_path) + b"/M\xfcller.png"
    os.rename(save(tmp_path / "x.png", photo(20, 20, 0)), source)
    out, report = tmp_path / "out", tmp_path / "report.json"
    code, _ = restorer(os.fsdecode(source), "--output", out, "--report", report)
    assert code == 0
    (line,) = json.loads(report.read_bytes().decode("utf-8"))["inputs"]
    assert line["input"] == f"{tmp_path}/M\\xfcller.png"
    assert os.path.exists(os.fsencode(out) + b"/M\xfcller.png")


# Plates and videos.


def test_a_box_is_restored_alone_and_its_crops_are_saved(restorer, tmp_path):
    source = save(tmp_path / "in" / "a" / "street.png", photo(120, 160, 0))
    out, report = tmp_path / "out", tmp_path / "report.json"
    code, said = restorer(
        *(tmp_path / "in", "--output", out, "--box", "20,30,70,24"),
        *("--box", "100,80,40,20", "--report", report),
    )
    assert code == 0, said
    assert "plate at 20,30,70,24" in said
    before, after = images.read_rgb(source), images.read_rgb(out / "a" / "street.png")
    changed = (before != after).any(axis=2)
    assert changed[30:54, 20:90].any() and changed[80:100, 100:140].any()
    changed[30:54, 20:90] = changed[80:100, 100:140] = False
    assert not changed.any()
    (line,) = inputs_of(report).values()
    assert [plate["box"] for plate in line["plates"]] == [
        *([20, 30, 70, 24], [100, 80, 40, 20])
    ]
    for plate, (rows, columns) in zip(
        line["plates"],
        [(slice(30, 54), slice(20, 90)), (slice(80, 100), slice(100, 140))],
        strict=True,
    ):
        for when, whole in (("before", before), ("after", after)):
            crop = images.read_rgb(plate[f"crop_{when}"])
            np.testing.assert_array_equal(crop, whole[rows, columns])
    assert (out / "plates" / "a" / "street.png-2-after.png").exists()


def test_a_long_name_has_crops_too(restorer, tmp_path):
    source = save(tmp_path / ("n" * 251 + ".png"), photo(60, 80, 0))
    code, said = restorer(source, "--output", tmp_path / "out", "--box", "9,9,40,20")
    assert code == 0, said
    names = {path.name for path in (tmp_path / "out" / "plates").iterdir()}
    assert {name[-12:] for name in names} == {"-1-after.png", "1-before.png"}


def test_found_plates_are_shown_and_written_to_the_report(
    restorer, tmp_path, monkeypatch
):
    from deblurgan_tf.plates.boxes import FoundPlate
    from deblurgan_tf.plates.detection import Reading
    from deblurgan_tf.restoring import plates as plate_restoration

    places = [FoundPlate(Box(40, 40, 60, 20), 0.75)]
    monkeypatch.setattr("deblurgan_tf.restoring.requests.check_ocr", lambda: None)
    monkeypatch.setattr(plate_restoration, "find_plates", lambda pixels: places)
    monkeypatch.setattr(
        plate_restoration, "read_plate", lambda pixels: Reading("AB123", 0.5)
    )
    source = save(tmp_path / "street.png", photo(120, 160, 0))
    report = tmp_path / "report.json"
    arguments = (source, "--output", tmp_path / "out", "--report", report)
    code, said = restorer(*arguments, "--plates", "--read")
    assert code == 0, said
    assert "read AB123 (0.50) before, AB123 (0.50) after" in said
    (plate,) = inputs_of(report)[str(source)]["plates"]
    assert plate["score"] == 0.75 and plate["text_after"] == "AB123"
    assert plate["confidence_before"] == 0.5
    places.clear()
    code, said = restorer(*arguments, "--plates", "--overwrite")
    assert code == 0 and "no plate found; --box" in said
    assert "unchanged 1; results in" in said
    assert (tmp_path / "out" / "street.png").read_bytes() == source.read_bytes()
    line = inputs_of(report)[str(source)]
    assert (line["status"], line["why"]) == ("unchanged", "no plate found")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "what"),
    [
        (["--read"], 2, "add --plates or --box"),
        (["--box", "1,2,3"], 2, "x,y,w,h"),
        (["--box", "90,0,20,20"], 1, "x.png: box 90,0,20,20 is not inside"),
    ],
)
def test_wrong_boxes(restorer, tmp_path, arguments, exit_code, what):
    source = save(tmp_path / "x.png", photo(100, 100, 0))
    code, said = restorer(source, "--output", tmp_path / "out", *arguments)
    assert code == exit_code and what in said


def test_without_the_extra_the_command_to_install_it(restorer, tmp_path, monkeypatch):
    source = save(tmp_path / "x.png", photo(100, 100, 0))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, said = restorer(source, "--output", tmp_path / "out", "--plates")
    assert code == 2 and install_command("ocr") in said


def film(path, count=4):
    av = pytest.importorskip("av", reason="videos need the extra `video`")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(photo(48, 64, number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_video_is_restored_beside_pictures(restorer, tmp_path):
    film(tmp_path / "in" / "drive.mp4")
    save(tmp_path / "in" / "x.png", photo(20, 20, 0))
    (tmp_path / "in" / "broken.mp4").write_bytes(b"no video")
    out, report = tmp_path / "out", tmp_path / "report.json"
    code, said = restorer(tmp_path / "in", "--output", out, "--report", report)
    assert code == 1 and "broken.mp4" in said and "restored 2, failed 1" in said
    line = inputs_of(report)[str(tmp_path / "in" / "drive.mp4")]
    assert line["status"] == "restored" and line["frames"] == 4
    assert line["size"] == [64, 48] and line["broken_frames"] == []
    assert (out / "drive.mp4").exists() and not (out / "broken.mp4").exists()
    assert not left_over(out)
    code, said = restorer(
        *(tmp_path / "in" / "drive.mp4", "--output", out, "--overwrite"),
        *("--box", "8,8,40,16", "--report", report),
    )
    assert code == 0, said
    line = inputs_of(report)[str(tmp_path / "in" / "drive.mp4")]
    assert [plate["frame"] for plate in line["plates"]] == [0, 1, 2, 3]


# Damage.


def damaged_files(folder):
    """Over 300 files by name -> whether each can be restored; None: either is right."""
    rng = np.random.default_rng(0)
    expected = {}

    def put(name, data, good):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        expected[path] = good

    whole = {}
    for name, (kind, _, grey, alpha) in MODES.items():
        pixels = photo(24, 30, len(whole))
        deep = "16" in name
        if deep:
            pixels = pixels.astype(np.uint16) * 257
        picture = images.Picture(
            pixels, pixels[..., 0] if alpha else None, grey, kind, lossless=True
        )
        whole[name] = images.encode(picture)
    for name, data in whole.items():
        put(f"whole/{name}", data, True)
        put(f"zero/{name}", b"", False)
        put(f"zeros/{name}", bytes(len(data)), False)
        put(f"noise/{name}", rng.bytes(len(data)), False)
        for part in (1, 2, 5, 20, 50, 90):
            # A BMP's or TIFF's last bytes may be padding, or a PNG's end mark.
            cut = data[: len(data) * part // 100]
            put(f"cut {part}/{name}", cut, False if part < 90 else None)
        for number in range(14):
            changed = bytearray(data)
            for place in rng.integers(0, len(data), 1 + number % 4):
                changed[place] ^= 1 << rng.integers(8)
            put(f"flipped {number}/{name}", bytes(changed), None)
        other = "png" if not name.endswith("png") else "jpg"
        put(f"renamed/{name}.{other}", data, True)  # read by its content
    for number in range(30):
        header = bytearray(whole["alpha.png"])
        struct.pack_into(">II", header, 16, 2**31 - 1 - number, 2**30 + number)
        struct.pack_into(">I", header, 29, zlib.crc32(header[12:29]))
        put(f"huge/{number}.png", bytes(header), False)
        header = bytearray(whole["plain.bmp"])
        struct.pack_into("<ii", header, 18, 60_000, 60_000 + number)
        put(f"huge/{number}.bmp", bytes(header), False)

    def pillow(name, image, good, **options):
        out = io.BytesIO()
        image.save(out, **options)
        put(name, out.getvalue(), good)

    picture = Image.fromarray(photo(24, 30, 0))
    pillow("cmyk.jpg", picture.convert("CMYK"), True, format="JPEG")
    pillow("palette.png", picture.convert("P"), True, format="PNG")
    pillow("bits.png", picture.convert("1"), True, format="PNG")
    several = {"save_all": True, "append_images": [picture.rotate(90)]}
    pillow("animated.png", picture, False, format="PNG", **several)
    pillow("animated.webp", picture, False, format="WEBP", **several)
    pillow("pages.tif", picture, False, format="TIFF", **several)
    out = io.BytesIO()
    tifffile.imwrite(out, photo(24, 30, 0)[..., 0].astype(np.float32))
    put("float.tif", out.getvalue(), False)
    for name in ("có dấu cách.png", "biển số xe.jpg", "ảnh/Đường phố.tif", " .png"):
        put(
            name,
            whole[{"p": "alpha.png", "j": "photo.jpg", "t": "alpha.tiff"}[name[-3]]],
            True,
        )
    put("[brackets] *?.png", whole["alpha.png"], True)
    put("line\nbreak.png", whole["alpha.png"], True)
    # The result cannot be written: in its folder's place there is a file.
    put("blocked/x.png", whole["alpha.png"], False)
    return expected


def test_hundreds_of_damaged_inputs_stop_nothing(restorer, tmp_path):
    expected = damaged_files(tmp_path / "in")
    assert len(expected) >= 300
    out, report = tmp_path / "out", tmp_path / "report.json"
    out.mkdir()
    (out / "blocked").write_text("a file")
    missing = tmp_path / "not there.png"
    code, said = restorer(tmp_path / "in", missing, "--output", out, "--report", report)
    assert code == 1
    lines = inputs_of(report)
    assert lines.keys() == {str(path) for path in [*expected, missing]}
    for path, good in expected.items():
        line = lines[str(path)]
        result = out / path.relative_to(tmp_path / "in")
        if good is not None:
            assert line["status"] == ("restored" if good else "failed"), line
        if line["status"] == "restored":
            read = images.read(result)
            assert list(read.pixels.shape[1::-1]) == line["size"]
            assert line["error"] is None
        else:
            assert not result.exists()
            assert str(path) in line["error"] or str(result) in line["error"]
            assert line["error"] in said.replace("\r", "")
    assert "cannot be opened" in lines[str(missing)]["error"]
    assert not left_over(tmp_path)
    failed = sum(line["status"] == "failed" for line in lines.values())
    assert f"restored {len(lines) - failed}, failed {failed};" in said


# The command line itself.


def test_the_help_names_every_option_without_importing_tensorflow(tmp_path):
    code = (
        "import sys\nfrom deblurgan_tf import predict\n"
        "assert 'tensorflow' not in sys.modules\npredict.app(['--help'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ
        | {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    for parameter in typer.main.get_command(predict.app).params:
        for option in parameter.opts:
            assert option in result.stdout or option == "inputs", option
    assert "Examples:" in result.stdout and "Exit codes" in result.stdout


def test_the_command_reads_paths_from_standard_input(model, tmp_path):
    source = save(tmp_path / "ảnh mờ.png", photo(20, 20, 0))
    result = subprocess.run(
        [
            *(sys.executable, "-m", "deblurgan_tf.predict", "-"),
            *("--output", tmp_path / "out", "--model", model),
        ],
        input=f"{source}\n{tmp_path / 'none.png'}\n".encode(),
        # As in a shell: TensorFlow is not told to be quiet.
        env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
        | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
    )
    said = result.stderr.decode()
    assert result.returncode == 1, said
    failure, summary = said.splitlines()  # no line of TensorFlow's own
    assert "none.png: cannot be opened" in failure
    assert summary.startswith("restored 1, failed 1;")
    assert (tmp_path / "out" / source.name).exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
@pytest.mark.parametrize("name", ["colour.jpg", "grey.jpg", "deep.png"])
def test_a_hundred_megapixels_take_less_than_two_and_a_half_gigabytes(tmp_path, name):
    pixels = np.tile(photo(1000, 1000, 0), (10, 10, 1))
    if name == "deep.png":
        pixels = pixels.astype(np.uint16) * 257
    kind = images.FORMATS[name[-4:]]
    source = tmp_path / name
    images.write(source, images.Picture(pixels, grey="grey" in name, format=kind))
    convolutional().save(tmp_path / "small.keras")
    # Not getrusage: its peak begins with that of the process that forks.
    code = (
        "import re, sys\nfrom pathlib import Path\nfrom deblurgan_tf import predict\n"
        "predict.app(sys.argv[1:], standalone_mode=False)\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', status)[1])"
    )
    result = subprocess.run(
        [
            *(sys.executable, "-c", code, source, "--output", tmp_path / "out"),
            *("--model", tmp_path / "small.keras"),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    kilobytes = int(result.stdout.split()[-1])
    print(f"{name}: {kilobytes / 1e6:.2f} GB")
    assert kilobytes < 2.5e6
    assert images.size(tmp_path / "out" / name) == (10_000, 10_000)


# What a report, a crop or an earlier result must not do to an input.


def _run(*arguments):
    return CliRunner().invoke(predict.app, [str(x) for x in arguments])


def test_a_report_never_replaces_an_input_or_a_result(model, tmp_path):
    source = save(tmp_path / "a.png", photo(20, 20, 0))
    before = source.read_bytes()
    for report in (source, tmp_path / "out" / "a.png"):
        result = _run(
            *(source, "--output", tmp_path / "out", "--model", model),
            *("--report", report),
        )
        assert result.exit_code == 2
    assert source.read_bytes() == before


def test_crops_of_plates_never_replace_an_input(model, tmp_path):
    first = save(tmp_path / "plates" / "x.png", photo(40, 60, 0))
    second = save(tmp_path / "plates" / "x.png-1-before.png", photo(40, 60, 1))
    before = second.read_bytes()
    result = _run(
        *(first, second, "--output", tmp_path, "--model", model, "--box", "5,5,40,20"),
    )
    assert result.exit_code == 2
    assert second.read_bytes() == before


def test_a_folder_below_the_output_is_restored(model, tmp_path):
    save(tmp_path / "holiday" / "a.png", photo(20, 20, 0))
    result = _run(tmp_path / "holiday", "--output", tmp_path, "--model", model)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "a.png").exists()


def test_a_pattern_may_be_given_again(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.png", photo(20, 20, 0))
    for summary in ("restored 1", "skipped 1"):
        result = _run("**/*.png", "--output", "out", "--model", model)
        assert result.exit_code == 0, result.output
        assert summary in result.output
    assert [x.name for x in images.find(tmp_path / "out")] == ["a.png"]


def test_a_link_to_itself_is_an_error_of_one_line(model, tmp_path):
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    result = _run(tmp_path / "loop.png", "--output", tmp_path / "o", "--model", model)
    assert result.exit_code in (1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit)


# How it ends.


def _restoring(monkeypatch, end):
    """Restores, instead of all inputs, the first; then `end` is called."""
    from deblurgan_tf.restoring import files
    from deblurgan_tf.restoring.outcomes import Outcome

    def restore_files(request):
        yield Outcome(request.jobs[0], "restored")
        end()

    monkeypatch.setattr(files, "restore_files", restore_files)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_command_that_is_stopped_writes_its_report(
    tmp_path, monkeypatch, number, code
):
    _restoring(monkeypatch, lambda: signal.raise_signal(number))
    source = save(tmp_path / "a.png", photo(4, 4, 0))
    report = tmp_path / "report.json"
    result = _run(source, "--output", tmp_path / "out", "--report", report)
    assert result.exit_code == code
    assert inputs_of(report)[str(source)]["status"] == "restored"


def test_a_report_that_cannot_be_written_is_exit_code_1(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    _restoring(monkeypatch, lambda: None)
    monkeypatch.setattr("deblurgan_tf.restoring.report.write_json", refuse)
    source = save(tmp_path / "a.png", photo(4, 4, 0))
    report = tmp_path / "report.json"
    result = _run(source, "--output", tmp_path / "out", "--report", report)
    assert result.exit_code == 1
    assert "report.json: cannot be written (No space left" in result.stderr


def test_a_bug_fails_one_input_and_shows_its_traceback(model, tmp_path, monkeypatch):
    from deblurgan_tf.restoring.pictures import Restoration

    def broken(self, pixels, outcome, on_part):
        if len(pixels) == 5:
            raise IndexError("of a bug")
        return pixels

    monkeypatch.setattr(Restoration, "picture", broken)
    bad = save(tmp_path / "bad.png", photo(5, 5, 0))
    good = save(tmp_path / "good.png", photo(6, 6, 0))
    report = tmp_path / "report.json"
    result = _run(
        *(bad, good, "--output", tmp_path / "out", "--model", model),
        *("--report", report),
    )
    assert result.exit_code == 1
    assert "Traceback (most recent call last)" in result.stderr
    assert 'raise IndexError("of a bug")' in result.stderr
    assert "bad.png: IndexError: of a bug" in result.stderr
    lines = inputs_of(report)
    assert lines[str(good)]["status"] == "restored"
    assert lines[str(bad)].keys() == lines[str(good)].keys()
    assert lines[str(bad)]["error"].endswith("bad.png: IndexError: of a bug")
