"""Plates restored within their boxes: what changes, how much, and what may not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from helpers.pictures import photo
from hypothesis import given, settings
from hypothesis import strategies as st

from deblurgan_tf.errors import UsageError
from deblurgan_tf.plates.boxes import Box, FoundPlate
from deblurgan_tf.plates.detection import Reading
from deblurgan_tf.restoring import plates as plate_restoration
from deblurgan_tf.restoring.plates import (
    feather,
    restore_box,
    restore_plates,
    work_scale,
    work_widths,
)


class Same:
    """Changes nothing; remembers what it was given."""

    kernel = None

    def __init__(self):
        self.seen = []

    def restore(self, pixels):
        self.seen.append(pixels)
        return pixels.copy()


class Brighter(Same):
    """Adds a part of the range."""

    def restore(self, pixels):
        self.seen.append(pixels)
        top = np.iinfo(pixels.dtype).max
        return np.minimum(pixels.astype(int) + top // 5, top).astype(pixels.dtype)


def deep(picture):
    """16 bits with values that 8 bits have not."""
    return picture.astype(np.uint16) * 257 // 2 + 13


def boxes_in(height, width):
    return st.integers(0, width - 1).flatmap(
        lambda x: st.integers(0, height - 1).flatmap(
            lambda y: st.builds(
                Box,
                st.just(x),
                st.just(y),
                st.integers(1, width - x),
                st.integers(1, height - y),
            )
        )
    )


@pytest.mark.parametrize("change", [lambda p: p, deep], ids=["uint8", "uint16"])
@settings(max_examples=40, deadline=None)
@given(box=boxes_in(70, 90), seed=st.integers(0, 3))
def test_only_the_box_changes_and_the_input_never(change, box, seed):
    picture = change(photo(70, 90, seed))
    given_pixels = picture.copy()
    result = restore_plates(Brighter(), picture, [box])
    assert np.array_equal(picture, given_pixels)
    assert result.pixels.dtype == picture.dtype
    outside = np.ones(picture.shape[:2], bool)
    box.cut(outside)[:] = False
    assert np.array_equal(result.pixels[outside], picture[outside])
    (plate,) = result.plates
    assert plate.box == box and plate.score is None
    assert np.array_equal(plate.before, box.cut(picture))
    assert np.array_equal(plate.after, box.cut(result.pixels))


@pytest.mark.parametrize("change", [lambda p: p, deep], ids=["uint8", "uint16"])
@settings(max_examples=40, deadline=None)
@given(box=boxes_in(70, 290))
def test_a_model_that_changes_nothing_gives_the_picture_at_every_scale(change, box):
    picture = change(photo(70, 290, 5))
    result = restore_plates(Same(), picture, [box])
    assert np.array_equal(result.pixels, picture)


def test_the_middle_of_a_plate_is_what_the_model_made():
    picture = np.full((100, 300, 3), 100, np.uint8)
    box = Box(60, 30, 150, 40)
    after = restore_plates(Brighter(), picture, [box]).plates[0].after
    ramp = plate_restoration.FEATHER * 40
    inner = int(np.ceil(ramp + 0.5))
    assert (after[inner:-inner, inner:-inner] == 151).all()
    # The first pixel's middle is half a pixel into the ramp.
    assert after[20, 0, 0] == round(100 + 51 * 0.5 / ramp)
    assert (np.diff(after[20, :inner, 0].astype(int)) > 0).all()


@pytest.mark.parametrize(
    ("box", "kernel", "expected"),
    [
        (Box(0, 0, 110, 25), None, 1.0),
        (Box(0, 0, 150, 40), None, 1.0),
        (Box(0, 0, 55, 12), None, 2.0),
        (Box(0, 0, 300, 70), None, 0.5),
        (Box(0, 0, 60, 150), None, 0.5),  # a tall plate: the height decides
        (Box(0, 0, 27, 27), None, 110 / 54),
        (Box(0, 0, 210, 50), 57, 1.0),
        (Box(0, 0, 100, 25), 57, 1.71),
        (Box(0, 0, 80, 25), 29, 87 / 80),
    ],
)
def test_the_scale_brings_a_plate_to_the_models_work_size(box, kernel, expected):
    assert work_scale(box, work_widths(kernel)) == pytest.approx(expected)


def test_a_model_that_finds_kernels_sees_wider_plates():
    model = Same()
    model.kernel = 57
    restore_plates(model, photo(200, 400, 1), [Box(150, 80, 100, 24)])
    width = 171 * (1 + 2 * plate_restoration.CONTEXT_FOR_KERNELS)
    assert model.seen[0].shape[1] == pytest.approx(width, abs=4)


def test_a_box_around_all_of_a_picture_does_what_restoring_the_picture_does():
    for kernel in (None, 57):
        restorer = Brighter()
        restorer.kernel = kernel
        small = photo(60, 100, 0)
        result = restore_plates(restorer, small, [(0, 0, 100, 60)])
        assert np.array_equal(restorer.seen[0], small)
        assert np.array_equal(result.pixels, Brighter().restore(small))
        # Nearly all of it, and a larger one, which is reduced.
        restore_plates(restorer, small, [(3, 2, 95, 56)])
        assert restorer.seen[1].shape == small.shape
        restore_plates(restorer, photo(400, 800, 0), [(0, 0, 800, 400)])
        assert restorer.seen[2].shape[1] < 300


def test_the_model_sees_the_plate_at_work_size_with_its_surroundings():
    picture = photo(400, 900, 1)
    model = Same()
    restore_plates(
        model, picture, [Box(300, 100, 300, 90), Box(30, 30, 55, 14), Box(9, 9, 150, 9)]
    )
    large, small, fitting = (seen.shape[:2] for seen in model.seen)
    room = plate_restoration.CONTEXT
    assert large == pytest.approx((45 + 2 * room * 150, 150 * (1 + 2 * room)), abs=2)
    assert small == pytest.approx((28 + 2 * room * 110, 110 * (1 + 2 * room)), abs=2)
    # Inside the range, and at the picture's edge: the very pixels.
    assert np.array_equal(model.seen[2], picture[: fitting[0], : fitting[1]])


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_what_the_model_changes_comes_back_where_it_belongs(factor):
    """Smooth changes survive scaling: a wave added at work size is found in place."""
    picture = np.full((60 * factor, 160 * factor, 3), 128, np.uint8)
    box = Box(20 * factor, 15 * factor, 120 * factor, 30 * factor)

    class Wave(Same):
        def restore(self, pixels):
            height, width = pixels.shape[:2]
            rows, columns = np.mgrid[:height, :width] + 0.5
            wave = 50 * np.sin(rows / height * 6) * np.cos(columns / width * 7)
            return np.rint(pixels + wave[..., None]).astype(np.uint8)

    made = restore_box(Wave(), picture, box)
    room = plate_restoration.CONTEXT * 120 * factor
    if factor > 1:
        room = plate_restoration.CONTEXT * box.width
    left, top = max(round(box.x - room), 0), max(round(box.y - room), 0)
    right = min(round(box.x + box.width + room), picture.shape[1])
    bottom = min(round(box.y + box.height + room), picture.shape[0])
    rows = (np.arange(box.y, box.y + box.height) + 0.5 - top) / (bottom - top)
    columns = (np.arange(box.x, box.x + box.width) + 0.5 - left) / (right - left)
    expected = 128 + 50 * np.sin(rows * 6)[:, None] * np.cos(columns * 7)
    assert np.abs(made[..., 1] - expected).max() < 3


def test_feather_is_symmetric_positive_and_one_in_the_middle():
    weight = feather(Box(5, 5, 80, 40), 100, 100)
    assert weight.shape == (40, 80) and weight.dtype == np.float32
    assert np.array_equal(weight, weight[::-1]) and np.array_equal(
        weight, weight[:, ::-1]
    )
    assert weight.min() > 0 and weight.max() == 1
    ramp = plate_restoration.FEATHER * 40
    assert weight[20, :6] == pytest.approx(
        np.minimum((np.arange(6) + 0.5) / ramp, 1), abs=1e-6
    )


def test_feather_has_no_ramp_on_the_edge_of_the_picture():
    assert (feather(Box(0, 0, 30, 20), 20, 30) == 1).all()
    weight = feather(Box(0, 10, 100, 40), 100, 200)
    assert (weight[20, :90] == 1).all()
    assert weight[20, -1] < 1 and weight[0, 20] < 1 and weight[-1, 20] < 1


def test_a_box_of_one_pixel_is_half_mixed_in():
    assert feather(Box(3, 3, 1, 1), 9, 9) == pytest.approx(0.5)


def test_of_overlapping_boxes_the_later_lies_on_top():
    picture = np.full((80, 300, 3), 100, np.uint8)
    one, two = Box(10, 10, 150, 40), Box(100, 20, 150, 40)
    result = restore_plates(Brighter(), picture, [one, two])
    # Where both are full, the change is made once, from the original.
    assert (result.pixels[30:40, 110:150] == 151).all()
    assert np.array_equal(result.plates[1].before, two.cut(picture))


def test_no_plate_gives_an_equal_copy(monkeypatch):
    monkeypatch.setattr(plate_restoration, "find_plates", lambda pixels: [])
    picture = photo(40, 50, 0)
    result = restore_plates(Brighter(), picture)
    assert np.array_equal(result.pixels, picture) and result.plates == []
    assert not np.shares_memory(result.pixels, picture)
    assert restore_plates(Brighter(), picture, []).plates == []


def test_found_boxes_are_enlarged_within_the_picture_and_searched_in_8_bits(
    monkeypatch,
):
    asked = []

    def found(pixels):
        asked.append(pixels)
        return [
            FoundPlate(Box(50, 40, 100, 30), 0.9),
            FoundPlate(Box(0, 0, 40, 10), 0.5),
        ]

    monkeypatch.setattr(plate_restoration, "find_plates", found)
    picture = deep(photo(100, 200, 2))
    result = restore_plates(Brighter(), picture)
    assert asked[0].dtype == np.uint8
    assert np.abs(asked[0] * 257.0 - picture).max() <= 129
    assert [plate.box for plate in result.plates] == [
        Box(44, 34, 112, 42),
        Box(0, 0, 42, 12),
    ]
    assert [plate.score for plate in result.plates] == [0.9, 0.5]


def test_reading_is_of_the_crops_before_and_after(monkeypatch):
    def reading(pixels):
        assert pixels.dtype == np.uint8
        return Reading(f"M{pixels[20, 80, 0]}", 0.25)

    monkeypatch.setattr(plate_restoration, "read_plate", reading)
    picture = np.full((80, 200, 3), 100, np.uint8)
    box = Box(10, 10, 150, 40)
    plate = restore_plates(Brighter(), picture, [box], read=True).plates[0]
    assert (plate.text_before, plate.text_after) == ("M100", "M151")
    assert plate.confidence_before == plate.confidence_after == 0.25
    plate = restore_plates(Brighter(), picture, [box]).plates[0]
    assert plate[-4:] == (None, None, None, None)


def test_clear_errors():
    picture = photo(40, 50, 0)
    with pytest.raises(UsageError, match="10,10,41,5 is not inside .* 50 wide and 40"):
        restore_plates(Same(), picture, [Box(10, 10, 41, 5)])
    with pytest.raises(ValueError, match="uint8 or uint16"):
        restore_plates(Same(), picture.astype(np.float32), [])
    with pytest.raises(ValueError, match="H, W, 3"):
        restore_plates(Same(), picture[..., 0], [])

    class Wrong(Same):
        def restore(self, pixels):
            return cv2.resize(pixels, (16, 16))

    with pytest.raises(ValueError, match=r"the restorer made uint8 \(16, 16, 3\)"):
        restore_plates(Wrong(), picture, [Box(1, 1, 20, 10)])


def test_boxes_may_be_plain_tuples_and_corners_are_those_of_the_box():
    picture = photo(60, 90, 0)
    box = Box(20, 10, 40, 16)
    plain = restore_plates(Brighter(), picture, [(20, 10, 40, 16)])
    numbers = restore_plates(Brighter(), picture, np.array([box]))
    wanted = restore_plates(Brighter(), picture, [box])
    for result in (plain, numbers):
        np.testing.assert_array_equal(result.pixels, wanted.pixels)
        [plate] = result.plates
        assert plate.box == box and isinstance(plate.box, Box)
        assert all(type(x) is int for x in plate.box)
        assert plate.corners.dtype == np.float32
        assert plate.corners.tolist() == [[20, 10], [60, 10], [60, 26], [20, 26]]


@pytest.mark.parametrize("box", [(1, 2, 3), (1, 2, 3, 4.5), "1,2,3,4", 5, (0, 0, 5, 0)])
def test_what_is_no_box_is_refused(box):
    with pytest.raises(UsageError, match="box"):
        restore_plates(Same(), photo(60, 90, 0), [box])
