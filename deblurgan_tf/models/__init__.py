"""Every network, and the layers that they are made of.

`deblurgan` has the paper's ResNet generator and PatchGAN critic, `unrolled` the
generator that finds the blur kernel, `files` opens saved models. Importing this package
registers every layer that a saved model may hold, so that keras.models.load_model can
open it.
"""

from deblurgan_tf.keras_settings import use_own_settings
from deblurgan_tf.models import (
    convolution_to_few,
    deconvolution_layers,
    dft,
    kernel_layers,
    layers,
    normalization,
)

__all__ = [
    "convolution_to_few",
    "deconvolution_layers",
    "dft",
    "kernel_layers",
    "layers",
    "normalization",
]

use_own_settings()
