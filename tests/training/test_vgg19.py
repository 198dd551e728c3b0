"""VGG19's features: compared with SciPy and Keras; weights missing or wrong."""

import h5py
import keras
import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
from helpers.places import REFERENCE

from deblurgan_tf.errors import WeightsUnavailable
from deblurgan_tf.training.losses import content_loss
from deblurgan_tf.training.vgg19 import Vgg19Features

WEIGHTS = REFERENCE / "vgg19" / "vgg19_block1to3.npz"
# Channels in and out of every convolution up to block3_conv3.
SHAPES = {
    "block1_conv1": (3, 64),
    "block1_conv2": (64, 64),
    "block2_conv1": (64, 128),
    "block2_conv2": (128, 128),
    "block3_conv1": (128, 256),
    "block3_conv2": (256, 256),
    "block3_conv3": (256, 256),
}


def _pictures(count, height, width, seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (count, height, width, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def arrays():
    """Random weights that keep the features' size from layer to layer."""
    random = np.random.default_rng(0)
    arrays = {}
    for name, (before, after) in SHAPES.items():
        kernel = random.normal(0, np.sqrt(2 / 9 / before), (3, 3, before, after))
        arrays[f"{name}/kernel"] = kernel.astype(np.float32)
        arrays[f"{name}/bias"] = random.normal(0, 5, after).astype(np.float32)
    return arrays


@pytest.fixture(scope="module")
def file(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg19") / "weights.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def features(file):
    return Vgg19Features(str(file))


def _scipy_features(picture, arrays):
    """One picture through VGG19 in float64, from its definition (Simonyan 2015)."""
    values = (picture.astype(np.float64) + 1) * 127.5
    x = values[..., ::-1] - [103.939, 116.779, 123.68]
    for name, (before, after) in SHAPES.items():
        if name in ("block2_conv1", "block3_conv1"):
            height, width = x.shape[0] // 2 * 2, x.shape[1] // 2 * 2
            x = x[:height, :width].reshape(height // 2, 2, width // 2, 2, -1)
            x = x.max(axis=(1, 3))
        kernel = arrays[f"{name}/kernel"].astype(np.float64)
        if before == 3:
            y = np.stack(
                [
                    sum(
                        scipy.signal.correlate2d(x[..., i], kernel[..., i, o], "same")
                        for i in range(before)
                    )
                    for o in range(after)
                ],
                axis=-1,
            )
        else:
            padded = np.pad(x, [(1, 1), (1, 1), (0, 0)])
            windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
            y = np.einsum("hwcij,ijco->hwo", windows, kernel, optimize=True)
        x = np.maximum(y + arrays[f"{name}/bias"], 0)
    return x / 127.5


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 14)])
def test_features_equal_scipys(features, arrays, height, width):
    pictures = _pictures(2, height, width)
    result = features(tf.constant(pictures)).numpy()
    for picture, feature in zip(pictures, result, strict=True):
        expected = _scipy_features(picture, arrays)
        np.testing.assert_allclose(
            feature, expected, rtol=1e-4, atol=1e-4 * expected.max()
        )
    # After the activation: none below zero, and many at it.
    assert result.min() == 0
    assert 0.05 < (result == 0).mean() < 0.95


def test_features_of_the_reference_weights_equal_keras_with_its_preprocessing():
    if not WEIGHTS.is_file():
        pytest.skip(f"needs the reference data in {WEIGHTS.parent}")
    network = keras.Sequential([keras.Input((None, None, 3))])
    with np.load(WEIGHTS) as weights:
        for name, (_, after) in SHAPES.items():
            if name in ("block2_conv1", "block3_conv1"):
                network.add(keras.layers.MaxPooling2D())
            layer = keras.layers.Conv2D(after, 3, padding="same", activation="relu")
            network.add(layer)
            layer.set_weights([weights[f"{name}/kernel"], weights[f"{name}/bias"]])
    pictures = _pictures(2, 24, 20)
    preprocess = keras.applications.vgg19.preprocess_input
    expected = network(preprocess((pictures + 1) * 127.5)).numpy() / 127.5
    result = Vgg19Features(str(WEIGHTS))(tf.constant(pictures)).numpy()
    np.testing.assert_allclose(result, expected, atol=1e-4 * expected.max())
    # Trained features of 1 / 127.5 of the authors' scale: of the order of one.
    assert 0.05 < expected.mean() < 20


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_keras_own_h5_layouts_are_read(arrays, features, tmp_path, nested):
    path = tmp_path / "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    with h5py.File(path, "w") as weights:
        weights.attrs["layer_names"] = [name.encode() for name in SHAPES]
        weights.create_group("block1_pool")
        for name in [*SHAPES, "block5_conv4"]:
            kernel = arrays.get(f"{name}/kernel", np.zeros((3, 3, 1, 1)))
            bias = arrays.get(f"{name}/bias", np.zeros(1))
            # The names are those of the released file, and of later save_weights.
            kinds = ("/kernel:0", "/bias:0") if nested else ("_W_1:0", "_b_1:0")
            weights[f"{name}/{name}{kinds[0]}"] = kernel
            weights[f"{name}/{name}{kinds[1]}"] = bias
    pictures = tf.constant(_pictures(1, 8, 12))
    result = Vgg19Features(str(path))(pictures)
    np.testing.assert_array_equal(result, features(pictures))


def test_a_downloaded_network_gives_its_weights(monkeypatch, arrays, features):
    build = keras.applications.VGG19

    def downloaded(weights=None, **settings):
        network = build(weights=None, **settings)
        if weights == "imagenet":
            for name in SHAPES:
                values = [arrays[f"{name}/kernel"], arrays[f"{name}/bias"]]
                network.get_layer(name).set_weights(values)
        return network

    monkeypatch.setattr(keras.applications, "VGG19", downloaded)
    pictures = tf.constant(_pictures(1, 8, 12))
    result = Vgg19Features("imagenet")(pictures)
    np.testing.assert_array_equal(result, features(pictures))


def test_a_download_that_fails_names_the_reason_and_the_ways_out(monkeypatch):
    build = keras.applications.VGG19

    def offline(weights=None, **settings):
        if weights == "imagenet":
            raise Exception("URL fetch failure on vgg19: Name or service not known")
        return build(weights=weights, **settings)

    monkeypatch.setattr(keras.applications, "VGG19", offline)
    with pytest.raises(WeightsUnavailable) as caught:
        content_loss({"vgg19": 100.0})
    for part in (
        "Name or service not known",
        "run once with a network",
        "--set loss.vgg19_weights=FILE",
        "--set 'loss.if_unavailable={charbonnier: 50.0}'",
    ):
        assert part in str(caught.value)


def test_a_file_that_is_absent_or_of_another_kind_is_named(tmp_path):
    missing = tmp_path / "none.npz"
    with pytest.raises(WeightsUnavailable, match="none.npz: there is no such file"):
        Vgg19Features(str(missing))
    with pytest.raises(WeightsUnavailable, match="w.pth: must be 'imagenet', a .npz"):
        Vgg19Features(str(tmp_path / "w.pth"))


@pytest.mark.parametrize("kind", ["layer left out", "other shape"])
def test_a_file_that_does_not_hold_the_layers_is_named(arrays, tmp_path, kind):
    if kind == "layer left out":
        held = {k: v for k, v in arrays.items() if not k.startswith("block3_conv3")}
    else:
        held = arrays | {"block3_conv3/bias": np.zeros(3, np.float32)}
    np.savez(tmp_path / "short.npz", **held)
    with pytest.raises(
        WeightsUnavailable, match="short.npz: does not hold VGG19's layers up to block3"
    ):
        Vgg19Features(str(tmp_path / "short.npz"))


@pytest.mark.parametrize("kind", ["empty", "text", "half", "damaged"])
def test_a_broken_archive_is_named(tmp_path, kind):
    path = tmp_path / "broken.npz"
    np.savez_compressed(path, **{"block1_conv1/kernel": np.arange(4000)})
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2
    whole[100:middle] = bytes(middle - 100)
    broken = {"empty": b"", "text": b"this is no archive", "damaged": whole}
    path.write_bytes(broken.get(kind, path.read_bytes()[:middle]))
    with pytest.raises(WeightsUnavailable, match="broken.npz: does not hold VGG19's"):
        Vgg19Features(str(path))


def test_a_file_that_is_not_hdf5_is_named(tmp_path):
    path = tmp_path / "broken.h5"
    path.write_bytes(b"this is no HDF5")
    with pytest.raises(WeightsUnavailable, match="broken.h5: does not hold VGG19's"):
        Vgg19Features(str(path))


def test_the_content_loss_is_the_mean_square_of_the_features_differences(
    features, file
):
    loss = content_loss({"vgg19": 100.0}, str(file))
    one, other = (tf.constant(_pictures(2, 12, 12, seed)) for seed in (0, 1))
    difference = features(one).numpy().astype(np.float64) - features(other).numpy()
    assert float(loss(one, other)) == pytest.approx(
        100 * np.mean(difference**2), rel=1e-4
    )
    assert float(loss(one, tf.identity(one))) == 0


def test_the_content_loss_has_a_gradient_for_the_restored_picture_only(file):
    loss = content_loss({"vgg19": 1.0}, str(file))
    one, other = (tf.constant(_pictures(1, 12, 12, seed)) for seed in (0, 1))
    with tf.GradientTape() as tape:
        tape.watch([one, other])
        total = loss(one, other)
    to_restored, to_sharp = tape.gradient(total, [one, other])
    assert np.abs(to_restored).max() > 0
    assert to_sharp is None


def test_vgg19_is_not_trained(features):
    assert features.network.trainable_variables == []
    assert len(features.network.weights) == 2 * len(SHAPES)


def test_features_in_bfloat16_are_float32_and_close_to_the_exact_ones(features, file):
    pictures = tf.constant(_pictures(1, 12, 12))
    exact = features(pictures).numpy()
    rough = Vgg19Features(str(file), dtype="mixed_bfloat16")(pictures).numpy()
    assert rough.dtype == np.float32
    error = np.sqrt(np.mean((rough - exact) ** 2))
    assert 0 < error < 0.05 * exact.std()
    assert keras.config.dtype_policy().name == "float32"
