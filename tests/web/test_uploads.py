"""What a visitor drops is read by its content, whatever its name says."""

from __future__ import annotations

import io

import numpy as np
import pytest
from helpers.pictures import photo
from PIL import Image

from deblurgan_tf.web.pictures import open_picture


@pytest.mark.parametrize(
    ("name", "kind"),
    [("frame.jpg", "PNG"), ("web.jpg", "WEBP"), ("photo.png", "TIFF"), ("x", "BMP")],
)
def test_a_picture_is_read_by_its_content(tmp_path, name, kind):
    file = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(photo(20, 24, 0)).save(file, kind, **options)
    (tmp_path / name).write_bytes(file.getvalue())
    picture = open_picture(tmp_path / name)
    assert picture.format == kind
    assert np.array_equal(picture.pixels, photo(20, 24, 0))
