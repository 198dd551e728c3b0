"""Every network, and the layers that they are made of.

`deblurgan` has the paper's ResNet generator and PatchGAN critic, `unrolled` the
generator that finds the blur kernel, `files` opens saved models. Importing this package
registers every layer that a saved model may hold.
"""

from deblurgan_tf.models import (
    deconvolution_layers,
    dft,
    kernel_layers,
    layers,
)

__all__ = ["deconvolution_layers", "dft", "kernel_layers", "layers"]
