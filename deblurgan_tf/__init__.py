"""Motion deblurring with DeblurGAN (Kupyn et al. 2018) in TensorFlow and Keras."""

__version__ = "0.1.0"
