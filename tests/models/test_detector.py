"""The plate detector's network: sizes, padding, and leaving out the normalisation."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from deblurgan_tf.models import detector


@pytest.fixture(scope="module")
def plain():
    keras.utils.set_random_seed(3)
    return detector.detector()


def pictures(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (1, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("size", "places"), [((64, 96), (8, 12)), ((33, 50), (5, 7)), ((1, 9), (1, 2))]
)
def test_pictures_of_any_size_have_a_place_for_each_eight_pixels(plain, size, places):
    answer = plain(pictures(*size))
    shapes = {name: tuple(value.shape) for name, value in answer.items()}
    assert shapes == {
        "middle": (1, *places, 1),
        "corners": (1, *places, 8),
        "lines": (1, *places, 1),
    }


def test_it_has_one_to_three_million_parameters(plain):
    assert 1e6 < plain.count_params() < 3e6


def test_the_padding_is_a_reflection_and_no_place_of_it_is_in_the_answer(plain):
    picture = pictures(40, 72)
    by_hand = np.pad(picture, ((0, 0), (0, 24), (0, 24), (0, 0)), mode="reflect")
    answer, padded = plain(picture), plain(by_hand)
    for name, value in answer.items():
        np.testing.assert_allclose(value, padded[name][:, :5, :9], atol=2e-5)


def test_at_first_a_plate_is_unlikely_and_of_the_usual_shape(plain):
    answer = plain(np.zeros((1, 64, 64, 3), np.float32))
    likely = 1 / (1 + np.exp(-np.asarray(answer["middle"])))
    assert likely.max() < 0.1
    quad = np.asarray(answer["corners"])[0, 4, 4].reshape(4, 2)
    assert quad[1, 0] - quad[0, 0] == pytest.approx(64, abs=12)


def test_without_its_normalisations_it_computes_the_same():
    keras.utils.set_random_seed(4)
    trained = detector.detector(normalised=True)
    rng = np.random.default_rng(5)
    for layer in trained.layers:
        if layer.name.endswith("_norm"):
            weights = [rng.uniform(0.6, 1.4, w.shape) for w in layer.get_weights()]
            layer.set_weights(weights)
    plain = detector.without_normalisation(trained)
    picture = pictures(64, 64)
    wanted, answer = trained(picture, training=False), plain(picture)
    for name, value in wanted.items():
        np.testing.assert_allclose(answer[name], value, rtol=2e-3, atol=2e-3)


def test_it_can_be_stored_and_opened_again(plain, tmp_path):
    plain.save(tmp_path / "detector.keras")
    again = keras.models.load_model(tmp_path / "detector.keras")
    picture = pictures(32, 32)
    for name, value in plain(picture).items():
        np.testing.assert_array_equal(again(picture)[name], value)
