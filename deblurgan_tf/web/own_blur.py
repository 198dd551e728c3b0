"""A blur that the visitor makes with sliders, and how well a model removes it."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from deblurgan_tf import images
from deblurgan_tf.blur import degradation as blur
from deblurgan_tf.blur import kernels
from deblurgan_tf.blur.seeds import sample_seeds
from deblurgan_tf.errors import UsageError
from deblurgan_tf.metrics import pixels as metrics

LONGEST = 60.0  # pixels: the longest path of a kernel
MAX_PIXELS = 2_000_000
"""Larger pictures are downsampled to this before they are blurred: in more pixels even
a blur of LONGEST is hardly seen, and the transforms take 100 bytes a pixel."""
KERNEL_SHOWN = 256  # pixels: the side of the kernel's picture, about


class Settings(NamedTuple):
    """The values of the sliders.

    length: of the camera's path, in pixels. exposure: the part of it that is exposed,
    in (0, 1]. shake: 0 is a straight line, 0.01 the most that models are trained for
    (the intensity of Boracchi and Foi). angle: degrees by which the path is rotated,
    counter-clockwise; the direction of a straight line. seed: which path, and which
    noise. noise: standard deviation in grey levels of 255.
    """

    length: float = 12.0
    exposure: float = 1.0
    shake: float = 0.005
    angle: float = 0.0
    seed: int = 0
    noise: float = 1.0


def make_kernel(settings: Settings) -> np.ndarray:
    """The kernel of the settings: float32 (K, K), K odd, sum 1, centred."""
    canvas = 2 * math.ceil((settings.length + 2) / 2) + 1
    kernels.check_fits(settings.length, canvas)
    intensity = tf.constant([settings.shake], tf.float32)
    path = kernels.trajectories(intensity, settings.length, [settings.seed, 0]).numpy()
    # A straight path has a random direction. It is rotated to x first, so that the
    # angle alone decides.
    rotation = math.radians(settings.angle)
    if settings.shake == 0:
        end = path[0, -1] - path[0, 0]
        rotation += math.atan2(end[1], end[0])
    cosine, sine = math.cos(rotation), math.sin(rotation)
    # Rows count downwards, so this rotation is counter-clockwise in the picture.
    path = path @ np.array([[cosine, -sine], [sine, cosine]], np.float32)
    exposures = tf.constant([settings.exposure], tf.float32)
    return kernels.splat(tf.constant(path), exposures, canvas)[0].numpy()


def kernel_picture(kernel: np.ndarray) -> bytes:
    """A PNG of a kernel, enlarged by a whole number; white is its largest weight."""
    levels = np.rint(kernel / kernel.max() * 255).astype(np.uint8)
    side = max(KERNEL_SHOWN // len(kernel), 1) * len(kernel)
    grey = cv2.resize(levels, (side, side), interpolation=cv2.INTER_NEAREST)
    return images.encode(images.Picture(np.stack([grey] * 3, axis=2)))


def fitted(pixels: np.ndarray) -> np.ndarray:
    """Downsamples uint8 (H, W, 3) to at most MAX_PIXELS pixels; smaller ones stay."""
    height, width = pixels.shape[:2]
    scale = math.sqrt(MAX_PIXELS / (height * width))
    if scale >= 1:
        return pixels
    size = (max(math.floor(width * scale), 1), max(math.floor(height * scale), 1))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def blurred(sharp: np.ndarray, kernel: np.ndarray, settings: Settings) -> np.ndarray:
    """Blurs with the kernel and adds noise: uint8 (H, W, 3) -> uint8 (H, W, 3).

    Raises UsageError for a picture that is too small for the kernel.
    """
    height, width = sharp.shape[:2]
    radius = len(kernel) // 2
    if min(height, width) <= radius:
        raise UsageError(
            f"A blur of this length needs a picture of more than {radius} pixels a "
            f"side, but this one has {width}x{height}; make the length smaller"
        )
    values = tf.constant(images.to_float(sharp)[None])
    result = blur.blur(values, tf.constant(kernel[None]))
    seeds = sample_seeds(settings.seed, np.array([0]))
    result = blur.add_noise(result, (settings.noise, settings.noise), seeds)
    return images.to_uint8(result[0].numpy())


def scores(blurred: np.ndarray, restored: np.ndarray, sharp: np.ndarray) -> str:
    """One sentence with PSNR and SSIM of both against the sharp picture."""
    before, after = _score(blurred, sharp), _score(restored, sharp)
    return f"Against the sharp picture: blurred {before}; restored {after}."


def _score(pixels: np.ndarray, sharp: np.ndarray) -> str:
    psnr = metrics.psnr(pixels, sharp)
    shown = "equal" if math.isinf(psnr) else f"PSNR {psnr:.2f} dB"
    if min(sharp.shape[:2]) < metrics.SSIM_SIDE:
        return shown  # the picture is smaller than SSIM's window
    return f"{shown}, SSIM {metrics.ssim(pixels, sharp):.3f}"
