"""Blurring: the convolution against OpenCV, and the randomness of a degradation."""

import cv2
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from deblurgan_tf.blur.degradation import (
    JPEG_SALT,
    OTHER_SALT,
    Degradation,
    add_noise,
    blur,
    compress,
    convolve,
    degradation,
    degrade,
    draw_kernels,
    given_pairs,
    half_planes,
    jitter_color,
    presmooth,
    training_pairs,
)
from deblurgan_tf.blur.seeds import sample_seeds, uniform
from deblurgan_tf.config import Blur
from deblurgan_tf.images import to_float, to_uint8


def _pictures(count, height, width, channels=3, seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (count, height, width, channels)).astype(np.float32)


def _kernels(count, side, seed=1):
    """Random kernels without any symmetry, that sum to one."""
    kernels = np.random.default_rng(seed).random((count, side, side)) ** 4
    return (kernels / kernels.sum(axis=(1, 2), keepdims=True)).astype(np.float32)


def _filtered(pictures, kernels):
    """OpenCV correlates, so it gets the kernels turned by 180 degrees."""
    return np.stack(
        [
            cv2.filter2D(
                picture.astype(np.float64),
                -1,
                kernel[::-1, ::-1].astype(np.float64),
                borderType=cv2.BORDER_REFLECT_101,
            ).reshape(picture.shape)
            for picture, kernel in zip(pictures, kernels, strict=True)
        ]
    )


