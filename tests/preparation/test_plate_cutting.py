"""prepare plates: sharpness in pixels, straight crops, reasons for dropping."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest
from helpers.pictures import photo, save
from helpers.places import REFERENCE
from typer.testing import CliRunner

from deblurgan_tf import images, prepare
from deblurgan_tf.data.plates.render import render
from deblurgan_tf.deconvolution.sharpness import NOT_SHARP, edge_width
from deblurgan_tf.plates.boxes import Box, FoundPlate, grow
from deblurgan_tf.plates.detection import Reading
from deblurgan_tf.preparation import plate_cutting
from deblurgan_tf.preparation.plate_cutting import JUDGED_WIDTH, Limits, cut_plates
from deblurgan_tf.preparation.straightening import (
    Slant,
    cut_straight,
    find_slant,
    straight_size,
)
from deblurgan_tf.preparation.tables import GivenPlate
from deblurgan_tf.restoring import requests

CROPS = REFERENCE / "plates" / "us_crops"


def run(*arguments):
    result = CliRunner().invoke(prepare.app, ["plates", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


# Sharpness


def edges(sigma, height=120, width=160):
    """Steps along x and y, blurred by a Gaussian: uint8 (H, W)."""
    rows, columns = np.mgrid[:height, :width]
    sharp = 60.0 + 120.0 * ((columns // 40 + rows // 40) % 2)
    return np.rint(cv2.GaussianBlur(sharp, (0, 0), sigma)).astype(np.uint8)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.5, 2.5, 3.0])
def test_the_width_of_a_blurred_step_is_its_gaussians(sigma):
    assert edge_width(edges(sigma)) == pytest.approx(sigma, abs=0.15)


def test_the_width_does_not_depend_on_brightness_contrast_or_size():
    picture = edges(2.0)
    width = edge_width(picture)
    assert edge_width(255 - picture) == pytest.approx(width, abs=0.01)
    dim = np.rint(picture * 0.3 + 10).astype(np.uint8)
    assert edge_width(dim) == pytest.approx(width, rel=0.05)
    large = edges(2.0, 1540, 1560)  # beyond this size parts of it are looked at
    assert edge_width(large) == pytest.approx(width, rel=0.05)
    colour = cv2.merge([picture] * 3)
    assert edge_width(colour) == width


@pytest.mark.parametrize("angle", [0, 45, 90, 135])
def test_motion_in_any_direction_widens_the_edges(angle):
    line = np.zeros((13, 13))
    x, y = np.rint(6 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]))
    cv2.line(line, (int(6 - x), int(6 - y)), (int(6 + x), int(6 + y)), 1.0)
    sharp = photo(160, 200, 0)
    blurred = cv2.filter2D(sharp, -1, line / line.sum())
    assert edge_width(sharp) < NOT_SHARP < 2 < edge_width(blurred)


def test_without_edges_there_is_no_width():
    assert edge_width(np.full((50, 50), 77, np.uint8)) is None
    assert edge_width(np.zeros((4, 90), np.uint8)) is None


@pytest.mark.skipif(not CROPS.is_dir(), reason="needs the plates beside the checkout")
def test_real_plates_are_distinguished_from_blurred_ones():
    kernel = np.full((1, 9), 1 / 9)
    sharp = [images.read_rgb(file) for file in images.find(CROPS)[::12]]
    called_blurred = [edge_width(crop) > NOT_SHARP for crop in sharp]
    found = [edge_width(cv2.filter2D(crop, -1, kernel)) > NOT_SHARP for crop in sharp]
    assert np.mean(called_blurred) <= 0.1 and np.mean(found) >= 0.9


# Straightening


def slanted(seed, slant):
    """A rendered plate, rotated and sheared: photo, corners, its true slant."""
    plate = render(seed, 96, 192, with_glyphs=False)
    rows, strokes = np.radians(slant)
    to_picture = np.array(
        [[np.cos(rows), -np.sin(strokes), 0], [np.sin(rows), np.cos(strokes), 0]]
    )
    to_picture[:, 2] = (136, 88) - to_picture[:, :2] @ (96, 48)
    picture = cv2.warpAffine(
        plate.image, to_picture, (272, 176), borderMode=cv2.BORDER_REFLECT_101
    )
    corners = plate.corners @ to_picture[:, :2].T + to_picture[:, 2]
    along = corners[1] - corners[0] + corners[2] - corners[3]
    down = corners[3] - corners[0] + corners[2] - corners[1]
    return (
        picture,
        corners,
        Slant(
            float(np.degrees(np.arctan2(along[1], along[0]))),
            float(np.degrees(np.arctan2(-down[0], down[1]))),
        ),
    )


def upright_box(corners):
    x0, y0 = np.floor(corners.min(axis=0)).astype(int).clip(0).tolist()
    x1, y1 = np.ceil(corners.max(axis=0)).astype(int).tolist()
    return Box(x0, y0, x1 - x0, y1 - y0)


def test_the_slant_of_rendered_plates_is_found():
    """On 120 plates half are within 0.1 and 0.6 degrees, nine of ten within 0.7 and
    2.2 (rows and strokes).
    """
    wanted = [(-9, -9), (-6, 3), (-3, -12), (0, 0), (2, 10), (4, 4), (7, -2), (10, 10)]
    errors = []
    for seed, slant in enumerate(wanted * 2):
        picture, corners, truth = slanted(seed, slant)
        found = find_slant(upright_box(corners).cut(picture))
        errors.append(np.abs(np.subtract(found, truth)))
    rows, strokes = np.transpose(errors)
    assert np.median(rows) < 0.3 and rows.max() < 2
    assert np.median(strokes) < 1 and np.percentile(strokes, 80) < 2.5


def test_a_straightened_plate_is_the_plate_before_it_was_slanted():
    plate = render(3, 96, 192, with_glyphs=False).image
    plate = cv2.GaussianBlur(plate, (0, 0), 1)
    slant = Slant(8.0, 3.0)
    rows, strokes = np.radians(slant)
    to_picture = np.array(
        [[np.cos(rows), -np.sin(strokes), 40.0], [np.sin(rows), np.cos(strokes), 10.0]]
    )
    picture = cv2.warpAffine(plate, to_picture, (250, 170), flags=cv2.INTER_CUBIC)
    corners = np.array([(0, 0), (191, 0), (191, 95), (0, 95)]) @ to_picture[:, :2].T
    box = upright_box(corners + to_picture[:, 2])
    assert straight_size(box, slant) == pytest.approx((192, 96), abs=2)
    result = cut_straight(picture, box, slant, (0, 0))
    inner = cv2.matchTemplate(result, plate[8:-8, 8:-8], cv2.TM_CCOEFF_NORMED)
    assert inner.max() > 0.99


def test_a_level_plate_is_cut_without_resampling():
    picture = photo(60, 90, 0)
    box = Box(7, 5, 41, 20)
    result = cut_straight(picture, box, Slant(0, 0), (0, 0))
    np.testing.assert_array_equal(result, box.cut(picture))


def test_a_slope_that_the_box_cannot_hold_keeps_a_plates_shape():
    width, height = straight_size(Box(0, 0, 100, 20), Slant(15, 0))
    assert width / height == pytest.approx(8)
    assert straight_size(Box(0, 0, 200, 20), Slant(0, 0)) == pytest.approx((200, 20))


# Which plates are kept


def plate_picture(height=80, width=160):
    return render(11, height, width, with_glyphs=False).image


def stripes(angle):
    rows, columns = np.mgrid[:80, :160]
    wave = np.cos((rows - np.tan(np.radians(angle)) * columns) * 0.12)
    return cv2.merge([np.rint(128 + 100 * wave).astype(np.uint8)] * 3)


def scene():
    """A photo with a plate for every reason: pixels, reason -> box."""
    good = plate_picture()
    grey = cv2.cvtColor(good, cv2.COLOR_RGB2GRAY)
    dull = cv2.merge([(120 + (grey.astype(int) - 120) // 12).astype(np.uint8)] * 3)
    parts = {
        None: good,
        "small": cv2.resize(good, (50, 25), interpolation=cv2.INTER_AREA),
        "slanted": stripes(28),
        "shape": cv2.resize(good, (200, 22), interpolation=cv2.INTER_AREA),
        "flat": dull,
        "blurred": good,
        "unsure": good,
        "unread": good,
        "cut off": good,
    }
    pixels = np.full((400, 700, 3), 90, np.uint8)
    boxes = {}
    for number, (reason, part) in enumerate(parts.items()):
        height, width = part.shape[:2]
        x, y = 10 + number % 3 * 230, 10 + number // 3 * 130
        if reason == "cut off":
            y = 400 - height
        boxes[reason] = Box(x, y, width, height)
        boxes[reason].cut(pixels)[:] = part
        if reason == "blurred":
            around = grow(boxes[reason], 30, 24, 400, 700).cut(pixels)
            around[:] = cv2.GaussianBlur(around, (0, 0), 4)
    return pixels, boxes


@pytest.fixture
def ocr(monkeypatch):
    """A detector that knows the boxes of the scene, and a reader of all but one."""
    pixels, boxes = scene()
    monkeypatch.setattr(requests, "check_ocr", lambda option: None)
    monkeypatch.setattr(
        plate_cutting,
        "find_plates",
        lambda _: [
            FoundPlate(box, 0.1 if reason == "unsure" else 0.9)
            for reason, box in boxes.items()
        ],
    )
    # Each place is read once, in the order of the detector.
    readings = iter(
        Reading("???", 0.5) if reason == "unread" else Reading("AB123", 0.95)
        for reason in boxes
    )
    monkeypatch.setattr(plate_cutting, "read_plate", lambda _: next(readings))
    return pixels, boxes


def test_each_reason_for_dropping_a_plate_occurs_once(ocr, tmp_path):
    pixels, boxes = ocr
    save(tmp_path / "in" / "street.png", pixels)
    out = tmp_path / "out"
    code, said = run(tmp_path / "in", "--output", out, "--read")
    assert code == 0 and "kept 1 of 9 plates" in said, said
    with open(out / "report.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {row["reason"] or None: row for row in rows}
    assert found.keys() == boxes.keys() and len(rows) == 9
    for reason, box in boxes.items():
        assert tuple(int(found[reason][key]) for key in "xywh") == box
        assert found[reason]["kept"] == ("no" if reason else "yes")
    assert [path.name for path in images.find(out)] == [found[None]["file"]]
    assert (out / "texts.csv").read_text() == "file,text\nstreet.png-1.png,AB123\n"


def test_given_boxes_keep_their_texts(tmp_path):
    picture = plate_picture()
    for name in ("a/one.png", "two.jpg"):
        save(tmp_path / "in" / name, np.pad(picture, ((30,) * 2, (40,) * 2, (0, 0))))
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    lines = "file,x,y,w,h,text\na/one.png,40,30,160,80,XY 77\ntwo.jpg,40,30,160,80,\n"
    lines += "gone.png,1,1,5,5,\n"
    (tmp_path / "boxes.csv").write_text(lines)
    out = tmp_path / "out"
    arguments = (tmp_path / "in", "--output", out, "--boxes", tmp_path / "boxes.csv")
    code, said = run(*arguments)
    assert code == 1 and "kept 2 of 2" in said and "2 photos done, 1 failed" in said
    assert "gone.png is none of the photos" in said and "broken.png" in said
    assert (out / "texts.csv").read_text() == "file,text\na/one.png-1.png,XY 77\n"
    crop = images.read_rgb(out / "two.jpg-1.png")
    assert crop.shape[1] == pytest.approx(160 * 1.08, abs=8)

    code, said = run(*arguments)
    assert code == 2 and "is not empty" in said


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("file,x,y,w\n", "has no column h"),
        ("file,x,y,w,h\na.png,1,2,3,many\n", "line 2: x, y, w and h must be whole"),
        ("file,x,y,w,h\na.png,1,2,3,0\n", "line 2: x and y count from 0"),
    ],
)
def test_bad_tables_of_boxes_are_refused_by_line(tmp_path, lines, message):
    save(tmp_path / "a.png", photo(20, 20, 0))
    table = tmp_path / "boxes.csv"
    table.write_text(lines)
    code, said = run(tmp_path, "--output", tmp_path / "out", "--boxes", table)
    assert code == 2 and message in said


def test_a_box_outside_its_photo_fails_that_photo_alone(tmp_path):
    save(tmp_path / "in/a.png", photo(20, 20, 0))
    table = tmp_path / "boxes.csv"
    table.write_text("file,x,y,w,h\na.png,10,10,20,5\n")
    code, said = run(tmp_path / "in", "--output", tmp_path / "out", "--boxes", table)
    assert code == 1 and "a.png: box 10,10,20,5 is not inside the picture" in said


def test_sharpness_is_judged_at_one_size():
    """A plate with the same blur, as a part of its width, at twice the size."""
    sharp = render(5, 2 * JUDGED_WIDTH // 2, 2 * JUDGED_WIDTH, with_glyphs=False).image
    widths = []
    for picture, sigma in ((sharp, 4.0), (cv2.pyrDown(sharp), 2.0)):
        blurred = cv2.GaussianBlur(picture, (0, 0), sigma)
        height, width = blurred.shape[:2]
        canvas = cv2.copyMakeBorder(blurred, 30, 30, 30, 30, cv2.BORDER_REPLICATE)
        given = [GivenPlate(Box(30, 30, width, height), None)]
        widths.append(cut_plates(canvas, given, Limits())[0].edge_width)
    assert widths[0] == pytest.approx(widths[1], rel=0.15)
