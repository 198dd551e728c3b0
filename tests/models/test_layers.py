"""Padding against NumPy, cropping, and dropout with a seed for each sample."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deblurgan_tf.blur.seeds import sample_seeds
from deblurgan_tf.models.layers import (
    CropFirstRowColumn,
    CropLike,
    PadToMultiple,
    SampleDropout,
    dropout_seeds,
)


def _padded(pictures, multiple, minimum):
    """By the edge to the minimum, then by reflection to the multiple, as NumPy does."""
    for mode in ("edge", "reflect"):
        margins = [(0, 0)]
        for size in pictures.shape[1:3]:
            least = max(size, minimum)
            whole = -(-least // multiple) * multiple
            margins.append((0, (least if mode == "edge" else whole) - size))
        pictures = np.pad(pictures, [*margins, (0, 0)], mode)
    return pictures


def _pictures(count, height, width, channels=2):
    size = count * height * width * channels
    return np.arange(size, dtype=np.float32).reshape(count, height, width, channels)


@pytest.mark.parametrize(("multiple", "minimum"), [(4, 16), (16, 16), (8, 9), (1, 1)])
def test_padding_equals_numpys_for_all_sizes_from_one_to_forty(multiple, minimum):
    layer = PadToMultiple(multiple, minimum)
    for size in range(1, 41):
        pictures = _pictures(1, size, 41 - size)
        np.testing.assert_array_equal(
            layer(pictures), _padded(pictures, multiple, minimum), err_msg=f"{size}"
        )


def test_padding_works_where_the_size_is_not_known_beforehand():
    spec = tf.TensorSpec([None, None, None, 2])
    layer = tf.function(PadToMultiple(4, 16), input_signature=[spec])
    for height, width in ((1, 1), (17, 31), (16, 40), (3, 18)):
        pictures = _pictures(2, height, width)
        np.testing.assert_array_equal(layer(pictures), _padded(pictures, 4, 16))


def test_padding_states_the_size_it_will_have():
    layer = PadToMultiple(4, 16)
    for height, width in ((1, 17), (16, 20), (39, 12)):
        stated = layer.compute_output_shape((3, height, width, 2))
        assert stated == layer(_pictures(3, height, width)).shape
    assert layer.compute_output_shape((None, None, 5, 3)) == (None, None, 16, 3)


def test_the_gradient_of_padding_counts_how_often_a_pixel_is_used():
    pictures = tf.constant(_pictures(1, 3, 17, 1))
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        total = tf.reduce_sum(PadToMultiple(4, 16)(pictures))
    uses = tape.gradient(total, pictures)[0, :, :, 0]
    rows = np.array([1, 1, 14])  # the last of 3 rows fills up to 16
    columns = np.ones(17)
    columns[[13, 14, 15]] = 2  # 17 columns are reflected to 20
    np.testing.assert_array_equal(uses, np.outer(rows, columns))


def test_cropping_keeps_the_top_left_in_the_size_of_the_reference():
    pictures = _pictures(2, 20, 24, 3)
    for height, width in ((1, 1), (17, 23), (20, 24)):
        reference = np.zeros((2, height, width, 1), np.float32)
        result = CropLike()([pictures, reference])
        np.testing.assert_array_equal(result, pictures[:, :height, :width])
        stated = CropLike().compute_output_shape([pictures.shape, reference.shape])
        assert stated == result.shape


def test_cropping_undoes_padding_at_every_size():
    for size in range(1, 41):
        pictures = _pictures(1, size, 41 - size)
        result = CropLike()([PadToMultiple(4, 16)(pictures), pictures])
        np.testing.assert_array_equal(result, pictures)


def test_layers_made_from_their_configs_do_the_same():
    pictures = _pictures(2, 18, 7)
    padding = PadToMultiple(4, 24)
    again = PadToMultiple.from_config(padding.get_config())
    np.testing.assert_array_equal(again(pictures), padding(pictures))
    dropout = SampleDropout(0.3, salt=5)
    again = SampleDropout.from_config(dropout.get_config())
    with dropout_seeds(sample_seeds(0, range(2))):
        np.testing.assert_array_equal(
            again(pictures, training=True), dropout(pictures, training=True)
        )


def _dropped(rate, seeds, shape, salt=0):
    with dropout_seeds(seeds):
        return SampleDropout(rate, salt)(tf.ones(shape), training=True).numpy()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_its_fraction_and_the_expected_value(rate):
    shape = (8, 30, 30, 16)
    result = _dropped(rate, sample_seeds(0, range(8)), shape)
    kept = result != 0
    deviation = np.sqrt(rate * (1 - rate) / result.size)
    assert abs(kept.mean() - (1 - rate)) < 4 * deviation
    np.testing.assert_allclose(result[kept], 1 / (1 - rate), rtol=1e-6)
    assert abs(result.mean() - 1) < 4 * deviation / (1 - rate)
    # Evenly over rows, columns and channels.
    for axis in (1, 2, 3):
        others = tuple(x for x in range(4) if x != axis)
        share = kept.mean(axis=others)
        bound = 5 * np.sqrt(rate * (1 - rate) * shape[axis] / result.size)
        assert np.abs(share - (1 - rate)).max() < bound


def test_dropout_scales_what_it_keeps():
    pictures = tf.constant(_pictures(2, 5, 6, 3) - 50)
    with dropout_seeds(sample_seeds(0, range(2))):
        result = SampleDropout(0.25, 1)(pictures, training=True).numpy()
    kept = _dropped(0.25, sample_seeds(0, range(2)), (2, 5, 6, 3), 1) > 0
    np.testing.assert_allclose(
        result, np.where(kept, pictures.numpy() / 0.75, 0), rtol=1e-6
    )


def test_a_sample_has_the_same_mask_in_any_batch():
    seeds = sample_seeds(3, [7, 12])
    together = _dropped(0.5, seeds, (2, 9, 8, 4))
    for n in range(2):
        alone = _dropped(0.5, seeds[n : n + 1], (1, 9, 8, 4))
        np.testing.assert_array_equal(together[n], alone[0])
    # Two independent masks agree in half of the places.
    agree = (together[0] == together[1]).mean()
    assert 0.35 < agree < 0.65


def test_layers_with_other_salts_have_other_masks():
    seeds = sample_seeds(3, range(4))
    one, other = (_dropped(0.5, seeds, (4, 9, 8, 4), salt) for salt in (0, 1))
    assert 0.4 < (one == other).mean() < 0.6
    np.testing.assert_array_equal(one, _dropped(0.5, seeds, (4, 9, 8, 4), 0))


def test_dropout_does_nothing_outside_training_and_at_rate_zero():
    pictures = _pictures(2, 4, 4)
    np.testing.assert_array_equal(SampleDropout(0.9, 0)(pictures), pictures)
    layer = SampleDropout(0.9, 0)
    np.testing.assert_array_equal(layer(pictures, training=False), pictures)
    np.testing.assert_array_equal(
        SampleDropout(0.0, 0)(pictures, training=True), pictures
    )


def test_dropout_in_training_without_seeds_is_an_error_that_says_what_to_do():
    layer = SampleDropout(0.5, 0)
    with pytest.raises(RuntimeError, match="call the model inside .*dropout_seeds"):
        layer(tf.ones([1, 2, 2, 1]), training=True)


def test_seeds_hold_inside_their_block_alone_and_blocks_may_be_nested():
    outer, inner = sample_seeds(0, [1]), sample_seeds(0, [2])
    layer, ones = SampleDropout(0.5, 0), tf.ones([1, 8, 8, 4])
    with dropout_seeds(outer):
        before = layer(ones, training=True).numpy()
        with dropout_seeds(inner):
            within = layer(ones, training=True).numpy()
        np.testing.assert_array_equal(layer(ones, training=True), before)
    assert (within != before).any()
    with pytest.raises(RuntimeError, match="needs seeds"):
        layer(ones, training=True)
    # An error inside must not leave the seeds behind.
    with pytest.raises(KeyError), dropout_seeds(outer):
        raise KeyError
    with pytest.raises(RuntimeError, match="needs seeds"):
        layer(ones, training=True)


def test_a_rate_of_one_or_below_zero_is_refused():
    for rate in (1.0, -0.1):
        with pytest.raises(ValueError, match=rf"\[0, 1\); got {rate}"):
            SampleDropout(rate, 0)


@pytest.mark.parametrize("size", [1, 16, 17, 31, 33, 64, 65, 100])
def test_padding_reflects_back_and_forth_where_a_multiple_is_larger_than_the_picture(
    size,
):
    picture = np.random.default_rng(0).random((1, size, 20, 2)).astype(np.float32)
    found = PadToMultiple(64, minimum=16)(tf.constant(picture))
    height = -(-max(size, 16) // 64) * 64
    sides = [(0, max(16 - n, 0)) for n in (size, 20)]
    whole = np.pad(picture, ((0, 0), *sides, (0, 0)), mode="edge")
    more = [(0, m - n) for m, n in zip((height, 64), whole.shape[1:3], strict=True)]
    expected = np.pad(whole, ((0, 0), *more, (0, 0)), mode="reflect")
    np.testing.assert_array_equal(found, expected)


def test_the_first_row_and_column_go_as_with_cropping2d():
    pictures = tf.random.stateless_normal((2, 5, 4, 3), [0, 1])
    layers = (CropFirstRowColumn(), keras.layers.Cropping2D(((1, 0), (1, 0))))
    results = []
    for layer in layers:
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            total = tf.reduce_sum(layer(pictures) ** 3)
        results.append((layer(pictures), tape.gradient(total, pictures)))
        assert layer.compute_output_shape((None, None, 8, 3)) == (None, None, 7, 3)
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_picture_of_the_references_size_is_not_cropped_and_a_larger_one_is():
    pictures = tf.reshape(tf.range(24.0), (1, 4, 6, 1))
    np.testing.assert_array_equal(CropLike()([pictures, pictures]), pictures)
    reference = tf.zeros((1, 3, 5, 7))
    cropped = CropLike()([pictures, reference])
    np.testing.assert_array_equal(cropped, pictures[:, :3, :5])