def _delta(side, count=1):
    kernels = np.zeros((count, side, side), np.float32)
    kernels[:, side // 2, side // 2] = 1
    return kernels


@pytest.mark.parametrize(
    ("height", "width", "side"),
    [(17, 31, 3), (16, 16, 5), (33, 20, 31), (9, 64, 17), (40, 53, 15), (5, 5, 1)],
)
def test_blur_equals_opencv_with_the_flipped_kernel(height, width, side):
    pictures, kernels = _pictures(3, height, width), _kernels(3, side)
    result = blur(pictures, kernels).numpy()
    np.testing.assert_allclose(result, _filtered(pictures, kernels), atol=1e-5)


def test_convolve_takes_any_range_and_number_of_channels():
    for channels in (1, 4):
        pictures, kernels = 7 * _pictures(2, 19, 23, channels), _kernels(2, 7)
        result = convolve(pictures, kernels).numpy()
        np.testing.assert_allclose(result, _filtered(pictures, kernels), atol=5e-5)


def test_a_point_takes_the_shape_of_the_kernel():
    picture = np.full((1, 15, 15, 3), -1, np.float32)
    picture[0, 7, 7] = 1
    kernel = _kernels(1, 5)
    result = (blur(picture, kernel).numpy() + 1) / 2
    for channel in range(3):
        np.testing.assert_allclose(result[0, 5:10, 5:10, channel], kernel[0], atol=1e-6)


def test_a_batch_of_many_equals_many_batches_of_one():
    pictures, kernels = _pictures(4, 18, 21), _kernels(4, 9)
    together = blur(pictures, kernels).numpy()
    for n in range(4):
        alone = blur(pictures[n : n + 1], kernels[n : n + 1]).numpy()
        np.testing.assert_allclose(together[n], alone[0], atol=1e-6)


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_the_delta_kernel_is_the_identity(gamma):
    levels = np.random.default_rng(0).integers(0, 256, (2, 20, 24, 3), np.uint8)
    levels[0, :9] = 0  # black beside all others is hardest for a transform
    pictures = to_float(levels)
    result = blur(pictures, _delta(9, 2), gamma).numpy()
    # The root magnifies the rounding errors of dark light.
    tolerance = 2e-6 if gamma == 1.0 else 3e-3
    np.testing.assert_allclose(result, pictures, atol=tolerance)
    np.testing.assert_array_equal(to_uint8(result), levels)


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_a_constant_picture_of_any_grey_level_stays_as_it_was(gamma):
    levels = np.arange(256, dtype=np.uint8)[:, None, None, None]
    pictures = np.broadcast_to(levels, (256, 16, 11, 3))
    how = Degradation(tf.constant(_kernels(4, 15)), (0.0, 0.0), gamma)
    result = degrade(to_float(pictures), how, sample_seeds(0, range(256))).numpy()
    np.testing.assert_array_equal(to_uint8(result), pictures)


def test_the_mean_of_what_lies_inside_is_preserved():
    # Nothing bright reaches the border, so nothing is reflected or lost.
    pictures = np.full((2, 40, 44, 3), -1, np.float32)
    pictures[:, 10:-10, 10:-10] = _pictures(2, 20, 24)
    result = blur(pictures, _kernels(2, 15)).numpy().astype(np.float64)
    np.testing.assert_allclose(
        result.mean(axis=(1, 2)), pictures.mean(axis=(1, 2), dtype=float), atol=1e-6
    )


def test_blur_never_leaves_the_range():
    picture = np.sign(_pictures(2, 32, 32))
    for gamma in (1.0, 2.2):
        result = blur(picture, _kernels(2, 5), gamma).numpy()
        assert np.isfinite(result).all()
        assert result.min() >= -1
        assert result.max() <= 1


@pytest.mark.parametrize("gamma", [1.8, 2.2])
def test_gamma_blurs_light_instead_of_values(gamma):
    pictures, kernels = _pictures(2, 21, 18), _kernels(2, 5)
    light = ((pictures.astype(np.float64) + 1) / 2) ** gamma
    expected = _filtered(light, kernels) ** (1 / gamma) * 2 - 1
    result = blur(pictures, kernels, gamma).numpy()
    np.testing.assert_allclose(result, expected, atol=2e-5)
    # It is brighter than the blur of values: a power mean above the mean.
    assert result.mean() > blur(pictures, kernels).numpy().mean() + 0.05


@pytest.mark.parametrize(("height", "width"), [(4, 30), (30, 4)])
def test_pictures_too_small_for_the_kernel_are_refused(height, width):
    with pytest.raises(ValueError, match=f"{height}x{width} are too small.*than 4 pix"):
        blur(_pictures(1, height, width), _delta(9))
    # One pixel more is enough.
    enough = _pictures(1, max(height, 5), max(width, 5))
    np.testing.assert_allclose(blur(enough, _delta(9)), enough, atol=2e-6)


@pytest.mark.parametrize("strength", [1.0, 5.0])
def test_noise_has_the_standard_deviation_that_was_asked_for(strength):
    grey = tf.zeros([4, 64, 64, 3])
    result = add_noise(grey, (strength, strength), sample_seeds(0, range(4))).numpy()
    levels = result.astype(np.float64) * 127.5
    n = levels.size
    assert levels.std() == pytest.approx(strength, rel=4 / np.sqrt(2 * n))
    assert abs(levels.mean()) < 4 * strength / np.sqrt(n)
    assert scipy.stats.kstest(levels.ravel() / strength, "norm").pvalue > 1e-3


def test_noise_is_added_to_the_picture_and_not_scaled_by_it():
    seeds = sample_seeds(0, range(3))
    pictures = _pictures(3, 16, 16)
    of_grey = add_noise(tf.zeros([3, 16, 16, 3]), (1.0, 4.0), seeds).numpy()
    of_pictures = add_noise(pictures, (1.0, 4.0), seeds).numpy()
    np.testing.assert_allclose(of_pictures - pictures, of_grey, atol=1e-6)


def test_strengths_are_drawn_evenly_from_their_range():
    grey = tf.zeros([400, 24, 24, 3])
    result = add_noise(grey, (2.0, 6.0), sample_seeds(0, range(400))).numpy() * 127.5
    strengths = result.std(axis=(1, 2, 3))
    # One in sqrt(2 * 1728) = 1.7 % of measuring error.
    assert strengths.min() > 2.0 * 0.93
    assert strengths.max() < 6.0 * 1.07
    assert scipy.stats.kstest(strengths, "uniform", (2, 4)).pvalue > 1e-3


def test_no_noise_changes_nothing():
    pictures = tf.constant(_pictures(2, 16, 16))
    result = add_noise(pictures, (0.0, 0.0), sample_seeds(0, range(2)))
    np.testing.assert_array_equal(result, pictures)


def test_the_result_is_the_rounded_blur_when_there_is_no_noise():
    pictures, kernels = _pictures(5, 19, 22), tf.constant(_kernels(8, 7))
    seeds = sample_seeds(2, range(5))
    how = Degradation(kernels, (0.0, 0.0), 1.0)
    expected = (_filtered(pictures, draw_kernels(kernels, seeds).numpy()) + 1) * 127.5
    levels = (degrade(pictures, how, seeds).numpy().astype(np.float64) + 1) * 127.5
    np.testing.assert_allclose(levels, np.round(levels), atol=2e-5)
    np.testing.assert_allclose(levels, expected, atol=0.501)
    # Rounded to the nearest, not down.
    assert abs((levels - expected).mean()) < 0.02


def test_noise_beyond_black_and_white_is_cut_off():
    pictures = np.sign(_pictures(2, 16, 16))
    how = Degradation(tf.constant(_delta(3)), (20.0, 20.0), 1.0)
    result = degrade(pictures, how, sample_seeds(0, range(2))).numpy()
    assert result.min() == -1
    assert result.max() == 1
    # About half of the white pixels got darker, the other half stays white.
    assert (result[pictures == 1] == 1).mean() == pytest.approx(0.5, abs=0.06)


@pytest.fixture(scope="module")
def how():
    return Degradation(tf.constant(_kernels(16, 9)), (0.0, 3.0), 1.0)


def test_the_seed_alone_decides_how_a_picture_is_degraded(how):
    picture = np.repeat(_pictures(1, 20, 24), 3, axis=0)
    seeds = sample_seeds(0, [5, 6, 5])
    first = degrade(picture, how, seeds).numpy()
    np.testing.assert_array_equal(first, degrade(picture, how, seeds).numpy())
    np.testing.assert_array_equal(first[0], first[2])
    assert np.abs(first[0] - first[1]).mean() > 1 / 127.5


def test_a_sample_is_degraded_alike_in_any_batch(how):
    pictures, seeds = _pictures(4, 20, 24), sample_seeds(0, range(4))
    together = to_uint8(degrade(pictures, how, seeds).numpy()).astype(int)
    for n in range(4):
        alone = degrade(pictures[n : n + 1], how, seeds[n : n + 1]).numpy()
        difference = np.abs(together[n] - to_uint8(alone[0]))
        # A value on the edge between two levels may fall on either side.
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.002


def test_compiled_functions_and_datasets_degrade_as_eager_calls_do(how):
    pictures, seeds = _pictures(4, 20, 24), sample_seeds(0, range(4))
    eager = to_uint8(degrade(pictures, how, seeds).numpy()).astype(int)
    compiled = tf.function(lambda x, s: degrade(x, how, s))(pictures, seeds)
    rows = tf.data.Dataset.from_tensor_slices((pictures, seeds)).batch(4)
    mapped = next(iter(rows.map(lambda x, s: degrade(x, how, s))))
    for result in (compiled, mapped):
        difference = np.abs(eager - to_uint8(result.numpy()))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.002


def test_draw_kernels_gives_all_eight_orientations_and_only_those():
    # Two kernels whose sixteen orientations are all different.
    bank = _kernels(2, 5)
    ways = [
        np.rot90(kernel.T if mirrored else kernel, turns)
        for kernel in bank
        for mirrored in (False, True)
        for turns in range(4)
    ]
    drawn = draw_kernels(tf.constant(bank), sample_seeds(0, range(1600))).numpy()
    same = (drawn[:, None] == np.stack(ways)[None]).all(axis=(2, 3))
    np.testing.assert_array_equal(same.sum(axis=1), 1)
    # Each comes 100 times, as often as the others.
    assert scipy.stats.chisquare(same.sum(axis=0)).pvalue > 1e-3


def test_every_kernel_of_a_bank_is_drawn():
    bank = np.broadcast_to(np.arange(50.0, dtype=np.float32)[:, None, None], (50, 3, 3))
    drawn = draw_kernels(tf.constant(bank), sample_seeds(0, range(2000))).numpy()
    counts = np.bincount(drawn[:, 0, 0].astype(int), minlength=50)
    assert len(counts) == 50
    assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_degradation_makes_what_the_config_describes():
    config = Blur(
        kind="defocus", canvas=9, length=4.0, kernels=6, noise=(1.0, 2.0), gamma=2.2
    )
    how = degradation(config, seed=4)
    assert how.kernels.shape == (6, 9, 9)
    assert (how.noise, how.gamma) == ((1.0, 2.0), 2.2)
    np.testing.assert_array_equal(how.kernels, degradation(config, seed=4).kernels)
    assert np.abs(how.kernels - degradation(config, seed=5).kernels).max() > 0.01


# What makes training pairs more like real pictures.


def test_training_pairs_without_extras_are_the_degraded_pictures(how):
    pictures, seeds = _pictures(3, 20, 24), sample_seeds(0, range(3))
    pairs = training_pairs(tf.constant(pictures), how, seeds)
    np.testing.assert_array_equal(pairs.blurred, degrade(pictures, how, seeds))
    np.testing.assert_array_equal(pairs.sharp, pictures)
    np.testing.assert_array_equal(pairs.kernels, draw_kernels(how.kernels, seeds))
    assert pairs.invariant.numpy().all()


def test_a_margin_is_cut_off_both_at_one_place_and_lends_light_to_the_borders(how):
    pictures, seeds = _pictures(40, 26, 30), sample_seeds(0, range(40))
    still = how._replace(noise=(0.0, 0.0))
    pairs = training_pairs(tf.constant(pictures), still._replace(margin=6), seeds)
    whole = training_pairs(tf.constant(pictures), still, seeds)
    places = set()
    for n in range(40):
        (place,) = (
            (top, left)
            for top in range(7)
            for left in range(7)
            if np.array_equal(
                pictures[n, top : top + 20, left : left + 24], pairs.sharp[n]
            )
        )
        top, left = place
        cut = whole.blurred[n, top : top + 20, left : left + 24]
        np.testing.assert_array_equal(pairs.blurred[n], cut)
        places.add(place)
    assert {x for x, _ in places} == {x for _, x in places} == set(range(7))


def test_color_jitter_changes_contrast_brightness_and_colour_within_bounds():
    pictures = 0.8 * _pictures(300, 6, 7)
    seeds = sample_seeds(1, range(300))
    np.testing.assert_array_equal(jitter_color(pictures, 0.0, seeds), pictures)
    changed = jitter_color(tf.constant(pictures), 1.0, seeds).numpy()
    assert changed.min() >= -1 and changed.max() <= 1
    inside = np.abs(changed) < 1
    gains, shifts = [], []
    for before, after, kept in zip(pictures, changed, inside, strict=True):
        for channel in range(3):
            use = kept[..., channel]
            if use.sum() > 20:
                # Within a channel it is a straight line.
                line = np.polyfit(before[use][:, channel], after[use][:, channel], 1)
                drawn = np.polyval(line, before[use][:, channel])
                np.testing.assert_allclose(after[use][:, channel], drawn, atol=1e-4)
                gains.append(line[0])
                shifts.append(line[1])
    assert 0.25 < min(gains) < 0.45 and 1.2 < max(gains) < 1.4
    assert min(shifts) < -0.4 and max(shifts) > 0.4


def test_presmoothing_is_a_gaussian_of_a_deviation_between_the_bounds():
    point = np.full((200, 31, 31, 3), -1, np.float32)
    point[:, 15, 15] = 1
    seeds = sample_seeds(2, range(200))
    np.testing.assert_array_equal(presmooth(point, (0.0, 0.0), seeds), point)
    light = (presmooth(tf.constant(point), (0.8, 1.6), seeds).numpy()[..., 0] + 1) / 2
    np.testing.assert_allclose(light.sum((1, 2)), 1, atol=1e-3)
    offsets = np.arange(-15, 16)
    deviations = np.sqrt((light.sum(1) * offsets**2).sum(1))
    assert 0.78 < deviations.min() < 0.85 and 1.5 < deviations.max() < 1.62
    expected = np.exp(-0.5 * (offsets / deviations[0]) ** 2)
    np.testing.assert_allclose(light[0].sum(0), expected / expected.sum(), atol=4e-3)


def test_half_of_the_pictures_pass_through_a_jpeg_of_a_quality_in_the_range():
    levels = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), np.uint8)
    pictures, seeds = to_float(levels), sample_seeds(3, range(60))
    assert compress(pictures, None, seeds) is pictures
    result = to_uint8(compress(tf.constant(pictures), (30, 32), seeds).numpy())
    changed = [not np.array_equal(a, b) for a, b in zip(levels, result, strict=True)]
    assert 20 <= sum(changed) <= 40
    decoded = [
        np.stack(
            [
                tf.io.decode_jpeg(
                    tf.io.encode_jpeg(picture, quality=q), dct_method="INTEGER_ACCURATE"
                ).numpy()
                for q in (30, 31, 32)
            ]
        )
        for picture in levels
    ]
    found = set()
    for n in np.flatnonzero(changed):
        # A level lies between libjpeg's whole numbers and these floats.
        near = np.abs(decoded[n].astype(int) - result[n]).max(axis=(1, 2, 3))
        assert near.min() <= 1
        found.add(int(near.argmin()))
    assert found == {0, 1, 2}


