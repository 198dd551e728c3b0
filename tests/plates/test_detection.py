"""Plates: boxes by closed forms, and finding and reading with the extra `ocr`."""

from __future__ import annotations

import csv
import importlib.util
import re
import sys

import cv2
import numpy as np
import pytest
from helpers.places import REFERENCE
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from deblurgan_tf import images
from deblurgan_tf.data.plates.render import render
from deblurgan_tf.errors import MissingExtra, UsageError
from deblurgan_tf.plates import detection as plates
from deblurgan_tf.plates.boxes import (
    Box,
    FoundPlate,
    check_inside,
    distinct,
    grow,
    iou,
    merge_rows,
    overlap,
    parse_box,
    union,
)
from deblurgan_tf.plates.detection import (
    Reading,
    find_plates,
    read_plate,
)
from deblurgan_tf.storage.installation import install_command
from deblurgan_tf.storage.resources import resource

PHOTOS = REFERENCE / "plates"
needs_ocr = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None, reason="needs the extra ocr"
)
needs_photos = pytest.mark.skipif(
    not PHOTOS.is_dir(), reason="needs the photos of plates beside the checkout"
)
some_box = st.builds(
    Box, st.integers(0, 30), st.integers(0, 30), st.integers(1, 30), st.integers(1, 30)
)


def test_iou_has_the_closed_forms():
    box = Box(10, 10, 40, 20)
    assert iou(box, box) == 1
    assert iou(box, Box(30, 10, 40, 20)) == pytest.approx(1 / 3)
    assert iou(box, Box(10, 20, 40, 20)) == pytest.approx(1 / 3)
    assert iou(box, Box(20, 15, 20, 10)) == pytest.approx(1 / 4)  # inside
    assert iou(box, Box(50, 10, 40, 20)) == 0  # they touch
    assert overlap(box, Box(60, 40, 5, 5)) == 0  # apart in both directions


@given(one=some_box, other=some_box)
def test_overlap_counts_the_shared_pixels(one, other):
    masks = np.zeros((2, 60, 60), bool)
    one.cut(masks[0])[:] = True
    other.cut(masks[1])[:] = True
    assert overlap(one, other) == overlap(other, one) == (masks[0] & masks[1]).sum()
    expected = (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()
    assert iou(one, other) == pytest.approx(expected)
    rows, columns = np.nonzero(masks[0] | masks[1])
    assert union(one, other) == Box(
        columns.min(),
        rows.min(),
        np.ptp(columns) + 1,
        np.ptp(rows) + 1,
    )


def test_grow_is_cut_at_the_edges_and_never_empty():
    box = Box(10, 10, 20, 8)
    assert grow(box, 3, 2, 100, 100) == Box(7, 8, 26, 12)
    assert grow(box, 50, 50, 40, 35) == Box(0, 0, 35, 40)
    assert grow(box, 0, -2, 100, 100) == Box(10, 12, 20, 4)
    assert grow(box, -50, -50, 100, 100)[2:] == (1, 1)
    assert grow(Box(99, 99, 9, 9), 0, 0, 100, 100) == Box(99, 99, 1, 1)


def test_parse_box_takes_four_whole_numbers():
    assert parse_box("120,80,200,60") == Box(120, 80, 200, 60)
    assert parse_box(" 0, 0, 1, 1 ") == Box(0, 0, 1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x,y,w,h in whole pixels"),
        ("1,2,3", "x,y,w,h in whole pixels"),
        ("1,2,3,4,5", "x,y,w,h in whole pixels"),
        ("1,2,3,4.5", "x,y,w,h in whole pixels"),
        ("a,b,c,d", "got 'a,b,c,d'"),
        ("1,2,0,4", "at least 1"),
        ("1,2,3,-4", "at least 1"),
        ("-1,2,3,4", "count from 0"),
    ],
)
def test_parse_box_says_what_is_wrong(text, message):
    with pytest.raises(UsageError, match=message):
        parse_box(text)


@pytest.mark.parametrize(
    "box", [Box(0, 0, 51, 40), Box(0, 1, 50, 40), Box(50, 0, 1, 1), Box(-1, 0, 9, 9)]
)
def test_a_box_outside_its_picture_is_refused(box):
    check_inside(Box(0, 0, 50, 40), 40, 50)
    with pytest.raises(UsageError, match="50 wide and 40 high"):
        check_inside(box, 40, 50)


