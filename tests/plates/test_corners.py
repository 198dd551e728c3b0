"""From the detector's answer to quadrilaterals: made heat maps, overlaps, sizes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from helpers.places import ROOT

from deblurgan_tf.data.plates.render import render
from deblurgan_tf.models import detector
from deblurgan_tf.plates import corners
from deblurgan_tf.plates.boxes import Box
from deblurgan_tf.plates.corners import Quadrilateral

QUAD = np.array([[20, 30], [84, 38], [80, 70], [16, 60]], np.float32)


def answer(height, width, plates):
    """A detector's answer, logits, with (corners, probability, lines) of each plate.

    Each plate's middle place says its corners; the places around it say corners that
    are two pixels off, and are a little less likely.
    """
    middle = np.full((height, width, 1), -9.0, np.float32)
    said = np.zeros((height, width, 8), np.float32)
    lines = np.full((height, width, 1), -3.0, np.float32)
    for quad, likely, count in plates:
        column, row = (quad.mean(axis=0) // 8).astype(int)
        for y in range(max(row - 1, 0), min(row + 2, height)):
            for x in range(max(column - 1, 0), min(column + 2, width)):
                here = (y, x) == (row, column)
                part = likely if here else 0.8 * likely
                middle[y, x] = np.log(part / (1 - part))
                place = (np.array([x, y]) + 0.5) * 8
                said[y, x] = (quad - place + (not here) * 2.0).reshape(8)
                lines[y, x] = 3.0 if count == 2 else -3.0
    return middle, said, lines


def test_a_peak_becomes_a_plate_with_the_corners_that_its_places_say():
    [plate] = corners.decode(*answer(12, 16, [(QUAD, 0.9, 2)]))
    # The middle says 0 off, its eight neighbours 2: weights .9 and 8 times .72.
    off = 2.0 * 8 * 0.72 / (0.9 + 8 * 0.72)
    np.testing.assert_allclose(plate.corners, QUAD + off, atol=1e-4)
    assert plate.score == pytest.approx(0.9)
    assert plate.lines == 2


def test_places_less_than_half_as_likely_as_the_peak_have_no_say():
    middle, said, lines = answer(12, 16, [(QUAD, 0.9, 1)])
    low = np.log(0.4 / 0.6)
    middle = np.where((middle > -9) & (middle < middle.max()), low, middle)
    [plate] = corners.decode(middle, said, lines)
    np.testing.assert_allclose(plate.corners, QUAD, atol=1e-4)
    assert plate.lines == 1


def test_plates_come_best_first_and_weak_peaks_not_at_all():
    plates = [
        (QUAD, 0.6, 1),
        (QUAD + np.float32([90, 0]), 0.8, 1),
        (QUAD + np.float32([0, 90]), 0.2, 1),
    ]
    found = corners.decode(*answer(24, 32, plates))
    assert [round(p.score, 3) for p in found] == [0.8, 0.6]
    assert len(corners.decode(*answer(24, 32, plates), threshold=0.1)) == 3


def test_a_plate_at_the_edge_is_found_and_its_box_stays_inside():
    quad = np.array([[-10, -4], [50, -4], [50, 16], [-10, 16]], np.float32)
    [plate] = corners.decode(*answer(4, 8, [(quad, 0.9, 1)]))
    assert plate.corners[:, 0].min() < 0
    assert plate.box(32, 64) == Box(0, 0, 52, 18)


def quadrilateral(quad, score):
    return Quadrilateral(np.float32(quad), score, 1)


def test_of_overlapping_plates_the_best_stays_and_neighbours_stay_too():
    best = quadrilateral(QUAD, 0.9)
    shifted = quadrilateral(QUAD + 6, 0.8)
    inner = quadrilateral(QUAD.mean(0) + 0.4 * (QUAD - QUAD.mean(0)), 0.7)
    beside = quadrilateral(QUAD + np.float32([70, 0]), 0.6)
    crossed = quadrilateral(QUAD[[0, 2, 1, 3]] + np.float32([0, 200]), 0.95)
    mirrored = quadrilateral(QUAD[::-1] + np.float32([0, 300]), 0.95)
    given = [inner, beside, shifted, best, crossed, mirrored]
    assert corners.distinct_quadrilaterals(given) == [best, beside]


def test_iou_of_quadrilaterals():
    square = np.float32([[0, 0], [10, 0], [10, 10], [0, 10]])
    assert corners.quadrilateral_iou(square, square) == pytest.approx(1)
    assert corners.quadrilateral_iou(
        square, square + np.float32([5, 0])
    ) == pytest.approx(1 / 3)
    assert corners.quadrilateral_iou(square, square + np.float32([20, 0])) == 0
    diamond = np.float32([[5, 0], [10, 5], [5, 10], [0, 5]])
    assert corners.quadrilateral_iou(square, diamond) == pytest.approx(0.5)


def test_the_width_is_the_longer_of_upper_and_lower_side():
    assert quadrilateral(QUAD, 1.0).width == pytest.approx(np.hypot(64, 10))


@pytest.mark.parametrize(
    ("size", "smallest", "longer"),
    [
        ((3000, 4000), None, [1280, 640, 320, 160]),
        ((480, 640), None, [640, 320, 160]),
        ((100, 200), None, [200]),
        ((1500, 4000), 30, [2133, 1066, 533, 267, 133]),
        ((1, 3000), None, [1280, 640, 320, 160]),
    ],
)
def test_the_picture_is_looked_at_in_halving_sizes(size, smallest, longer):
    copies = corners.copies(np.zeros((*size, 3), np.uint8), smallest)
    assert [max(copy.shape) for copy in copies] == longer
    assert min(min(copy.shape[:2]) for copy in copies) >= 1


def made_network(monkeypatch, first, second):
    """A network that says `first(scale)` of a copy, `second` of each close-up.

    Both are the score of a plate at 10 * QUAD of a picture 2560 pixels wide.
    """
    close_up = (corners.LOOK_HEIGHT, corners.LOOK_WIDTH)

    def answers(model, pictures):
        height, width = pictures.shape[1:3]
        places = -(-height // 8), -(-width // 8)
        if (height, width) == close_up:
            plate = Quadrilateral(10 * QUAD, 1.0, 1)
            way = corners._close_up(plate)
            quad = 10 * QUAD * np.float32(way[0, 0]) + np.float32(way[:, 2])
            made = [answer(*places, [(quad, second, 1)]) for _ in pictures]
        else:
            scale = np.float32(width / 2560)
            made = [answer(*places, [(10 * QUAD * scale, first(scale), 1)])]
        return tuple(np.stack(part) for part in zip(*made, strict=True))

    monkeypatch.setattr(corners, "_answers", answers)


def test_plates_of_a_reduced_copy_are_given_in_the_pictures_own_pixels(monkeypatch):
    made_network(monkeypatch, lambda scale: 0.9 if scale == 0.25 else 0.6, 0.7)
    found = corners.find_corners(None, np.zeros((1440, 2560, 3), np.uint8))
    assert len(found) == 1
    assert found[0].score == pytest.approx((0.9 * 0.7) ** 0.5, abs=1e-5)
    np.testing.assert_allclose(found[0].corners, 10 * QUAD, atol=16)


@pytest.mark.parametrize(("second", "count"), [(0.9, 1), (0.3, 0), (0.001, 0)])
def test_what_is_no_plate_at_the_second_look_is_none(monkeypatch, second, count):
    made_network(monkeypatch, lambda scale: 0.8, second)
    pixels = np.zeros((1440, 2560, 3), np.uint8)
    assert len(corners.find_corners(None, pixels)) == count


def test_only_the_best_forty_are_looked_at_again(monkeypatch):
    small = (QUAD - QUAD.mean(axis=0)) / 4
    places = np.mgrid[24:232:32, 24:300:32].reshape(2, -1).T[:60]
    likely = np.linspace(0.5, 0.9, len(places))
    plates = [
        (small + np.float32(place[::-1]), score, 1)
        for place, score in zip(places, likely, strict=True)
    ]
    seen = []

    def answers(model, pictures):
        if pictures.shape[1] == corners.LOOK_HEIGHT:
            seen.append(len(pictures))
        made = [answer(30, 40, plates)] * len(pictures)
        return tuple(np.stack(part) for part in zip(*made, strict=True))

    monkeypatch.setattr(corners, "_answers", answers)
    monkeypatch.setattr(corners, "copies", lambda pixels, smallest: [pixels])
    corners.find_corners(None, np.zeros((240, 320, 3), np.uint8))
    assert len(places) == 60
    assert seen == [40]


@pytest.mark.parametrize("size", [12, 60, 400])
def test_a_close_up_shows_the_plate_where_its_map_says(size):
    pixels = np.zeros((500, 700, 3), np.uint8)
    quad = np.float32([[100, 90], [100 + size, 90], [100 + size, 90 + size / 2]])
    quad = np.vstack([quad, [[100, 90 + size / 2]]]).astype(np.float32)
    pixels[90 : 90 + size // 2, 100 : 100 + size] = 255
    way = corners._close_up(Quadrilateral(quad, 1.0, 1))
    view = corners._cut(pixels, way)[..., 0] / 255.0
    x, y = (corners.LOOK_WIDTH - 100) / 2, (corners.LOOK_HEIGHT - 50) / 2
    assert view[round(y) + 8 : round(y) + 42, round(x) + 8 : round(x) + 92].min() > 0.9
    assert view.sum() == pytest.approx(100 * 50, rel=0.03)
    assert (view.sum(0) * (np.arange(224) + 0.5)).sum() / view.sum() == pytest.approx(
        112, abs=0.5
    )


def test_pixels_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        corners.find_corners(None, np.zeros((8, 8, 3), np.float32))


def test_a_network_that_finds_nothing_gives_no_plates():
    keras.utils.set_random_seed(1)
    model = detector.detector()
    assert corners.find_corners(model, np.zeros((40, 64, 3), np.uint8)) == []


def test_the_trained_detector_finds_rendered_plates_of_one_and_two_lines():
    model = keras.models.load_model(
        ROOT / "experiments" / "plate_detection" / "detector.keras"
    )
    for seed, lines in ((0, 1), (2, 2)):
        drawn = render(seed, 96, 144, with_glyphs=False)
        pixels = np.full((256, 320, 3), 70, np.uint8)
        pixels[80:176, 90:234] = drawn.image
        [plate] = corners.find_corners(model, pixels)
        quad = drawn.corners + np.float32([90, 80])
        assert corners.quadrilateral_iou(plate.corners, quad) > 0.75
        assert plate.lines == lines == len(drawn.plate.rows)