def test_a_jpeg_quality_never_exceeds_the_highest():
    # float32: 90 + 11 * 0.9999997 is 101, which TensorFlow refuses.
    seeds = sample_seeds(0, [2390237])
    compressed, quality = uniform(seeds, 2, JPEG_SALT).numpy()[0]
    assert compressed < 0.5
    assert np.float32(90) + np.float32(11) * quality == 101
    picture = tf.constant(_pictures(1, 16, 16))
    levels = tf.cast(tf.round((picture[0] + 1.0) * 127.5), tf.uint8)
    file = tf.io.encode_jpeg(levels, quality=100)
    expected = tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE").numpy()
    result = (compress(picture, (90, 100), seeds)[0].numpy() + 1.0) * 127.5
    difference = np.abs(result - expected)
    # As in the test above: a level here and there.
    assert difference.max() <= 1.01 and difference.mean() < 0.01


def test_given_pairs_stay_as_they_are_and_have_no_kernel_to_compare():
    blurred, sharp = (tf.constant(_pictures(3, 8, 9, seed=n)) for n in range(2))
    pairs = given_pairs(blurred, sharp)
    assert pairs.blurred is blurred and pairs.sharp is sharp
    assert pairs.kernels.shape == (3, 1, 1)
    assert not pairs.invariant.numpy().any()
    assert degradation(None, seed=0) is None


