"""Small generators for several tests, and files of version 0.1 of them."""

from __future__ import annotations

import re
import zipfile

import keras
import numpy as np
from keras import layers

from deblurgan_tf.models.deblurgan import resnet_generator
from deblurgan_tf.models.layers import CropLike, PadToMultiple
from deblurgan_tf.models.unrolled import unrolled_generator


def convolutional(seed=0):
    """Halves, convolves, doubles, and adds to the picture; no statistics over it."""

    def start():
        nonlocal seed
        seed += 1
        return keras.initializers.GlorotUniform(seed)

    picture = keras.Input((None, None, 3))
    padded = PadToMultiple(4, minimum=16)(picture)
    x = layers.Conv2D(4, 5, padding="same", kernel_initializer=start())(padded)
    x = layers.ReLU()(x)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(6, 3, 2, kernel_initializer=start(), activation="tanh")(x)
    x = layers.Conv2D(6, 3, padding="same", kernel_initializer=start())(x)
    x = layers.Conv2DTranspose(4, 3, 2, kernel_initializer=start())(x)
    x = layers.Cropping2D(((1, 0), (1, 0)))(x)
    x = layers.Conv2D(3, 3, padding="same", kernel_initializer=start())(x)
    x = keras.ops.clip(padded + keras.ops.tanh(x), -1.0, 1.0)
    return keras.Model(picture, CropLike()([x, picture]))


def identity():
    picture = keras.Input((None, None, 3))
    same = layers.Conv2D(
        3, 1, kernel_initializer=lambda shape, dtype=None: keras.ops.eye(3)[None, None]
    )
    return keras.Model(picture, same(picture))


def narrow_resnet(seed=0):
    """DeblurGAN's generator, two channels wide, with weights large enough to matter."""
    model = resnet_generator(width=2, blocks=1, dropout=0.0, seed=seed)
    model.set_weights([weight * 10 for weight in model.get_weights()])
    return model


# Of version 0.1: module and class of each layer of today that was called otherwise.
OLD_CLASSES = {
    "BilinearUpsample2x": "DoubledPicture",
    "CropFirstRowColumn": "WithoutFirst",
    "DftMatrices": "FrameWaves",
    "GaussianKernel": "PointKernel",
    "KernelUpsample2x": "DoubledKernel",
}
OLD_MODULES = {
    "convolution_to_few": "layers",
    "deconvolution_layers": "spectral_steps",
    "dft": "spectral",
    "kernel_layers": "kernel_layers",
    "layers": "layers",
    "normalization": "layers",
}
OLD_NAMES = (
    (r'"(level\d)_iteration(\d)', r'"\1_turn\2'),
    (r'"(level\d)_dft', r'"\1_waves'),
    (r'"kernel_upsample2x', '"doubled_kernel'),
    (r'"bilinear_upsample2x', '"doubled_picture'),
    (r'"gaussian_kernel', '"point_kernel'),
    (r'"crop_first_row_column', '"without_first'),
    (r'"radius"', '"reach"'),
)


def save_as_version_0_1(model, path):
    """Writes a .keras file as version 0.1 wrote it."""
    today = path.with_name("today.keras")
    model.save(today)
    with zipfile.ZipFile(today) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "config.json":
                data = _as_version_0_1(data.decode()).encode()
            target.writestr(name, data)
    today.unlink()
    return path


def _as_version_0_1(config):
    for new, old in OLD_CLASSES.items():
        config = config.replace(f'"{new}"', f'"{old}"')
        config = config.replace(f'"deblurgan_tf>{new}"', f'"deblurgan_tf>{old}"')
    for new, old in OLD_MODULES.items():
        config = config.replace(f'"deblurgan_tf.models.{new}"', f'"deblurgan_tf.{old}"')
    for new, old in OLD_NAMES:
        config = re.sub(new, old, config)
    return config


def untrained_unrolled(levels=2, width=4, seed=0):
    """An unrolled generator with weights that change the picture."""
    network = unrolled_generator(levels, width, seed=seed)
    random = np.random.default_rng(seed)
    for layer in network.layers:
        weights = [x + random.normal(0, 0.05, x.shape) for x in layer.get_weights()]
        layer.set_weights(weights)
    return network
