"""Blur: sharp pictures in, blurred pictures out, as a camera would record them.

`kernels` draws blur kernels, `degradation` applies them to batches of sharp pictures on
the accelerator, `seeds` makes all randomness a function of (seed, sample).
"""