def test_varying_blur_is_one_kernel_on_one_side_and_another_on_the_other(how):
    pictures, seeds = _pictures(80, 40, 44), sample_seeds(4, range(80))
    still = how._replace(noise=(0.0, 0.0))
    whole = training_pairs(tf.constant(pictures), still, seeds)
    mixed = training_pairs(tf.constant(pictures), still._replace(varying=0.5), seeds)
    alike = mixed.invariant.numpy()
    assert 25 <= alike.sum() <= 55
    np.testing.assert_allclose(
        mixed.blurred.numpy()[alike], whole.blurred.numpy()[alike], atol=2.1 / 255
    )
    masks = half_planes(seeds, 40, 44).numpy()
    other = draw_kernels(how.kernels, seeds, OTHER_SALT)
    second = blur(tf.constant(pictures), other).numpy()
    first = blur(tf.constant(pictures), whole.kernels).numpy()
    expected = masks * first + (1 - masks) * second
    np.testing.assert_allclose(
        mixed.blurred.numpy()[~alike], expected[~alike], atol=1.1 / 255
    )
    assert masks.min() == 0 and masks.max() == 1
    # Each has both sides or a slope, and they lie in all directions.
    assert (masks.max((1, 2, 3)) - masks.min((1, 2, 3))).min() > 0.3
    down = np.sign(masks[:, -1].mean(1) - masks[:, 0].mean(1))
    assert 20 < (down > 0).sum() < 60
