"""The unrolled generator: sizes, what it finds on its way, precision, saving."""

import keras
import numpy as np
import pytest

from deblurgan_tf.config import Model
from deblurgan_tf.models.deblurgan import build_generator
from deblurgan_tf.models.files import copy_weights, open_model
from deblurgan_tf.models.precision import in_bfloat16
from deblurgan_tf.models.receptive_field import receptive_radius
from deblurgan_tf.models.unrolled import (
    RADII,
    largest_kernel,
    stages,
    unrolled_generator,
)


def _pictures(count, height, width, seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (count, height, width, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    """Two levels, with weights that change the picture."""
    network = unrolled_generator(levels=2, width=4, seed=1)
    random = np.random.default_rng(0)
    for layer in network.layers:
        weights = [x + random.normal(0, 0.05, x.shape) for x in layer.get_weights()]
        layer.set_weights(weights)
    return network


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (17, 5), (32, 48)])
def test_any_size_comes_back_in_its_size_and_range(model, height, width):
    blurred = _pictures(2, height, width)
    restored = np.asarray(model(blurred))
    assert restored.shape == blurred.shape
    assert np.isfinite(restored).all()
    assert restored.min() >= -1 and restored.max() <= 1
    assert np.abs(restored - blurred).max() > 0.01


def test_a_batch_of_many_equals_many_batches_of_one(model):
    blurred = _pictures(3, 32, 48)
    together = np.asarray(model(blurred))
    for n in range(3):
        alone = np.asarray(model(blurred[n : n + 1]))[0]
        np.testing.assert_allclose(together[n], alone, atol=2e-4)


def test_the_stages_are_named_coarse_first_with_their_sizes(model):
    assert stages(model) == [
        ("level0_iteration0_guess", "level0_iteration0_kernel", 2),
        ("level0_iteration1_guess", "level0_iteration1_kernel", 2),
        ("level1_iteration0_guess", "level1_iteration0_kernel", 1),
        ("level1_iteration1_guess", "level1_iteration1_kernel", 1),
    ]
    names = [name for stage in stages(model) for name in stage[:2]]
    outputs = [model.get_layer(name).output for name in names]
    found = keras.Model(model.input, outputs)(_pictures(2, 32, 48))
    for guess, kernel, (_, _, factor) in zip(
        found[::2], found[1::2], stages(model), strict=True
    ):
        assert tuple(guess.shape) == (2, 32 // factor, 48 // factor, 3)
        side = 2 * RADII[0 if factor == 2 else 1] + 1
        assert tuple(kernel.shape) == (2, side, side, 1)
        assert np.asarray(kernel).min() >= 0
        np.testing.assert_allclose(np.asarray(kernel).sum((1, 2, 3)), 1, rtol=1e-5)


def test_levels_decide_on_the_largest_kernel():
    sides = [
        largest_kernel(unrolled_generator(levels=n, width=4)) for n in (1, 2, 3, 4)
    ]
    assert sides == [9, 15, 29, 57]
    resnet = build_generator(Model(width=2, blocks=1))
    assert largest_kernel(resnet) is None
    for levels in (0, 5):
        with pytest.raises(ValueError, match="levels must be 1 to 4"):
            unrolled_generator(levels=levels)


def test_the_released_size_has_the_parameters_of_its_card():
    assert unrolled_generator(4, 32).count_params() == 5_357_169


def test_the_seed_decides_the_first_weights_and_no_two_layers_share_them():
    one, same, other = (
        unrolled_generator(levels=1, width=4, seed=seed).get_weights()
        for seed in (3, 3, 4)
    )
    for a, b, c in zip(one, same, other, strict=True):
        np.testing.assert_array_equal(a, b)
        # Biases begin at 0, and the few weights of the steps at their constants.
        if a.ndim == 4:
            assert np.abs(a - c).max() > 0
    kernels = [x for x in one if x.shape == one[2].shape and x.ndim == 4]
    for n, kernel in enumerate(kernels):
        assert not any(np.array_equal(kernel, x) for x in kernels[:n])


def test_weights_go_over_to_a_model_of_more_levels():
    small, large = (unrolled_generator(levels=n, width=4, seed=n) for n in (1, 2))
    for number, layer in enumerate(small.layers):
        layer.set_weights([x + number for x in layer.get_weights()])
    untouched = large.get_layer("level1_picture").get_weights()
    copied = copy_weights(small, large)
    sources = {
        "refine_in": "refine_in",
        "level0_iteration1_low0_1": "level0_iteration1_low0_1",
        # A level that it lacks starts as the last iteration of its finest.
        "level1_iteration0_in": "level0_iteration1_in",
        "level1_iteration1_kernel_0": "level0_iteration1_kernel_0",
        "level1_iteration0_fit": "level0_iteration1_fit",
    }
    for name, source in sources.items():
        assert name in copied
        pairs = (small.get_layer(source), large.get_layer(name))
        for one, other in zip(*(x.get_weights() for x in pairs), strict=True):
            np.testing.assert_array_equal(one, other)
    # A single level has no such step.
    assert "level1_picture" not in copied
    kept = large.get_layer("level1_picture").get_weights()
    np.testing.assert_array_equal(kept, untouched)
    assert copy_weights(build_generator(Model(width=2, blocks=1)), large) == []


def test_a_saved_generator_is_the_same_and_bfloat16_is_close(model, tmp_path):
    model.save(tmp_path / "generator.keras")
    again = open_model(tmp_path / "generator.keras")
    blurred = _pictures(1, 33, 50)
    restored = np.asarray(model(blurred))
    np.testing.assert_array_equal(np.asarray(again(blurred)), restored)
    coarse = in_bfloat16(model)
    assert {x.compute_dtype for x in coarse.layers} == {"float32", "bfloat16"}
    assert coarse.get_layer("level0_dft").compute_dtype == "float32"
    difference = np.asarray(coarse(blurred)) - restored
    assert 0 < np.abs(difference).mean() < 0.03


def test_its_receptive_radius_is_that_of_its_layers(model):
    # The Fourier steps look everywhere and are not counted; the convolutions are.
    assert 32 < receptive_radius(model) < 1000
