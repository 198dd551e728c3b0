"""The layers that Keras lacks: padding against NumPy, cropping, seeded dropout."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deblurgan_tf.blur.seeds import sample_seeds
from deblurgan_tf.models.layers import (
    ConvolutionToFew,
    CropFirstRowColumn,
    CropLike,
    InstanceNormalization,
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


def test_padding_tells_the_size_it_will_have():
    layer = PadToMultiple(4, 16)
    for height, width in ((1, 17), (16, 20), (39, 12)):
        told = layer.compute_output_shape((3, height, width, 2))
        assert told == layer(_pictures(3, height, width)).shape
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
        told = CropLike().compute_output_shape([pictures.shape, reference.shape])
        assert told == result.shape


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


def _features(count, seed=0):
    random = np.random.default_rng(seed)
    scale, mean = np.array([0.01, 1.0, 30.0]), np.array([0.0, 5.0, -40.0])
    return (mean + scale * random.normal(size=(count, 7, 9, 3))).astype(np.float32)


@pytest.mark.parametrize("count", [1, 2])
def test_instance_normalisation_equals_numpy(count):
    x = _features(count)
    exact = x.astype(np.float64)
    mean = exact.mean(axis=(1, 2), keepdims=True)
    expected = (exact - mean) / np.sqrt(exact.var((1, 2), keepdims=True) + 1e-5)
    # A batch of one takes another kernel than larger ones and unknown ones do.
    layer = InstanceNormalization()
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)
    spec = tf.TensorSpec([None, None, None, 3])
    compiled = tf.function(layer, input_signature=[spec])
    np.testing.assert_allclose(compiled(x), expected, atol=1e-4)


def test_instance_normalisation_makes_a_constant_picture_zero():
    layer = InstanceNormalization()
    for count in (1, 2):
        np.testing.assert_allclose(layer(tf.fill([count, 5, 6, 2], 0.7)), 0, atol=1e-3)


def test_both_ways_of_instance_normalisation_have_the_same_two_derivatives():
    layer = InstanceNormalization()
    weight = tf.constant(_features(1, seed=1) / 30)

    def derivatives(x):
        """Of a sum over the first sample, and of that gradient's norm, as a penalty."""
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                total = tf.reduce_sum(weight * layer(x)[:1] ** 2)
            gradient = inner.gradient(total, x)
            norm = tf.reduce_sum(gradient**2)
        return gradient[:1].numpy(), outer.gradient(norm, x)[:1].numpy()

    x = tf.constant(_features(1) + 0.1 * _features(1, seed=2))
    for one, two in zip(
        derivatives(x), derivatives(tf.repeat(x, 2, axis=0)), strict=True
    ):
        for channel in range(3):
            size = np.abs(two[..., channel]).max()
            assert size > 0
            np.testing.assert_allclose(
                one[..., channel] / size, two[..., channel] / size, atol=2e-3
            )


@pytest.mark.parametrize("count", [1, 2])
def test_instance_normalisation_in_bfloat16_is_as_close_as_bfloat16_is(count):
    x = _features(count)[..., 1:2]  # of deviation 1
    exact = InstanceNormalization()(tf.cast(tf.cast(x, tf.bfloat16), tf.float32))
    rough = InstanceNormalization(dtype="mixed_bfloat16")(x)
    assert rough.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(rough, tf.float32), exact, rtol=1e-2, atol=1e-2)


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


def _to_few(filters, size, **options):
    """A layer and a Conv2D of the same weights, for pictures of 5 channels."""
    pair = (
        ConvolutionToFew(filters, size, **options),
        keras.layers.Conv2D(filters, size, **options),
    )
    random = np.random.default_rng(1)
    for layer in pair:
        layer.build((None, None, None, 5))
    weights = [random.normal(0, 1, x.shape) for x in pair[0].get_weights()]
    for layer in pair:
        layer.set_weights(weights)
    return pair


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("filters", "size"), [(3, 7), (1, 4), (2, (3, 5))])
def test_a_convolution_to_few_has_conv2ds_values_and_gradients(filters, size, count):
    few, plain = _to_few(filters, size, activation="tanh")
    pictures = tf.constant(np.random.default_rng(2).normal(0, 0.1, (count, 9, 11, 5)))
    pictures = tf.cast(pictures, tf.float32)
    results = []
    for layer in (few, plain):
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            values = layer(pictures)
            total = tf.reduce_sum(values**3)
        sources = [pictures, *(x.value for x in layer.trainable_variables)]
        results.append([values, *tape.gradient(total, sources)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_convolution_to_few_has_conv2ds_second_gradients():
    """Those of the gradient penalty."""
    few, plain = _to_few(1, 4)
    pictures = tf.random.stateless_normal((2, 8, 9, 5), [0, 1])
    results = []
    for layer in (few, plain):
        kernel = layer.kernel.value
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(pictures)
                total = tf.reduce_sum(tf.square(layer(pictures)))
            slope = inner.gradient(total, pictures)
            penalty = tf.reduce_sum(tf.square(slope))
        results.append(outer.gradient(penalty, kernel))
    np.testing.assert_allclose(*results, rtol=1e-3)


@pytest.mark.parametrize(
    "options", [{"strides": 2}, {"padding": "same"}, {"dilation_rate": 2}]
)
def test_a_convolution_to_few_refuses_what_its_gradients_do_not_know(options):
    with pytest.raises(ValueError, match="strides"):
        ConvolutionToFew(1, 3, **options).build((None, None, None, 5))


def test_a_convolution_to_few_is_saved_with_its_model(tmp_path):
    picture = keras.Input((None, None, 5))
    model = keras.Model(picture, ConvolutionToFew(2, 3)(picture))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert isinstance(again.layers[-1], ConvolutionToFew)
    pictures = np.random.default_rng(0).normal(0, 1, (1, 6, 7, 5)).astype(np.float32)
    np.testing.assert_array_equal(model(pictures), again(pictures))
