"""Blur kernels: their invariants, their geometry, and the trajectory's recurrence."""

import functools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from deblurgan_tf.blur.degradation import convolve
from deblurgan_tf.blur.kernels import (
    ITERATIONS,
    check_fits,
    discs,
    downsampled,
    kernel_bank,
    splat,
    trajectories,
)

INTENSITIES = (0.0, 0.003, 0.005, 0.007, 0.01, 0.05, 0.1, 1.0)
# The mean larger side of the authors' kernels in pixels (`generate_PSF.py`, canvas 64,
# length 60, full exposure), measured on 400 kernels an intensity: the standard error
# of their mean is up to 0.4 pixels.
AUTHORS = {0.003: 24.8, 0.005: 18.9, 0.007: 16.2, 0.01: 13.2, 0.05: 5.9, 0.1: 3.6}


def _bank(kind="trajectory", count=48, canvas=65, length=60.0, **changes):
    settings = {"intensities": (0.005,), "exposures": (1.0,), "seed": 3} | changes
    return kernel_bank(kind, count, canvas, length, **settings).numpy()


def _moments(kernels):
    """Centroids relative to the middle pixel, and covariances, both as (x, y)."""
    kernels = kernels.astype(np.float64)
    axis = np.arange(kernels.shape[1]) - kernels.shape[1] // 2
    rows, columns = kernels.sum(axis=2), kernels.sum(axis=1)
    centre = np.stack([columns @ axis, rows @ axis], axis=-1)
    xy = np.einsum("nij,i,j->n", kernels, axis, axis) - centre[:, 0] * centre[:, 1]
    xx = columns @ axis**2 - centre[:, 0] ** 2
    yy = rows @ axis**2 - centre[:, 1] ** 2
    return centre, np.array([[xx, xy], [xy, yy]]).transpose(2, 0, 1)


def _sides(kernels):
    """The larger side of the box around the non-zero pixels of each kernel."""
    rows, columns = (kernels > 0).any(axis=2), (kernels > 0).any(axis=1)
    sides = [[np.ptp(np.flatnonzero(x)) + 1 for x in y] for y in (rows, columns)]
    return np.max(sides, axis=0)


def _line(length, angle):
    along = (np.arange(ITERATIONS) / (ITERATIONS - 1) - 0.5) * length
    path = np.stack([along * np.cos(angle), along * np.sin(angle)], axis=-1)
    return path.astype(np.float32)[None]


@functools.cache
def _numpy_paths(intensity, count, length=60.0, seed=11):
    """The authors' recurrence (`generate_trajectory.py`), complex numbers, float64."""
    random = np.random.default_rng(seed)
    centripetal = 0.7 * random.random(count)
    chance = 0.2 * random.random(count)
    gaussian = 10 * random.random(count)
    step = length / (ITERATIONS - 1)
    v = np.exp(1j * np.radians(360 * random.random(count))) * step
    if intensity > 0:
        v = v * intensity
    x = np.zeros((ITERATIONS, count), complex)
    for t in range(ITERATIONS - 1):
        shaken = random.random(count) < chance * intensity
        rotation = np.exp(1j * (np.pi + (random.random(count) - 0.5)))
        shock = np.where(shaken, 2 * v * rotation, 0)
        noise = random.standard_normal(count) + 1j * random.standard_normal(count)
        pull = intensity * (gaussian * noise - centripetal * x[t]) * step
        v = v + shock + pull
        v = v / np.abs(v) * step
        x[t + 1] = x[t] + v
    return x.T


@functools.cache
def _our_paths(intensity, count=600):
    paths = trajectories(tf.fill([count], intensity), 60.0, tf.constant([5, 6]))
    return paths.numpy()


BANKS = {
    **{
        f"trajectory of intensity {x}": {"intensities": (x,), "exposures": (1, 0.5)}
        for x in INTENSITIES
    },
    **{
        f"trajectory of exposure {x}": {"intensities": (0.01,), "exposures": (x,)}
        for x in (1e-4, 0.1, 0.37, 0.5, 1.0)
    },
    "short trajectory": {"canvas": 33, "length": 30.0},
    "longest trajectory": {"length": 62.0, "intensities": (0.0, 1e-4)},
    "smallest canvas": {"canvas": 5, "length": 2.0},
    "linear": {"kind": "linear"},
    "longest linear": {"kind": "linear", "canvas": 23, "length": 20.0},
    "defocus": {"kind": "defocus"},
    "longest defocus": {"kind": "defocus", "canvas": 23, "length": 20.0},
    "shortest defocus": {"kind": "defocus", "canvas": 5, "length": 1.0},
    "more than one chunk": {"count": 300, "canvas": 9, "length": 5.0},
}