def test_of_one_place_the_best_box_stays_whatever_the_order():
    best = FoundPlate(Box(10, 10, 40, 10), 0.9)
    shifted = FoundPlate(Box(20, 10, 40, 10), 0.8)  # 3/4 shared
    within = FoundPlate(Box(15, 12, 10, 4), 0.7)  # all of it in the first
    half = FoundPlate(Box(30, 10, 40, 10), 0.6)  # 1/2 shared with the best: stays
    far = FoundPlate(Box(90, 10, 40, 10), 0.3)
    for order in ([best, shifted, within, half, far], [far, half, within, shifted]):
        kept = distinct(order)
        assert kept == distinct(order[::-1])
        assert [p.score for p in kept] == sorted((p.score for p in kept), reverse=True)
    assert distinct([far, half, within, shifted, best]) == [best, half, far]


def test_equal_scores_have_one_order():
    twins = [FoundPlate(Box(x, 0, 10, 5), 0.5) for x in (40, 0, 20)]
    assert [plate.box.x for plate in distinct(twins)] == [0, 20, 40]


def test_two_rows_of_one_height_are_one_plate():
    upper = FoundPlate(Box(100, 50, 80, 30), 0.9)
    lower = FoundPlate(Box(98, 84, 84, 32), 0.6)
    assert merge_rows([lower, upper]) == [FoundPlate(Box(98, 50, 84, 66), 0.6)]


@pytest.mark.parametrize(
    "other",
    [
        Box(100, 110, 80, 30),  # a row's height below
        Box(190, 84, 80, 30),  # beside
        Box(100, 84, 80, 10),  # a slogan
        Box(60, 84, 300, 30),  # a long line of text
        Box(104, 54, 80, 30),  # the same row again
    ],
)
def test_other_rows_stay_apart(other):
    rows = [FoundPlate(Box(100, 50, 80, 30), 0.9), FoundPlate(other, 0.6)]
    assert merge_rows(rows[::-1]) == rows


def test_a_third_row_is_left_over():
    rows = [FoundPlate(Box(0, y, 60, 30), 0.5) for y in (0, 32, 64)]
    assert [plate.box.height for plate in merge_rows(rows)] == [62, 30]


class FakeOcr:
    """Answers like RapidOCR: rows at fixed places, one text for everything."""

    def __init__(self, boxes=(), text="AB 123", score=0.95):
        self.boxes, self.text, self.score = boxes, text, score

    def __call__(self, picture, use_det, use_cls, use_rec):
        assert picture.dtype == np.uint8 and not use_cls and use_det != use_rec

        class Result:
            boxes, scores, txts = None, [self.score], (self.text,)

        if use_det and self.boxes:
            size = np.array([picture.shape[1], picture.shape[0]])
            Result.boxes = np.array(
                [
                    np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]) * size
                    for x, y, w, h in self.boxes
                ]
            )
            Result.scores = [0.9 - 0.1 * n for n in range(len(self.boxes))]
        return Result


@pytest.fixture
def ocr(monkeypatch):
    def use(**answers):
        monkeypatch.setattr(plates, "_engine", lambda: FakeOcr(**answers))

    return use


def test_rows_of_every_size_become_one_plate_in_the_photos_pixels(ocr):
    ocr(boxes=[(0.25, 0.5, 0.3, 0.1)])
    (plate,) = find_plates(np.zeros((400, 600, 3), np.uint8))
    # 150, 200, 180x40 found; the plate is 0.8 as high. A pixel is lost to rounding.
    assert np.abs(np.subtract(plate.box, (150, 204, 180, 32))).max() <= 1
    assert plate.score == pytest.approx(0.9)


def test_shapes_that_no_plate_has_are_left_out(ocr):
    ocr(boxes=[(0.1, 0.1, 0.1, 0.1), (0, 0.5, 0.9, 0.05), (0.5, 0.8, 0.02, 0.01)])
    assert find_plates(np.zeros((400, 400, 3), np.uint8)) == []


@pytest.mark.parametrize(
    ("text", "score", "count"),
    [
        ("RK 755 AJ", 0.99, 1),
        ("AUTOHAUS", 0.99, 0),
        ("AUTOHAUS", 0.5, 1),
        ("", 0, 1),
        ("Ö 12", 0.99, 1),
    ],
)
def test_only_legible_text_that_is_no_plates_is_dropped(ocr, text, score, count):
    ocr(boxes=[(0.25, 0.5, 0.3, 0.1)], text=text, score=score)
    assert len(find_plates(np.zeros((400, 600, 3), np.uint8))) == count


