"""Blur: kernels, and the degradation of sharp pictures on the accelerator.

`kernels` draws blur kernels, `degradation` applies them to batches of sharp pictures,
`seeds` makes all randomness a function of (seed, step, sample).
"""