@pytest.mark.parametrize("settings", BANKS.values(), ids=BANKS.keys())
def test_kernels_are_not_negative_sum_to_one_and_lie_on_the_middle_pixel(settings):
    kernels = _bank(**settings)
    assert kernels.dtype == np.float32
    assert len(kernels) == settings.get("count", 48)
    assert kernels.min() >= 0
    np.testing.assert_allclose(kernels.sum(axis=(1, 2), dtype=float), 1, atol=1e-5)
    np.testing.assert_allclose(_moments(kernels)[0], 0, atol=1e-3)


@pytest.mark.parametrize("kind", ["trajectory", "linear", "defocus"])
def test_the_seed_alone_decides_the_bank(kind):
    first, again = _bank(kind, seed=8), _bank(kind, seed=8)
    np.testing.assert_array_equal(first, again)
    other = _bank(kind, seed=9)
    assert (np.abs(first - other).sum(axis=(1, 2)) > 1e-3).mean() > 0.9


def test_kernels_of_one_bank_differ_from_each_other():
    for kind in ("trajectory", "linear", "defocus"):
        kernels = _bank(kind).reshape(48, -1)
        assert len(np.unique(kernels, axis=0)) == 48


@pytest.mark.parametrize("intensity", INTENSITIES)
def test_the_arc_length_of_a_path_is_its_length_and_its_speed_constant(intensity):
    paths = trajectories(tf.fill([8], intensity), 43.0, tf.constant([1, 2])).numpy()
    assert paths.shape == (8, ITERATIONS, 2)
    np.testing.assert_array_equal(paths[:, 0], 0)
    steps = np.linalg.norm(np.diff(paths.astype(float), axis=1), axis=2)
    np.testing.assert_allclose(steps.sum(axis=1), 43, rtol=1e-4)
    np.testing.assert_allclose(steps, 43 / (ITERATIONS - 1), rtol=2e-3)


