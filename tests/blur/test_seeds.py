"""Seeded numbers: their distribution, and that nothing but the seed decides them."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from deblurgan_tf.blur.seeds import VALIDATION, normal, sample_seeds, uniform

SAMPLES, SIZE = 200, 1000


def _uniform(seed=0, count=SAMPLES, size=SIZE, salt=3):
    return uniform(sample_seeds(seed, np.arange(count)), size, salt).numpy()


def _correlation(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def _lowbias32(x):
    """C. Wellons' hash with Python's unbounded integers."""
    x = ((x ^ (x >> 16)) * 0x7FEB352D) % 2**32
    x = ((x ^ (x >> 15)) * 0x846CA68B) % 2**32
    return x ^ (x >> 16)


def test_numbers_are_those_of_the_hash_in_plain_python():
    positions, salt = [0, 1, 77, VALIDATION + 5, 2**31 - 1], 1003
    expected_seeds = [
        _lowbias32((p + (12 + 1) * 0x9E3779B9) % 2**32) for p in positions
    ]
    seeds = sample_seeds(12, np.array(positions))
    np.testing.assert_array_equal(seeds.numpy(), np.array(expected_seeds, np.uint32))
    expected = [
        [
            (_lowbias32(_lowbias32((s + salt * 0x85EBCA77) % 2**32) ^ _lowbias32(i)))
            // 2**8
            / 2**24
            for i in range(1, 10)
        ]
        for s in expected_seeds
    ]
    np.testing.assert_array_equal(uniform(seeds, 9, salt).numpy(), expected)


def test_uniform_numbers_lie_in_the_half_open_interval():
    values = _uniform(count=1000)
    assert values.dtype == np.float32
    assert values.min() >= 0
    assert values.max() < 1
    # A million numbers come close to both ends.
    assert values.min() < 1e-5
    assert values.max() > 1 - 1e-5


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_uniform_numbers_have_the_moments_of_uniform_numbers(seed):
    values = _uniform(seed).astype(float)
    n = values.size
    # Four standard errors.
    assert abs(values.mean() - 1 / 2) < 4 * np.sqrt(1 / 12 / n)
    assert abs(values.var() - 1 / 12) < 4 * np.sqrt(1 / 180 / n)
    # So do the means of each sample and of each place.
    for axis in (0, 1):
        means = values.mean(axis=axis)
        deviation = np.sqrt(1 / 12 / values.shape[axis])
        assert abs(means.std() / deviation - 1) < 4 / np.sqrt(2 * len(means))


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_uniform_numbers_fill_sixteen_bins_evenly(seed):
    values = _uniform(seed)
    counts = np.histogram(values, np.linspace(0, 1, 17))[0]
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    # The same for the first number of each of many samples, as kernels are drawn.
    first = _uniform(seed, count=20000, size=1)
    counts = np.histogram(first, np.linspace(0, 1, 17))[0]
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    # And for the low bits.
    low = (values * 2**24).astype(np.int64) % 16
    assert scipy.stats.chisquare(np.bincount(low.ravel())).pvalue > 1e-3


def test_pairs_of_neighbours_fill_a_grid_evenly():
    values = _uniform()
    for one, other in (
        (values[:, :-1], values[:, 1:]),  # places
        (values[:-1], values[1:]),  # samples
    ):
        counts = np.histogram2d(one.ravel(), other.ravel(), 8, [[0, 1], [0, 1]])[0]
        assert scipy.stats.chisquare(counts.ravel()).pvalue > 1e-3


def test_samples_places_salts_and_seeds_are_not_correlated():
    values = _uniform()
    bound = 4 / np.sqrt(values.size)
    for shift in (1, 2, 3, 16, 64):
        assert abs(_correlation(values[:, shift:], values[:, :-shift])) < 1.1 * bound
        assert abs(_correlation(values[shift:], values[:-shift])) < 1.3 * bound
    for salt in (2, 4, 1001, 1002, 1003, 1004):
        assert abs(_correlation(values, _uniform(salt=salt))) < bound
    for seed in (1, 2, 1000):
        assert abs(_correlation(values, _uniform(seed))) < bound


def test_validation_positions_are_not_correlated_with_training_positions():
    other = uniform(sample_seeds(0, np.arange(SAMPLES) + VALIDATION), SIZE, 3).numpy()
    assert abs(_correlation(_uniform(), other)) < 4 / np.sqrt(other.size)


@pytest.mark.parametrize("draw", [uniform, normal])
def test_a_sample_is_the_same_in_any_batch(draw):
    seeds = sample_seeds(4, np.array([9, 3, 100, 3])).numpy()
    together = draw(seeds, 65, 5).numpy()
    # The logarithm and the cosine may differ in the last bit with the place in memory.
    tolerance = 0 if draw is uniform else 5e-7
    for n, seed in enumerate(seeds):
        alone = draw(np.array([seed]), 65, 5).numpy()
        np.testing.assert_allclose(together[n], alone[0], rtol=0, atol=tolerance)
    np.testing.assert_allclose(together[1], together[3], rtol=0, atol=tolerance)
    assert np.abs(together[0] - together[1]).mean() > 0.1


@pytest.mark.parametrize("draw", [uniform, normal])
def test_calls_are_equal_to_the_bit_also_inside_a_compiled_function(draw):
    positions = tf.range(5, dtype=tf.int64)

    def drawn(positions):
        return draw(sample_seeds(1, positions), 333, 2)

    eager = drawn(positions).numpy()
    np.testing.assert_array_equal(eager, drawn(positions).numpy())
    compiled = tf.function(drawn)
    if draw is uniform:
        np.testing.assert_array_equal(compiled(positions).numpy(), eager)
    else:
        np.testing.assert_allclose(compiled(positions).numpy(), eager, atol=1e-6)
    np.testing.assert_array_equal(compiled(positions), compiled(positions))


def test_a_longer_draw_begins_like_a_shorter_one():
    seeds = sample_seeds(1, np.arange(3))
    np.testing.assert_array_equal(
        uniform(seeds, 50, 1).numpy()[:, :20], uniform(seeds, 20, 1).numpy()
    )


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32"])
def test_the_type_of_positions_does_not_matter(dtype):
    expected = sample_seeds(3, np.arange(50)).numpy()
    np.testing.assert_array_equal(sample_seeds(3, np.arange(50, dtype=dtype)), expected)


def test_normal_numbers_have_the_moments_of_normal_numbers():
    values = normal(sample_seeds(0, np.arange(SAMPLES)), SIZE, 3).numpy().astype(float)
    n = values.size
    assert np.isfinite(values).all()
    assert abs(values.mean()) < 4 / np.sqrt(n)
    assert abs(values.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs(scipy.stats.skew(values.ravel())) < 4 * np.sqrt(6 / n)
    assert abs(scipy.stats.kurtosis(values.ravel())) < 4 * np.sqrt(24 / n)
    assert abs(_correlation(values[:, 1:], values[:, :-1])) < 4.1 / np.sqrt(n)
    assert abs(_correlation(values[1:], values[:-1])) < 4.1 / np.sqrt(n)


@pytest.mark.parametrize("salt", [1, 1003])
def test_normal_numbers_pass_a_kolmogorov_smirnov_test(salt):
    values = normal(sample_seeds(0, np.arange(50)), 999, salt).numpy()
    assert scipy.stats.kstest(values.ravel(), "norm").pvalue > 1e-3
    assert scipy.stats.kstest(values[:, 0], "norm").pvalue > 1e-3


@pytest.mark.parametrize("seed", [0, 5])
def test_a_hundred_thousand_positions_have_a_hundred_thousand_seeds(seed):
    training = sample_seeds(seed, np.arange(100_000)).numpy()
    validation = sample_seeds(seed, np.arange(1000) + VALIDATION).numpy()
    assert training.dtype == np.uint32
    assert len(np.unique(np.concatenate([training, validation]))) == 101_000


def test_runs_of_different_seeds_share_no_sample_seeds():
    runs = [sample_seeds(seed, np.arange(10_000)).numpy() for seed in range(10)]
    assert len(np.unique(np.concatenate(runs))) == 100_000
