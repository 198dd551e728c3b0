"""Small generators that several tests restore with."""

from __future__ import annotations

import keras
from keras import layers

from deblurgan_tf.models.deblurgan import resnet_generator
from deblurgan_tf.models.layers import CropLike, PadToMultiple


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
