"""Pictures and folders of them that several tests make."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image


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
