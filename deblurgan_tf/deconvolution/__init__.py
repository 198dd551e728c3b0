"""Classical deconvolution in NumPy: with a known kernel, and in `blind` without one.

classical.py        Wiener, constrained least squares, Richardson-Lucy
hyper_laplacian.py  the last step of all blind methods
borders.py          what lies outside a blurred picture
fourier.py          transfer functions; noise.py, sharpness.py: measured from a picture
blind/              one representative of each family of blind methods
"""
