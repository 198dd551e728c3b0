"""Motion deblurring with DeblurGAN (Kupyn et al. 2018) in TensorFlow and Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deblurgan_tf.inference.restorer import load

__version__ = "0.1.0"
__all__ = ["load"]


def __getattr__(name: str):
    # TensorFlow takes seconds to import; who only wants the version need not wait.
    if name == "load":
        from deblurgan_tf.inference.restorer import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
