"""Profiles that stand for code points and for the colour chunks of a PNG."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import profiles

SRGB = ImageCms.createProfile("sRGB")
P3 = (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
REC709 = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
COLOURS = np.array(
    [[[255, 255, 255], [128, 128, 128], [40, 80, 120], [200, 90, 80], [120, 200, 100]]],
    np.uint8,
)


def to_xyz(corners):
    """The matrix from linear RGB to XYZ, by its definition."""
    points = np.array(corners).reshape(4, 2)
    xyz = np.stack(
        [points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(1)) / points[:, 1]]
    )
    return xyz[:, 1:] * np.linalg.solve(xyz[:, 1:], xyz[:, 0])


def in_srgb(linear, corners):
    light = linear @ to_xyz(corners).T @ np.linalg.inv(to_xyz(REC709)).T
    light = np.clip(light, 0, 1)
    low = light <= 0.0031308
    return 255 * np.where(low, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def shown(icc, pixels):
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    image = Image.fromarray(pixels)
    return np.asarray(
        ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
    ).astype(float)


@pytest.mark.parametrize(
    ("transfer", "linear"),
    [
        (8, lambda x: x),
        (4, lambda x: x**2.2),
        (5, lambda x: x**2.8),
        (13, lambda x: np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)),
        (
            14,
            lambda x: np.where(x < 0.081, x / 4.5, ((x + 0.099) / 1.099) ** (1 / 0.45)),
        ),
    ],
)
def test_a_colour_management_system_shows_the_same_colours(transfer, linear):
    icc = profiles.of_code_points(12, transfer, grey=False)
    expected = in_srgb(linear(COLOURS / 255), P3)
    assert np.abs(shown(icc, COLOURS) - expected).max() < 1.5
    grey = profiles.of_code_points(12, transfer, grey=True)
    expected = in_srgb(linear(COLOURS[:, :, [0] * 3] / 255), REC709)
    assert np.abs(shown(grey, COLOURS[..., 0].copy()) - expected).max() < 1.5


def test_what_is_srgb_needs_no_profile():
    corners = struct.pack(">8I", *(round(100_000 * x) for x in REC709))
    for chunks in (
        (),
        ((b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 1))),
        ((b"gAMA", struct.pack(">I", 45455)), (b"cHRM", corners)),
        ((b"cICP", bytes((1, 13, 0, 1))), (b"gAMA", struct.pack(">I", 1))),
    ):
        assert profiles.of_png(chunks, None, grey=False) is None
    assert profiles.of_code_points(2, 2, grey=False) is None
    assert profiles.of_png(((b"gAMA", bytes(4)),), b"own", grey=False) == b"own"


@pytest.mark.parametrize("points", [(9, 16), (9, 18), (22, 13)])
def test_what_no_profile_describes_is_refused(points):
    with pytest.raises(PictureError, match=f"{points[0]}/{points[1]}"):
        profiles.of_code_points(*points, grey=False)
    chunk = ((b"cICP", bytes((1, 13, 0, 0))),)
    with pytest.raises(PictureError, match="full-range"):
        profiles.of_png(chunk, None, grey=False)
