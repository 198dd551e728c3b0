"""Rendered plates: texts are what is drawn; pictures are sharp, varied, repeatable."""

import hashlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from helpers.places import ROOT

from deblurgan_tf.data.plates import glyphs as plate_glyphs
from deblurgan_tf.data.plates.drawing import draw_plate
from deblurgan_tf.data.plates.layouts import LAYOUTS, sample_plate
from deblurgan_tf.data.plates.render import plate_text, render, render_plate
from deblurgan_tf.data.plates.spec import fill

SIZES = [(128, 192), (32, 64), (64, 33), (97, 301), (201, 131)]


def _grey(image):
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _digest(seeds):
    sums = hashlib.sha256()
    for seed in seeds:
        image, text = render_plate(seed, 64, 96)
        sums.update(image.tobytes() + text.encode())
    return sums.hexdigest()


def test_the_same_seed_gives_the_same_picture_and_text():
    first, text = render_plate(11, 128, 192)
    # Caches are warm now; they must not change anything.
    second, again = render_plate(11, 128, 192)
    assert text == again
    np.testing.assert_array_equal(first, second)


def test_another_process_gives_the_same_pictures():
    code = (
        "import sys; sys.path[:0] = ['.', 'tests', 'tests/data/plates']\n"
        "from test_render import _digest\n"
        "print(_digest(range(4)))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == _digest(range(4))


def test_the_text_alone_is_that_of_the_picture():
    for seed in range(8):
        for size in ((64, 96), (40, 200)):
            assert plate_text(seed, *size) == render_plate(seed, *size)[1]


def test_asking_for_glyphs_does_not_change_the_picture():
    np.testing.assert_array_equal(
        render(5, 64, 96).image, render(5, 64, 96, with_glyphs=False).image
    )


def test_eight_threads_give_what_one_gives():
    seeds = list(range(40))
    plate_glyphs.glyph.cache_clear()  # so that threads also race for new glyphs
    plate_glyphs.words.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        threaded = list(pool.map(lambda seed: render_plate(seed, 64, 96), seeds))
    for seed, (image, text) in zip(seeds, threaded, strict=True):
        alone, alone_text = render_plate(seed, 64, 96)
        assert text == alone_text
        np.testing.assert_array_equal(image, alone)


def test_different_seeds_give_different_pictures_and_texts():
    plates = [render_plate(seed, 64, 96) for seed in range(60)]
    assert len({image.tobytes() for image, _ in plates}) == 60
    # A few words recur on American plates; nearly all texts are new.
    assert len({text for _, text in plates}) >= 58


@pytest.mark.parametrize(("height", "width"), [*SIZES, (512, 768), (16, 16)])
def test_size_and_type_are_exact(height, width):
    image, text = render_plate(3, height, width)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert re.fullmatch("[A-Z0-9]{4,9}", text)


def test_numpy_integers_are_taken_as_seed_and_size():
    image, text = render_plate(np.int64(3), np.int32(40), np.int64(80))
    expected, expected_text = render_plate(3, 40, 80)
    np.testing.assert_array_equal(image, expected)
    assert text == expected_text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((-1, 64, 96), "seed must not be negative"), ((0, 15, 96), "at least 16")],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        render_plate(*arguments)
    with pytest.raises(ValueError, match=message):
        plate_text(*arguments)


def test_every_layout_is_reachable_and_its_texts_match_its_pattern():
    seen = {}
    for aspect in (0.7, 1.5, 4.0):
        rng = np.random.default_rng(1)
        for _ in range(2500):
            plate = sample_plate(rng, aspect)
            assert re.fullmatch(LAYOUTS[plate.layout].pattern, plate.text), plate
            assert re.fullmatch("[A-Z0-9]{4,9}", plate.text), plate
            assert plate.text == re.sub("[^A-Z0-9]", "", "".join(plate.rows))
            seen[plate.layout] = plate
    assert set(seen) == set(LAYOUTS)
    assert len(seen["vietnam_motorbike"].rows) == 2
    assert len(seen["vietnam_car"].rows) == 1


def test_all_kinds_of_vietnamese_plates_occur():
    rng = np.random.default_rng(2)
    bikes = [LAYOUTS["vietnam_motorbike"].make(rng) for _ in range(200)]
    assert len({plate.paper for plate in bikes}) == 3  # private, business, state
    red = LAYOUTS["vietnam_military"].make(rng)
    assert red.paper[0] > 2 * max(red.paper[1:])
    assert all(re.fullmatch(r"[1-9]\d-[A-Z][A-Z\d]", plate.rows[0]) for plate in bikes)