def test_intensity_zero_is_a_straight_line_in_a_random_direction():
    paths = trajectories(tf.zeros([400]), 30.0, tf.constant([1, 2])).numpy()
    ends = paths[:, -1]
    np.testing.assert_allclose(np.linalg.norm(ends, axis=1), 30, rtol=1e-4)
    share = np.linspace(0, 1, ITERATIONS)[:, None]
    np.testing.assert_allclose(paths, ends[:, None] * share, atol=2e-3)
    angles = (np.arctan2(ends[:, 1], ends[:, 0]) / (2 * np.pi)) % 1
    assert scipy.stats.kstest(angles, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("intensity", [0.003, 0.01, 0.1])
def test_paths_are_distributed_as_those_of_the_authors_recurrence(intensity):
    ours, theirs = _our_paths(intensity), _numpy_paths(intensity, 600)
    box = np.ptp(ours, axis=1).max(axis=1)
    box_of_theirs = np.maximum(np.ptp(theirs.real, axis=1), np.ptp(theirs.imag, axis=1))
    end = np.linalg.norm(ours[:, -1], axis=1)
    half = np.linalg.norm(ours[:, ITERATIONS // 2], axis=1)
    for name, mine, reference in (
        ("larger side", box, box_of_theirs),
        ("distance of the end", end, np.abs(theirs[:, -1])),
        ("distance of the middle", half, np.abs(theirs[:, ITERATIONS // 2])),
    ):
        error = np.hypot(mine.std(), reference.std()) / np.sqrt(600)
        assert abs(mine.mean() - reference.mean()) < 3.5 * error, name
        assert scipy.stats.ks_2samp(mine, reference).pvalue > 1e-3, name


def test_big_shakes_come_as_often_as_in_the_authors_recurrence():
    # A shake adds 2 v exp(i (pi + U)) to v, U within half a radian, which rotates it by
    # pi within 0.91. At 0.01 all other rotations stay far below two radians, and
    # 2000 * 0.1 * 0.01 = 2 shakes a path are expected.
    steps = np.diff(_our_paths(0.01).astype(float), axis=1)
    steps = steps[..., 0] + 1j * steps[..., 1]
    turns = np.angle(-steps[:, 1:] / steps[:, :-1])
    shaken = np.abs(turns) < np.pi - 2
    assert shaken.sum(axis=1).mean() == pytest.approx(2, rel=0.15)
    # The change of direction follows from U: it is arg(2 exp(i U) - 1).
    u = np.random.default_rng(0).uniform(-0.5, 0.5, 5000)
    expected = np.angle(2 * np.exp(1j * u) - 1)
    assert scipy.stats.ks_2samp(turns[shaken], expected).pvalue > 1e-3


@pytest.mark.parametrize(("intensity", "side"), AUTHORS.items())
def test_extents_are_those_of_the_authors_kernels(intensity, side):
    paths = _our_paths(intensity)
    box = np.ptp(paths, axis=1).max(axis=1).mean()
    # Their samples' mean and ours each err by up to 0.4 pixels.
    assert abs(box - side) < 1.2
    # The bilinear spread adds one to two pixels to what the path covers.
    kernels = splat(paths, tf.ones([len(paths)]), 65).numpy()
    assert 1 <= _sides(kernels).mean() - box <= 2.5


def test_a_shorter_exposure_gives_a_smaller_kernel():
    # One seed gives the same paths whatever the exposure.
    full, half, tenth = (
        _sides(_bank(count=200, exposures=(x,))) for x in (1.0, 0.5, 0.1)
    )
    # A part of a path may lie otherwise on the grid: one pixel.
    assert (half <= full + 1).all()
    assert (tenth <= half + 1).all()
    assert half.mean() < 0.85 * full.mean()
    # A tenth of 60 pixels, nearly straight, and up to two pixels for the spread.
    assert tenth.max() <= 8
    assert 4 < tenth.mean() < 8


def test_every_intensity_and_exposure_given_is_drawn_about_equally_often():
    settings = {"intensities": (0.0, 1.0), "exposures": (0.5, 1.0), "length": 40.0}
    _, covariance = _moments(_bank(count=400, **settings))
    # An intensity of 1 stays within few pixels; 0 is a line of 20 or 40 pixels.
    largest = np.linalg.eigvalsh(covariance)[:, 1]
    counts = np.histogram(largest, [0, 20, 60, 200])[0]
    assert counts.sum() == 400
    np.testing.assert_allclose(counts, [200, 100, 100], atol=45)


@pytest.mark.parametrize("exposure", [0.0004, 0.1234, 0.5, 1.0])
def test_splat_equals_a_plain_loop(exposure):
    path = _numpy_paths(0.005, 600)[7]
    path = np.stack([path.real, path.imag], axis=-1)[:100].astype(np.float32)
    weights = np.clip(exposure * 100 - np.arange(100), 0, 1)
    centre = (weights[:, None] * path).sum(axis=0) / weights.sum()
    expected = np.zeros((33, 33))
    for (x, y), weight in zip(path - centre + 16, weights, strict=True):
        column, row = int(np.floor(x)), int(np.floor(y))
        for i in (0, 1):
            for j in (0, 1):
                share = (1 - abs(y - row - i)) * (1 - abs(x - column - j))
                expected[row + i, column + j] += weight * share
    expected /= expected.sum()
    result = splat(path[None], tf.constant([exposure]), 33).numpy()[0]
    np.testing.assert_allclose(result, expected, atol=2e-5)


def test_what_comes_after_the_exposure_may_leave_the_canvas():
    long = _line(60, 0.0)
    kernel = splat(long, tf.constant([0.1]), 9).numpy()[0]
    expected = splat(_line(60, 0.0)[:, :200], tf.ones([1]), 9).numpy()[0]
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(kernel, expected, atol=1e-6)


def test_splat_keeps_batches_apart_and_takes_no_notice_of_where_a_path_lies():
    paths = np.concatenate([_line(9, 0.3), _line(14, 1.2), _line(3, 2.5)])
    exposures = tf.constant([1.0, 0.5, 0.25])
    together = splat(paths, exposures, 21).numpy()
    for n in range(3):
        alone = splat(paths[n : n + 1], exposures[n : n + 1], 21).numpy()[0]
        np.testing.assert_allclose(together[n], alone, atol=1e-7)
    moved = splat(paths + np.float32([5.3, -2.9]), exposures, 21).numpy()
    np.testing.assert_allclose(moved, together, atol=1e-4)


def test_x_runs_along_the_columns_and_y_along_the_rows():
    across = splat(_line(10, 0.0), tf.ones([1]), 15).numpy()[0]
    down = splat(_line(10, np.pi / 2), tf.ones([1]), 15).numpy()[0]
    assert across[7].sum() == pytest.approx(1, abs=1e-3)
    assert down[:, 7].sum() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(down, across.T, atol=1e-4)


@pytest.mark.parametrize("canvas", [5, 13, 65])
@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 4, np.pi / 2])
def test_the_longest_straight_line_is_not_cut_off(canvas, angle):
    length = canvas - 3
    kernel = splat(_line(length, angle), tf.ones([1]), canvas).numpy()
    _, covariance = _moments(kernel)
    direction = np.array([np.cos(angle), np.sin(angle)])
    along = direction @ covariance[0] @ direction
    # A line's variance is length^2 / 12 (and 2 / ITERATIONS of it for the samples); the
    # bilinear spread adds f (1 - f), at most a quarter, in each direction.
    assert along >= length**2 / 12
    assert along <= length**2 / 12 * (1 + 3 / ITERATIONS) + 0.25
    # Unlike the authors', it reaches no border: its ends are all there.
    border = np.ones((canvas, canvas), bool)
    border[1:-1, 1:-1] = False
    assert kernel[0][border].max() < 1e-4


def test_an_odd_length_along_a_row_has_equal_pixels():
    # 11 pixels long: half a pixel at each end is spread over the neighbour.
    kernel = splat(_line(11, 0.0), tf.ones([1]), 15).numpy()[0]
    np.testing.assert_allclose(kernel[7, 3:12], 1 / 11, rtol=0.02)
    # The end pixels hold the triangle's part within the line: 1 - 1/8 and 1/8.
    np.testing.assert_allclose(kernel[7, [2, 12]], (7 / 8) / 11, rtol=0.02)
    np.testing.assert_allclose(kernel[7, [1, 13]], (1 / 8) / 11, rtol=0.05)


@pytest.mark.parametrize(("length", "angle"), [(30.0, 0.2), (17.0, 1.0), (8.0, 2.6)])
def test_a_lines_covariance_is_its_length_squared_over_twelve(length, angle):
    kernel = splat(_line(length, angle), tf.ones([1]), 33).numpy()
    cosine, sine = np.cos(angle), np.sin(angle)
    outer = np.array([[cosine**2, cosine * sine], [cosine * sine, sine**2]])
    spread = _moments(kernel)[1][0] - length**2 / 12 * outer
    # What is left is the bilinear spread: a sixth on average, a quarter at most.
    assert np.linalg.eigvalsh(spread).min() > -0.05
    assert np.linalg.eigvalsh(spread).max() < 0.3


def test_linear_kernels_have_lengths_and_directions_from_one_to_the_length():
    kernels = _bank("linear", count=800, canvas=41, length=30.0)
    values, vectors = np.linalg.eigh(_moments(kernels)[1])
    assert values[:, 0].max() < 0.3  # across: the spread alone
    lengths = np.sqrt(12 * (values[:, 1] - 1 / 6))
    assert scipy.stats.kstest(lengths, "uniform", (1, 29)).pvalue > 1e-4
    angles = np.arctan2(vectors[:, 1, 1], vectors[:, 0, 1]) % np.pi
    long = lengths > 5  # the direction of a short one is blurred
    assert scipy.stats.kstest(angles[long], "uniform", (0, np.pi)).pvalue > 1e-4


@pytest.mark.parametrize("diameter", [1.0, 2.0, 5.0, 9.5, 20.0, 30.0])
def test_a_disc_has_the_analytic_area_and_spread(diameter):
    kernel = discs(tf.constant([diameter]), 33).numpy()
    # An even disc's middle pixel holds one part in its area of the whole.
    area = np.pi * diameter**2 / 4
    radius = diameter / 2
    if diameter >= 5:
        assert 1 / kernel[0, 16, 16] == pytest.approx(area, rel=0.03)
        # The variance of an even disc along an axis is radius^2 / 4.
        _, covariance = _moments(kernel)
        expected = np.eye(2) * radius**2 / 4
        np.testing.assert_allclose(covariance[0], expected, atol=0.06 * radius**2 / 4)
    # Nothing outside, the same value inside, the same in all eight orientations.
    rows, columns = np.indices((33, 33)) - 16
    distance = np.hypot(rows, columns)
    assert kernel[0][distance >= radius + 0.5].max() == 0
    np.testing.assert_allclose(
        kernel[0][distance <= radius - 0.5], kernel[0, 16, 16], rtol=1e-6
    )
    np.testing.assert_array_equal(kernel[0], kernel[0].T)
    np.testing.assert_array_equal(kernel[0], kernel[0, ::-1])


def test_a_disc_of_one_pixel_is_the_identity():
    kernel = discs(tf.constant([1.0]), 7).numpy()[0]
    expected = np.zeros((7, 7))
    expected[3, 3] = 1
    np.testing.assert_array_equal(kernel, expected)


def test_defocus_kernels_have_diameters_from_one_to_the_length():
    peaks = _bank("defocus", count=400, canvas=33, length=30.0)[:, 16, 16]
    diameters = np.sqrt(4 / np.pi / peaks)
    assert scipy.stats.kstest(diameters, "uniform", (1, 29)).pvalue > 1e-4


@pytest.mark.parametrize(("length", "canvas"), [(62.5, 65), (60.0, 64), (3.0, 5)])
def test_a_length_that_does_not_fit_is_refused(length, canvas):
    reason = f"at least length . 3; got canvas {canvas}, length {length:g}"
    with pytest.raises(ValueError, match=reason):
        check_fits(length, canvas)
    with pytest.raises(ValueError, match=reason):
        _bank(canvas=canvas, length=length)


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        ValueError, match="trajectory, linear, defocus or mixed; got 'zoom'"
    ):
        _bank("zoom")


def test_downsampled_kernels_are_shared_bilinearly_on_the_coarser_grid():
    kernel = np.zeros((2, 13, 13), np.float32)
    kernel[0, 6 + 2, 6 - 4] = 1  # on the coarser grid
    kernel[1, 6 + 3, 6] = 1  # between two of its places
    found = downsampled(tf.constant(kernel), 2, 3).numpy()
    expected = np.zeros((2, 7, 7))
    expected[0, 3 + 1, 3 - 2] = 1
    expected[1, 3 + 1, 3] = expected[1, 3 + 2, 3] = 0.5
    np.testing.assert_allclose(found, expected, atol=1e-6)
    bank = kernel_bank("trajectory", 20, 33, 25, (0.005,), (1.0,), 3)
    for factor, reach in ((1, 16), (2, 9), (4, 5), (8, 3)):
        small = downsampled(bank, factor, reach).numpy()
        np.testing.assert_allclose(small.sum((1, 2)), 1, atol=1e-5)
        offsets = np.arange(-reach, reach + 1)
        for axis in (1, 2):
            np.testing.assert_allclose(small.sum(axis) @ offsets, 0, atol=1e-3)
    # A blurred picture, downsampled, is about the downsampled picture blurred by it.
    picture = np.random.default_rng(0).normal(size=(1, 64, 64, 1)).astype(np.float32)
    smooth = tf.nn.avg_pool2d(picture, 5, 1, "SAME")
    one = tf.nn.avg_pool2d(convolve(smooth, bank[:1]), 2, 2, "VALID")
    other = convolve(
        tf.nn.avg_pool2d(smooth, 2, 2, "VALID"), downsampled(bank[:1], 2, 9)
    )
    inside = (slice(None), slice(10, -10), slice(10, -10))
    assert np.abs(one - other)[inside].mean() < 0.1 * np.abs(one)[inside].mean()


def test_a_mixed_bank_holds_trajectories_lines_and_discs():
    bank = kernel_bank("mixed", 100, 33, 24, (0.005,), (1.0,), 3).numpy()
    np.testing.assert_allclose(bank.sum((1, 2)), 1, atol=1e-5)
    parts = {"trajectory": 70, "linear": 20, "defocus": 10}
    start = 0
    for kind, number in parts.items():
        length = 6 if kind == "defocus" else 24
        alone = kernel_bank(kind, number, 33, length, (0.005,), (1.0,), 3).numpy()
        np.testing.assert_allclose(bank[start : start + number], alone, atol=1e-6)
        start += number