def test_a_crop_of_two_rows_is_read_row_by_row(ocr):
    rows = [(0.1, 0.5, 0.8, 0.4), (0.1, 0.05, 0.8, 0.4)]
    ocr(boxes=rows)
    assert read_plate(np.zeros((100, 130, 3), np.uint8)) == ("AB123AB123", 0.95)
    assert read_plate(np.zeros((100, 260, 3), np.uint8)) == ("AB123", 0.95)
    ocr(boxes=rows[:1])
    assert read_plate(np.zeros((100, 130, 3), np.uint8)) == ("AB123", 0.95)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("LÖ AB 123", "LÖAB123"),
        ("W\u0055\u0308", "WÜ"),
        ("ÄÖÅ 123", "ÄÖÅ123"),
        ("川A·12345", "川A12345"),
    ],
)
def test_letters_of_every_script_are_read(ocr, written, text):
    ocr(text=written)
    assert read_plate(np.zeros((20, 90, 3), np.uint8)) == Reading(text, 0.95)


@needs_ocr
@pytest.mark.parametrize("text", ["LÖ AB 123", "ÄÖÅ 123"])
def test_a_sharp_plate_keeps_its_marks(text):
    font = ImageFont.truetype(
        str(resource("assets", "fonts", "BebasNeue-Bold.otf")), 48
    )
    plate = Image.new("RGB", (260, 64), "white")
    ImageDraw.Draw(plate).text((12, 6), text, "black", font)
    assert read_plate(np.asarray(plate)).text == text.replace(" ", "")


def test_nothing_read_has_no_confidence(ocr):
    ocr(text="·", score=0.9)
    assert read_plate(np.zeros((20, 90, 3), np.uint8)) == Reading("", 0.0)


def test_a_missing_extra_is_an_error_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    plates._engine.cache_clear()
    with pytest.raises(MissingExtra, match=re.escape(install_command("ocr"))):
        read_plate(np.zeros((20, 90, 3), np.uint8))
    plates._engine.cache_clear()


@pytest.mark.parametrize(
    "pixels", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.uint16)]
)
def test_other_pixels_are_refused(pixels):
    for function in (find_plates, read_plate):
        with pytest.raises(ValueError, match="pixels must be"):
            function(pixels)


def scene(seed, height=360, width=480):
    """A rendered plate on a soft, dim background; the picture, the box, the text."""
    drawn = render(seed, 48, 128, with_glyphs=False)
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(30, 170, (6, 8, 3)).astype(np.float32)
    photo = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    photo += rng.normal(0, 3, photo.shape)
    photo = np.clip(photo, 0, 255).astype(np.uint8)
    x, y = int(rng.integers(20, width - 150)), int(rng.integers(20, height - 70))
    photo[y : y + 48, x : x + 128] = drawn.image
    corners = drawn.corners + np.array((x, y))
    low, high = corners.min(0), corners.max(0)
    box = Box(*np.rint(low).astype(int), *np.rint(high - low).astype(int))
    return photo, box, drawn.plate.text


@needs_ocr
def test_most_rendered_plates_are_found_and_read():
    found = read = 0
    for seed in range(6):
        photo, box, text = scene(seed)
        result = find_plates(photo)
        near = [plate.box for plate in result if iou(plate.box, box) >= 0.4]
        found += bool(near)
        read += bool(near) and read_plate(near[0].cut(photo)).text == text
    assert result == find_plates(photo)
    assert found >= 5
    assert read >= 3


@needs_ocr
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 300), (300, 1), (40, 40), (33, 900), (2, 900)]
)
def test_pictures_without_text_have_no_plates_at_any_size(size):
    assert find_plates(np.full((*size, 3), 90, np.uint8)) == []
    assert read_plate(np.full((*size, 3), 90, np.uint8)) == ("", 0.0)


@needs_ocr
@needs_photos
def test_plates_of_real_photos_are_found_and_read():
    with (PHOTOS / "eu" / "plates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[6:54:12]
    found = read = 0
    for row in rows:
        pixels = images.read_rgb(PHOTOS / "eu" / row["file"])
        truth = Box(*(int(row[key]) for key in "xywh"))
        found += any(iou(plate.box, truth) >= 0.5 for plate in find_plates(pixels))
        read += read_plate(truth.cut(pixels)).text == row["text"]
    assert found >= len(rows) - 1
    assert read >= len(rows) // 2
