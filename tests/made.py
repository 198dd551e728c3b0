"""Pictures, folders and configs that several tests make."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
from PIL import Image

from deblurgan_tf import config as configs
from deblurgan_tf.data.source import samples

# A training of a few seconds: every value that costs time is the smallest that works.
TINY = {
    "data": {
        "source": "plates",
        "count": 7,
        "crop": [32, 32],
        "batch": 2,
        "validation": 2,
    },
    "blur": {"canvas": 9, "length": 6, "kernels": 16},
    "model": {"width": 2, "blocks": 1, "critic_width": 2, "critic_layers": 1},
    "loss": {"content": {"charbonnier": 50.0}},
    "train": {"epochs": None, "steps": 6, "critic_steps": 2},
    "every": {"log": 1, "sample": 3, "validate": 3, "checkpoint": 3},
}


def values(seed=0, **sections):
    """TINY as plain values, some keys of some sections changed."""
    assert sections.keys() <= TINY.keys()
    changed = {key: TINY[key] | sections.get(key, {}) for key in TINY}
    return {"seed": seed} | changed


def tiny(seed=0, **sections):
    return configs.parse(values(seed, **sections))


def coded(height, width, number):
    """A picture that tells its row, its column and its number at every pixel."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, number)], 2).astype(np.uint8)


def photo(height, width, seed):
    """Hard edges and fine texture: what blur takes away."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (-(-height // 8), -(-width // 8), 3))
    picture = np.kron(blocks, np.ones((8, 8, 1)))[:height, :width]
    return np.clip(picture + rng.normal(0, 8, picture.shape), 0, 255).astype(np.uint8)


def softened(picture):
    return cv2.GaussianBlur(picture, (0, 0), 2)


def save(path, picture):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


def photos(folder, count, size=(40, 44)):
    """A folder of sharp pictures."""
    for number in range(count):
        save(folder / f"{number:02d}.png", photo(*size, number))
    return folder


def paired(folder, count, size=(40, 44), blurred="blurred", sharp="sharp"):
    """A folder with blurred/ and sharp/ of equal names."""
    for number in range(count):
        picture = photo(*size, number)
        save(folder / sharp / f"{number:02d}.png", picture)
        save(folder / blurred / f"{number:02d}.png", softened(picture))
    return folder


def energy(picture):
    """Mean squared difference of neighbours: blur lowers it."""
    picture = np.asarray(picture, np.float64)
    return np.mean(np.diff(picture, axis=0) ** 2) + np.mean(
        np.diff(picture, axis=1) ** 2
    )


def take(source, count, start=0, seed=0, crop=(16, 16), flip=False):
    """`count` samples from number `start` on, as NumPy arrays."""
    positions = tf.data.Dataset.range(start, start + count)
    return list(samples(source, seed, crop, flip, positions).as_numpy_iterator())


def same(one, other):
    """Whether two lists of samples (or batches) are equal to the last bit."""
    return len(one) == len(other) and all(
        a.keys() == b.keys()
        and all(np.array_equal(np.asarray(a[k]), np.asarray(b[k])) for k in a)
        for a, b in zip(one, other, strict=True)
    )
