"""The networks: counts, sizes, and the same numbers as NumPy and PyTorch compute."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from deblurgan_tf.blur.seeds import sample_seeds
from deblurgan_tf.config import Model
from deblurgan_tf.models.deblurgan import (
    build_critic,
    build_generator,
    patch_critic,
    resnet_generator,
)
from deblurgan_tf.models.layers import SampleDropout, dropout_seeds

BUILDS = [
    pytest.param(functools.partial(resnet_generator, blocks=1), id="generator"),
    pytest.param(patch_critic, id="critic"),
]


def _pictures(count, height, width, seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (count, height, width, 3)).astype(np.float32)


def _with_random_weights(network, seed=0, scale=0.15):
    """Large enough for every layer, biases too, to change the output by much."""
    random = np.random.default_rng(seed)
    network.set_weights([random.normal(0, scale, x.shape) for x in network.weights])
    return network


def _weights(network):
    """(kernel, bias) of every convolution, in order."""
    return [
        [np.asarray(x, np.float64) for x in layer.get_weights()]
        for layer in network.layers
        if layer.weights
    ]


# The layers of the authors' PyTorch code, in NumPy: float64 (N, H, W, C) pictures.


def _convolution(x, kernel, bias, stride=1, padding=0):
    x = np.pad(x, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], (1, 2))
    windows = windows[:, ::stride, ::stride]  # (N, H, W, C, kernel, kernel)
    return np.einsum("nhwcij,ijcd->nhwd", windows, kernel, optimize=True) + bias


def _transposed_convolution(x, kernel, bias):
    """ConvTranspose2d(3, stride 2, padding 1, output_padding 1), by its definition."""
    count, height, width, _ = x.shape
    whole = np.zeros((count, 2 * height + 1, 2 * width + 1, kernel.shape[2]))
    whole = np.pad(whole, [(0, 0), (0, 1), (0, 1), (0, 0)])  # output padding
    for i in range(3):
        for j in range(3):
            # Keras keeps the kernel as (height, width, out, in).
            spread = np.einsum("nhwc,dc->nhwd", x, kernel[i, j])
            whole[:, i : i + 2 * height : 2, j : j + 2 * width : 2] += spread
    return whole[:, 1 : 2 * height + 1, 1 : 2 * width + 1] + bias


def _normalised(x):
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5)


def _reflected(x, pixels):
    return np.pad(x, [(0, 0), (pixels, pixels), (pixels, pixels), (0, 0)], "reflect")


def _relu(x):
    return np.maximum(x, 0)


def _to_multiple_of_four(x):
    for mode, multiple in (("edge", 1), ("reflect", 4)):
        margins = [-(-max(16, s) // multiple) * multiple - s for s in x.shape[1:3]]
        x = np.pad(x, [(0, 0), (0, margins[0]), (0, margins[1]), (0, 0)], mode)
    return x


def _numpy_generator(network, pictures, convolutions, upsample, dropout):
    weights = _weights(network)
    first, *middle, last = weights
    down, blocks, up = middle[:2], middle[2:-2], middle[-2:]
    padded = _to_multiple_of_four(pictures.astype(np.float64))
    x = _relu(_normalised(_convolution(_reflected(padded, 3), *first)))
    for layer in down:
        x = _relu(_normalised(_convolution(x, *layer, stride=2, padding=1)))
    for start in range(0, len(blocks), convolutions):
        y = x
        for number, layer in enumerate(blocks[start : start + convolutions]):
            y = _relu(y) if number else y
            y = _normalised(_convolution(_reflected(y, 1), *layer))
        # The authors' later code: one convolution, and a ReLU if there is dropout.
        if convolutions == 1 and dropout:
            y = _relu(y)
        x = x + y
    for layer in up:
        if upsample == "transpose":
            x = _transposed_convolution(x, *layer)
        else:
            x = x.repeat(2, axis=1).repeat(2, axis=2)
            x = _convolution(_reflected(x, 1), *layer)
        x = _relu(_normalised(x))
    residual = np.tanh(_convolution(_reflected(x, 3), *last))
    restored = np.clip(padded + residual, -1, 1)
    return restored[:, : pictures.shape[1], : pictures.shape[2]]


def _numpy_critic(network, pictures):
    first, *middle, last = _weights(network)

    def leaky(x):
        return np.where(x > 0, x, 0.2 * x)

    x = leaky(_convolution(pictures, *first, stride=2, padding=2))
    for layer in middle:
        stride = 1 if layer is middle[-1] else 2
        x = leaky(_normalised(_convolution(x, *layer, stride=stride, padding=2)))
    return _convolution(x, *last, padding=2)


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (lambda: build_generator(Model()), 11_378_179),
        (lambda: build_generator(Model(convolutions=1)), 6_067_459),
        (lambda: build_critic(Model()), 2_764_737),
    ],
    ids=["generator", "generator of the authors' later code", "critic"],
)
def test_the_networks_have_the_papers_numbers_of_parameters(build, parameters):
    network = build()
    assert network.count_params() == parameters
    # All of them are trained: the normalisation has none.
    trained = sum(int(np.prod(x.shape)) for x in network.trainable_variables)
    assert trained == parameters


@pytest.mark.parametrize("upsample", ["transpose", "resize"])
@pytest.mark.parametrize(("convolutions", "dropout"), [(1, 0.0), (1, 0.5), (2, 0.5)])
def test_the_generator_equals_numpy_for_any_size(convolutions, dropout, upsample):
    network = resnet_generator(2, 2, convolutions, upsample, dropout)
    _with_random_weights(network)
    for count, height, width in ((1, 16, 16), (2, 17, 31), (1, 3, 40), (1, 22, 1)):
        pictures = _pictures(count, height, width)
        expected = _numpy_generator(network, pictures, convolutions, upsample, dropout)
        restored = network(pictures).numpy()
        assert restored.dtype == np.float32
        np.testing.assert_allclose(restored, expected, atol=1e-4)
        assert np.abs(restored - pictures).mean() > 0.05


def test_a_picture_of_one_pixel_stays_one():
    # All rows and columns are equal then, so that the normalisation divides rounding
    # errors by each other: its value is not to be compared.
    network = _with_random_weights(resnet_generator(width=2, blocks=1))
    restored = network(np.full((1, 1, 1, 3), 0.3, np.float32)).numpy()
    assert restored.shape == (1, 1, 1, 3)
    assert np.abs(restored).max() <= 1


@pytest.mark.parametrize(("depth", "height", "width"), [(1, 9, 14), (3, 20, 33)])
def test_the_critic_equals_numpy_for_any_size(depth, height, width):
    network = _with_random_weights(patch_critic(width=2, depth=depth))
    for count in (1, 2):
        pictures = _pictures(count, height, width)
        scores = network(pictures).numpy()
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, _numpy_critic(network, pictures), atol=1e-4)
        assert scores.std() > 0.01


def _carry_over(network, torch, module):
    """Our weights into the convolutions of a PyTorch module."""
    kinds = torch.nn.Conv2d, torch.nn.ConvTranspose2d
    targets = [x for x in module.modules() if isinstance(x, kinds)]
    with torch.no_grad():
        for target, (kernel, bias) in zip(targets, _weights(network), strict=True):
            # (height, width, in, out) -> (out, in, height, width); and both the other
            # way round for transposed ones: (height, width, out, in) -> (in, out, ...).
            target.weight.copy_(torch.from_numpy(kernel.transpose(3, 2, 0, 1)))
            target.bias.copy_(torch.from_numpy(bias))
    return module.eval()


def test_both_networks_equal_pytorch_with_the_same_weights():
    torch = pytest.importorskip("torch", reason="needs the extra: pip install .[torch]")
    from deblurgan_tf.benchmarking import torch_reference

    generator = _with_random_weights(resnet_generator(width=4, blocks=2))
    critic = _with_random_weights(patch_critic(width=3))
    theirs = (
        _carry_over(generator, torch, torch_reference.Generator(width=4, blocks=2)),
        _carry_over(critic, torch, torch_reference.critic(width=3)),
    )
    for count, height, width in ((1, 16, 32), (2, 28, 20)):
        pictures = _pictures(count, height, width)
        for network, module in zip((generator, critic), theirs, strict=True):
            with torch.no_grad():
                expected = module(torch.from_numpy(pictures.transpose(0, 3, 1, 2)))
            expected = expected.numpy().transpose(0, 2, 3, 1)
            np.testing.assert_allclose(network(pictures), expected, atol=1e-4)


def test_a_batch_of_many_equals_many_batches_of_one():
    pictures = _pictures(3, 20, 24)
    for network in (resnet_generator(width=2, blocks=1), patch_critic(width=2)):
        _with_random_weights(network)
        together = network(pictures).numpy()
        for n in range(3):
            alone = network(pictures[n : n + 1]).numpy()
            np.testing.assert_allclose(together[n], alone[0], atol=1e-4)


def test_a_compiled_call_without_known_sizes_equals_an_eager_one():
    spec = tf.TensorSpec([None, None, None, 3])
    for network in (resnet_generator(width=2, blocks=1), patch_critic(width=2)):
        _with_random_weights(network)
        compiled = tf.function(lambda x, n=network: n(x), input_signature=[spec])
        for size in ((1, 17, 31), (2, 20, 16)):
            pictures = _pictures(*size)
            expected = network(pictures)
            np.testing.assert_allclose(compiled(pictures), expected, atol=1e-4)


def test_the_residual_is_added_to_the_picture_and_the_sum_is_cut_off():
    network = _with_random_weights(resnet_generator(width=2, blocks=0))
    last = [layer for layer in network.layers if layer.weights][-1]
    kernel, bias = last.get_weights()
    # No residual: the identity.
    last.set_weights([0 * kernel, 0 * bias])
    pictures = _pictures(1, 18, 18)
    np.testing.assert_allclose(network(pictures), pictures, atol=1e-7)
    # A constant residual, bounded by tanh, then by the range.
    last.set_weights([0 * kernel, np.full_like(bias, 100.0)])
    np.testing.assert_allclose(network(pictures), np.clip(pictures + 1, -1, 1))
    last.set_weights([0 * kernel, np.full_like(bias, -0.5)])
    expected = np.clip(pictures - np.tanh(0.5), -1, 1)
    np.testing.assert_allclose(network(pictures), expected, atol=1e-6)


@pytest.mark.parametrize("build", BUILDS)
def test_biases_before_a_normalisation_change_nothing_and_other_biases_do(build):
    network = _with_random_weights(build(width=2))
    pictures = _pictures(1, 24, 24)
    before = network(pictures).numpy()
    layers = [layer for layer in network.layers if layer.weights]
    # The last convolution is not normalised; in the critic the first is not either.
    bare = {layers[-1], layers[0]} if build is patch_critic else {layers[-1]}
    for layer in layers:
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel, bias + 0.4])
        change = np.abs(network(pictures).numpy() - before).max()
        assert change > 1e-2 if layer in bare else change < 1e-3, layer.name
        layer.set_weights([kernel, bias])


@pytest.mark.parametrize("build", BUILDS)
def test_a_saved_network_loads_in_safe_mode_and_computes_the_same(build, tmp_path):
    network = _with_random_weights(build(width=2))
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    for size in ((1, 17, 31), (2, 16, 16)):
        pictures = _pictures(*size)
        np.testing.assert_array_equal(again(pictures), network(pictures))


def test_a_loaded_generator_drops_out_the_same_values(tmp_path):
    network = _with_random_weights(resnet_generator(width=2, blocks=2, dropout=0.4))
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    pictures = _pictures(2, 16, 16)
    with dropout_seeds(sample_seeds(0, range(2))):
        expected = network(pictures, training=True).numpy()
        np.testing.assert_array_equal(again(pictures, training=True), expected)
    assert np.abs(expected - network(pictures).numpy()).max() > 0.01


def test_dropout_is_part_of_training_alone_and_follows_each_samples_seed():
    network = _with_random_weights(resnet_generator(width=2, blocks=2, dropout=0.4))
    pictures = np.repeat(_pictures(1, 16, 16), 3, axis=0)
    with dropout_seeds(sample_seeds(0, [4, 9, 4])):
        trained = network(pictures, training=True).numpy()
        np.testing.assert_array_equal(network(pictures)[0], network(pictures)[1])
    np.testing.assert_allclose(trained[0], trained[2], atol=1e-5)
    assert np.abs(trained[0] - trained[1]).max() > 0.01
    with pytest.raises(RuntimeError, match="needs seeds"):
        network(pictures, training=True)


def test_a_generator_without_dropout_trains_without_seeds():
    for settings in ({"dropout": 0.0}, {"dropout": 0.0, "convolutions": 1}):
        network = resnet_generator(width=2, blocks=1, **settings)
        pictures = _pictures(1, 16, 16)
        np.testing.assert_array_equal(
            network(pictures, training=True), network(pictures)
        )


def test_the_blocks_of_a_generator_have_masks_of_their_own():
    network = resnet_generator(width=2, blocks=5, dropout=0.25)
    dropouts = [x for x in network.layers if isinstance(x, SampleDropout)]
    assert [x.rate for x in dropouts] == [0.25] * 5
    assert len({x.salt for x in dropouts}) == 5


@pytest.mark.parametrize("build", BUILDS)
def test_the_seed_alone_decides_the_weights(build):
    first, again, other = (build(width=4, seed=s).get_weights() for s in (3, 3, 4))
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        if one.ndim == 4:
            assert np.abs(one - three).max() > 0.01
        else:
            np.testing.assert_array_equal(one, 0)  # biases


@pytest.mark.parametrize("upsample", ["transpose", "resize"])
def test_weights_start_as_independent_normal_numbers_of_deviation_0_02(upsample):
    networks = resnet_generator(width=16, blocks=2, upsample=upsample), patch_critic(16)
    for network in networks:
        kernels = [x for x in network.get_weights() if x.ndim == 4]
        for kernel in kernels:
            assert kernel.std() == pytest.approx(0.02, rel=5 / np.sqrt(2 * kernel.size))
            assert abs(kernel.mean()) < 5 * 0.02 / np.sqrt(kernel.size)
        # No two layers start from the same numbers.
        starts = np.stack([kernel.ravel()[:100] for kernel in kernels])
        between = np.corrcoef(starts) - np.eye(len(starts))
        assert np.abs(between).max() < 0.5


def _without_normalisation(network):
    """A copy without instance normalisation, which looks at the whole picture."""
    kept = keras.layers.Conv2D, keras.layers.ZeroPadding2D, keras.layers.LeakyReLU

    def copied(layer):
        if isinstance(layer, kept):
            return layer.__class__.from_config(layer.get_config())
        return keras.layers.Identity(name=layer.name)

    copy = keras.models.clone_model(network, clone_function=copied)
    copy.set_weights(network.get_weights())
    return copy


@pytest.mark.parametrize(
    ("depth", "map_side", "field"), [(3, 35, 70), (2, 67, 34), (1, 131, 16)]
)
def test_each_score_sees_a_patch_of_the_pix2pix_size(depth, map_side, field):
    network = _with_random_weights(patch_critic(width=1, depth=depth))
    picture = tf.constant(_pictures(1, 256, 256))
    assert network(picture).shape == (1, map_side, map_side, 1)
    plain = _without_normalisation(network)
    middle = map_side // 2
    with tf.GradientTape() as tape:
        tape.watch(picture)
        score = plain(picture)[0, middle, middle, 0]
    seen = np.abs(tape.gradient(score, picture)[0]).sum(axis=-1) > 0
    for axis in (0, 1):
        places = np.flatnonzero(seen.any(axis=axis))
        np.testing.assert_array_equal(np.diff(places), 1)
        assert len(places) == field
        # The patch is that of its score: in the middle of the picture.
        assert abs(places.mean() - 127.5) < 8


def test_scores_have_no_bounds():
    network = _with_random_weights(patch_critic(width=2))
    pictures = _pictures(1, 32, 32)
    before = network(pictures).numpy()
    last = [layer for layer in network.layers if layer.weights][-1]
    last.set_weights([1000 * x for x in last.get_weights()])
    np.testing.assert_allclose(network(pictures), 1000 * before, rtol=1e-3, atol=0.1)
    assert np.abs(network(pictures)).max() > 50


@pytest.mark.parametrize("build", BUILDS)
def test_bfloat16_networks_return_float32_close_to_the_float32_ones(build):
    exact = build(width=4, seed=1)
    rough = build(width=4, seed=1, dtype="mixed_bfloat16")
    rough.set_weights(exact.get_weights())
    for variable in rough.weights:
        assert variable.dtype == "float32"
    for count in (1, 2):
        pictures = _pictures(count, 32, 32)
        expected, result = exact(pictures).numpy(), rough(pictures).numpy()
        assert result.dtype == np.float32
        error = np.sqrt(np.mean((result - expected) ** 2))
        changed = expected if build is patch_critic else expected - pictures
        # Below 5 % of what the network does, but not the same.
        assert 0 < error < 0.05 * changed.std()


def test_build_passes_every_key_of_the_config_on():
    config = Model(
        width=3,
        blocks=2,
        convolutions=2,
        upsample="resize",
        dropout=0.25,
        critic_width=2,
        critic_layers=2,
    )
    generator = resnet_generator(3, 2, 2, "resize", 0.25, seed=5)
    critic = patch_critic(2, 2, seed=5)
    pictures = _pictures(2, 16, 16)
    with dropout_seeds(sample_seeds(0, range(2))):
        np.testing.assert_array_equal(
            build_generator(config, seed=5)(pictures, training=True),
            generator(pictures, training=True),
        )
    np.testing.assert_array_equal(
        build_critic(config, seed=5)(pictures), critic(pictures)
    )
    single = build_generator(Model(width=3, blocks=2, convolutions=1))
    assert single.count_params() < generator.count_params()
    for build in (build_generator, build_critic):
        convolution = next(
            x for x in build(config, dtype="mixed_bfloat16").layers if x.weights
        )
        assert convolution.compute_dtype == "bfloat16"


def test_arguments_that_name_nothing_are_refused():
    with pytest.raises(ValueError, match="transpose or resize; got 'bilinear'"):
        resnet_generator(width=2, upsample="bilinear")
    with pytest.raises(ValueError, match="convolutions must be 1 or 2; got 3"):
        resnet_generator(width=2, convolutions=3)
