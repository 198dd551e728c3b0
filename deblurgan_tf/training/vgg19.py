"""VGG19's `block3_conv3`, the features of the perceptual loss (Johnson et al. 2016)."""

from __future__ import annotations

import zlib
from pathlib import Path
from zipfile import BadZipFile

import h5py
import keras
import numpy as np
import tensorflow as tf

from deblurgan_tf.errors import WeightsUnavailable

LAYER = "block3_conv3"
# Keras's preprocessing "caffe": BGR in 0..255 minus these means.
MEANS_BGR = (103.939, 116.779, 123.68)


class Vgg19Features:
    """Features of pictures after the activation of `block3_conv3`, divided by 127.5.

    float32 (N, H, W, 3) in [-1, 1] -> (N, H // 4, W // 4, 256). The pictures pass
    through ImageNet's preprocessing first, which the authors leave out. The division
    gives the features the scale that they have for the authors' inputs in [-1, 1].

    weights: "imagenet" (Keras downloads 80 MB once) or a file: .npz with
    `block1_conv1/kernel`, `block1_conv1/bias`, ... or Keras's own .h5 file. "random"
    is for benchmarks. dtype: a Keras dtype policy. Raises WeightsUnavailable.
    """

    def __init__(self, weights: str = "imagenet", dtype: str = "float32") -> None:
        self.network = _network(dtype)
        if weights == "imagenet":
            _download(self.network)
        elif weights != "random":
            _read(self.network, Path(weights))
        self.network.trainable = False

    def __call__(self, pictures: tf.Tensor) -> tf.Tensor:
        """The features of pictures, see the class."""
        bgr = (tf.reverse(pictures, [-1]) + 1.0) * 127.5 - tf.constant(MEANS_BGR)
        return tf.cast(self.network(bgr, training=False), tf.float32) / 127.5


def _network(dtype: str) -> keras.Model:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        vgg19 = keras.applications.VGG19(
            include_top=False, weights=None, input_shape=(None, None, 3)
        )
    finally:
        keras.config.set_dtype_policy(before)
    return keras.Model(vgg19.inputs, vgg19.get_layer(LAYER).output, name="vgg19")


def _layers(network: keras.Model) -> list[keras.layers.Conv2D]:
    return [x for x in network.layers if isinstance(x, keras.layers.Conv2D)]


def _download(network: keras.Model) -> None:
    try:
        whole = keras.applications.VGG19(include_top=False, weights="imagenet")
    # Keras raises a bare Exception when a download fails.
    except Exception as error:
        raise WeightsUnavailable(
            "the perceptual loss needs VGG19's ImageNet weights, and they could not be "
            f"downloaded ({error}). Two ways out. Give it the weights: run once with "
            "a network (Keras keeps them in ~/.keras/models), or name a file of them: "
            "--set loss.vgg19_weights=FILE (.npz or Keras's .h5). Or train on another "
            "loss than this one: --set 'loss.if_unavailable={charbonnier: 50.0}'"
        ) from error
    for layer in _layers(network):
        layer.set_weights(whole.get_layer(layer.name).get_weights())


def _read(network: keras.Model, path: Path) -> None:
    if path.suffix not in (".npz", ".h5"):
        raise WeightsUnavailable(
            f"loss.vgg19_weights: {path}: must be 'imagenet', a .npz or a .h5 file"
        )
    if not path.is_file():
        raise WeightsUnavailable(f"loss.vgg19_weights: {path}: there is no such file")
    try:
        arrays = _from_npz(path) if path.suffix == ".npz" else _from_h5(path)
        for layer in _layers(network):
            layer.set_weights(
                [arrays[f"{layer.name}/kernel"], arrays[f"{layer.name}/bias"]]
            )
    except (KeyError, ValueError, OSError, EOFError, BadZipFile, zlib.error) as error:
        raise WeightsUnavailable(
            f"loss.vgg19_weights: {path}: does not hold VGG19's layers up to {LAYER}: "
            f"{error}"
        ) from error


def _from_npz(path: Path) -> dict[str, np.ndarray]:
    # When the archive is damaged, np.load does not close a file that it opened itself.
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return {key: file[key] for key in file.files if key.startswith("block")}


def _from_h5(path: Path) -> dict[str, np.ndarray]:
    """Keras's `vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5`."""
    arrays = {}

    # Later versions of Keras 2 nest a second group of the layer's name in the first.
    def keep(name: str, values: h5py.Group | h5py.Dataset) -> None:
        layer = name.split("/")[0]
        if layer.startswith("block") and isinstance(values, h5py.Dataset):
            kind = "kernel" if values.ndim == 4 else "bias"
            arrays[f"{layer}/{kind}"] = values[()]

    with h5py.File(path) as file:
        file.visititems(keep)
    return arrays
