"""Upright views of plates and changes put back, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from deblurgan_tf.errors import UsageError
from deblurgan_tf.plates import geometry

BOX = np.float32([[30, 20], [90, 20], [90, 50], [30, 50]])
TURNED = np.float32([[30, 24], [88, 18], [92, 50], [33, 55]])


def ramp(height=80, width=120):
    """A picture whose value is a linear function of the place: 3 x + 5 y."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    return np.repeat((3 * x + 5 * y)[..., None], 3, axis=2).astype(np.float32)


def noise(height=80, width=120):
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_of_a_box_in_its_own_size_the_view_is_a_crop():
    pixels = noise()
    view = geometry.upright(BOX, 60, margin=5)
    assert (view.height, view.width) == (40, 70)
    np.testing.assert_array_equal(geometry.rectify(pixels, view), pixels[15:55, 25:95])


@pytest.mark.parametrize("width", [15, 30, 60, 120])
def test_a_linear_picture_stays_linear_in_any_size(width):
    view = geometry.upright(BOX, width)
    y, x = np.mgrid[0 : view.height, 0 : view.width] + 0.5
    wanted = 3 * (x * 60 / width + 30) + 5 * (y * 30 / view.height + 20)
    found = geometry.rectify(ramp(), view)[..., 0]
    np.testing.assert_allclose(found, wanted, atol=0.5)


def test_a_turned_plate_shows_what_the_homography_says():
    view = geometry.upright(TURNED, 58)
    np.testing.assert_allclose(view.corners(), TURNED, atol=1e-3)
    found = geometry.rectify(ramp(), view)[..., 0]
    y, x = np.mgrid[0 : view.height, 0 : view.width] + 0.5
    points = np.stack([x, y, np.ones_like(x)], -1) @ view.to_picture.T
    place = points[..., :2] / points[..., 2:]
    np.testing.assert_allclose(found, 3 * place[..., 0] + 5 * place[..., 1], atol=0.5)


def test_where_the_picture_is_finer_than_the_view_pixels_are_averaged():
    stripes = np.zeros((80, 120, 3), np.uint8)
    stripes[:, ::2] = 200
    view = geometry.upright(BOX, 15)
    np.testing.assert_allclose(geometry.rectify(stripes, view), 100, atol=12)


@pytest.mark.parametrize("corners", [BOX, TURNED])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_no_change_touches_nothing(corners, kind):
    pixels = noise().astype(kind)
    view = geometry.upright(corners, 100, margin=8)
    change = np.zeros((view.height, view.width, 3), np.float32)
    result = geometry.put_back(pixels, change, view, feather=6)
    assert result.dtype == kind
    np.testing.assert_array_equal(result, pixels)


def test_what_the_view_does_not_show_stays_to_the_bit():
    pixels = noise()
    view = geometry.upright(TURNED, 200, margin=0)
    change = np.full((view.height, view.width, 3), 40, np.float32)
    result = geometry.put_back(pixels, change, view, feather=4)
    changed = (result != pixels).any(axis=2)
    assert changed[30:45, 40:80].all()
    inside = np.zeros_like(changed)
    inside[18:56, 29:93] = True
    assert not changed[~inside].any()
    # The upper left corner of the bounding box lies outside the plate.
    assert not changed[18:20, 30:60].any()


def test_a_change_is_added_whole_in_the_middle_and_fades_to_the_edge():
    pixels = np.full((80, 120, 3), 100, np.uint8)
    view = geometry.upright(BOX, 60)
    change = np.full((30, 60, 3), 50, np.float32)
    result = geometry.put_back(pixels, change, view, feather=10)[..., 0]
    assert (result[30:40, 40:80] == 150).all()
    # Half a pixel, one and a half, ... from the edge, of ten.
    fading = np.rint(100 + 50 * (np.arange(10) + 0.5) / 10)
    np.testing.assert_array_equal(result[35, 30:40], fading)
    assert result[35, 29] == result[19, 60] == 100


def test_values_beyond_the_type_are_clipped():
    view = geometry.upright(BOX, 60)
    change = np.full((30, 60, 3), 500, np.float32)
    result = geometry.put_back(noise(), change, view, feather=0)
    assert (result[20:50, 30:90] == 255).all()


def test_a_change_of_a_larger_view_comes_back_as_its_mean():
    pixels = np.full((80, 120, 3), 100, np.uint8)
    view = geometry.upright(BOX, 240)
    change = np.zeros((view.height, view.width, 3), np.float32)
    change[:, ::2] = 40  # finer than the picture's pixels
    result = geometry.put_back(pixels, change, view, feather=0)
    assert np.abs(result[22:48, 32:88].astype(int) - 120).max() <= 1


def test_a_view_beside_the_picture_changes_nothing():
    pixels = noise()
    view = geometry.upright(BOX + 500, 60)
    change = np.ones((30, 60, 3), np.float32)
    np.testing.assert_array_equal(geometry.put_back(pixels, change, view, 2), pixels)


def test_the_angle_is_that_of_the_text():
    assert geometry.angle(BOX) == pytest.approx(0)
    turn = np.deg2rad(20)
    around = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    assert geometry.angle(BOX @ around) == pytest.approx(20, abs=1e-4)
    assert geometry.size(BOX) == (60.0, 30.0)


def test_corners_are_written_as_eight_numbers():
    text = "30,20,90,20,90,50,30,50"
    np.testing.assert_array_equal(geometry.parse_corners(text), BOX)


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3",
        "a,b,c,d,e,f,g,h",
        "0,0,nan,0,9,9,0,9",
        "30,50,90,50,90,20,30,20",  # anticlockwise
        "0,0,10,0,0,10,10,10",  # crossed
        "0,0,10,0,20,0,30,0",  # no area
        "0,0,10,0,3,3,0,10",  # hollow
    ],
)
def test_other_corners_are_refused(text):
    with pytest.raises(UsageError, match="corners"):
        geometry.parse_corners(text)