def test_tall_frames_get_two_lines_and_wide_frames_one():
    rng = np.random.default_rng(3)

    def two_line_share(aspect):
        return np.mean([len(sample_plate(rng, aspect).rows) == 2 for _ in range(800)])

    assert two_line_share(1.0) > 0.35 > 0.2 > two_line_share(4.5)


def test_fill_replaces_its_two_signs_and_nothing_else():
    rng = np.random.default_rng(4)
    for _ in range(50):
        assert re.fullmatch(r"X-[AB]\d\.\*", fill(rng, "X-@#.*", "AB"))


def test_flat_plates_carry_ink_inside_their_box_for_every_character():
    # A missing glyph or one pasted outside would lose ink: each row's mask must have
    # as many separate columns of ink as the row has signs.
    rng = np.random.default_rng(5)
    for name in ("vietnam_car", "spain", "us_california", "us_delaware"):
        for _ in range(5):
            plate = LAYOUTS[name].make(rng)
            _, glyphs, outline = draw_plate(plate, round(900 / plate.aspect), 900, rng)
            filled = (glyphs.max(axis=0) > 128).astype(np.int8)
            runs = int((np.diff(np.r_[0, filled, 0]) == 1).sum())
            assert runs == len(plate.rows[0].replace(" ", "")), plate
            inside = cv2.erode(outline, np.ones((3, 3), np.uint8), borderValue=0)
            assert not glyphs[inside == 0].any()


def test_each_row_lies_above_the_next():
    plate = LAYOUTS["vietnam_motorbike"].make(np.random.default_rng(6))
    _, glyphs, _ = draw_plate(plate, 300, 408, np.random.default_rng(6))
    filled = (glyphs.max(axis=1) > 128).astype(np.int8)
    assert int((np.diff(np.r_[0, filled, 0]) == 1).sum()) == 2


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_plate_fills_most_of_the_frame(height, width):
    for seed in range(40):
        corners = render(seed, height, width).corners
        extent = np.ptp(corners, axis=0) / (width, height)
        assert 0.74 < extent.max() < 1.01
        middle = (corners.max(axis=0) + corners.min(axis=0)) / 2 / (width, height)
        assert np.all(np.abs(middle - 0.5) < 0.14)
        top_left, top_right, bottom_right, bottom_left = corners
        slope = (top_right - top_left)[1] / (top_right - top_left)[0]
        assert abs(slope) < 0.2  # a few degrees
        assert bottom_right[1] > top_right[1] and bottom_left[1] > top_left[1]


def test_pictures_are_sharp():
    # Gradient energy of a sharp picture falls strongly with a slight blur; that of a
    # picture blurred already would not.
    ratios = []
    for seed in range(30):
        grey = _grey(render_plate(seed, 128, 192)[0])
        soft = cv2.GaussianBlur(grey, (0, 0), 1.0)
        energy = [
            np.square(np.diff(g, axis=0)).mean() + np.square(np.diff(g, axis=1)).mean()
            for g in (grey, soft)
        ]
        ratios.append(energy[0] / energy[1])
    assert min(ratios) > 1.2
    assert np.median(ratios) > 1.5


def test_glyphs_stand_out_from_the_plate():
    for seed in range(100):
        image, plate, corners, glyphs = render(seed, 96, 192)
        inside = np.zeros(glyphs.shape, np.uint8)
        cv2.fillConvexPoly(inside, np.round(corners).astype(np.int32), 255)
        near = cv2.dilate(glyphs, np.ones((7, 7), np.uint8)) > 0
        around = near & (inside > 0)
        around &= cv2.dilate(glyphs, np.ones((3, 3), np.uint8)) < 8
        ink = image[glyphs > 250].astype(np.float32)
        paper = image[around].astype(np.float32)
        # The channel that shows the ink best, as with blue on white.
        contrast = np.abs(np.median(ink, axis=0) - np.median(paper, axis=0)).max()
        assert contrast > 55, (seed, plate)


def test_light_and_colour_vary_between_pictures():
    pictures = np.array([render_plate(seed, 32, 64)[0] for seed in range(120)])
    means = pictures.mean(axis=(1, 2))
    assert means.mean(axis=1).std() > 20  # brightness
    assert (means[:, 0] - means[:, 2]).std() > 8  # colour
