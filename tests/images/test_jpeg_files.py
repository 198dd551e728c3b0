"""JPEGs without an end: whole ones are read, others are damaged."""

from __future__ import annotations

import io

import numpy as np
import pytest
from helpers.pictures import photo
from PIL import Image

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import jpeg

END = b"\xff\xd9"
KINDS = {
    "colour": {},
    "full chroma": {"subsampling": 0},
    "restarts": {"restart_marker_rows": 1},
    "progressive": {"progressive": True},
    "own tables": {"optimize": True},
}


def saved(pixels, **options):
    out = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(out, "JPEG", **{"quality": 90} | options)
    return out.getvalue()


def makes():
    for name, options in KINDS.items():
        yield pytest.param(saved(photo(83, 101, 0), **options), id=name)
    yield pytest.param(saved(photo(83, 101, 0)[..., 0]), id="grey")
    yield pytest.param(saved(np.full((48, 48, 3), 128, np.uint8)), id="all of one grey")
    cmyk = Image.fromarray(photo(40, 50, 0)).convert("CMYK")
    yield pytest.param(saved(cmyk), id="CMYK")
    exif = Image.Exif()
    exif[0x927C] = saved(photo(16, 16, 1))  # has an end marker of its own
    yield pytest.param(saved(photo(83, 101, 0), exif=exif), id="with a thumbnail")


@pytest.mark.parametrize("data", list(makes()))
@pytest.mark.parametrize("ending", [b"", END[:1], bytes(5), bytes(500)])
def test_without_the_end_marker_every_pixel_counts(data, ending):
    assert data.endswith(END)
    whole = images.decode(data, "whole.jpg")
    assert whole.notices == ()
    if ending == bytes(500) and whole.pixels.min() == whole.pixels.max():
        pytest.skip("its own last bytes are zeros")
    cut = data[:-2] + ending
    picture = images.decode(cut, "cut.jpg")
    np.testing.assert_array_equal(picture.pixels, whole.pixels)
    assert picture.notices == (jpeg.NO_END,)
    assert (picture.jpeg, picture.exif) == (whole.jpeg, whole.exif)
    assert images.size_of(cut, "cut.jpg") == whole.pixels.shape[:2]
    assert images.decode(images.encode(picture), "again.jpg").notices == ()


@pytest.mark.parametrize("data", list(makes()))
def test_where_pixels_are_missing_it_is_damaged(data):
    for cut in (3, 4, 5, 9, 30, len(data) // 10, len(data) // 2):
        for ending in (b"", bytes(500)):
            with pytest.raises(PictureError, match=r"cut\.jpg: damaged or cut short"):
                images.decode(data[:-cut] + ending, "cut.jpg")


def test_an_end_marker_behind_missing_pixels_hides_nothing():
    data = saved(photo(83, 101, 0))
    for part in (0.3, 0.6, 0.9, 0.95):
        cut = data[: int(len(data) * part)] + END
        with pytest.raises(PictureError, match="pixels are missing"):
            images.decode(cut, "cut.jpg")


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kind", ["progressive", "restarts"])
def test_an_end_marker_inside_a_scan_hides_nothing(kind, mode):
    image = Image.fromarray(photo(83, 101, 0)).convert(mode)
    data = saved(image, **KINDS[kind])
    begin = data.index(b"\xff\xda") + 14
    scans = [s.start for s in jpeg._segments(data) if s.marker == 0xDA]
    for cut in range(begin, len(data) - 100, 97):  # the last block may seem whole
        if data[cut - 1] == 0xFF or any(0 < s - cut < 300 for s in scans[1:]):
            continue  # between scans: nothing tells that more were to follow
        with pytest.raises(PictureError, match="pixels are missing|damaged"):
            images.decode(data[:cut] + END, "cut.jpg")


def test_scans_that_never_came_are_told():
    data = saved(photo(83, 101, 0), progressive=True)
    scans = [s.start for s in jpeg._segments(data) if s.marker == 0xDA]
    picture = images.decode(data[: scans[-1]] + END, "cut.jpg")
    assert picture.notices == (jpeg.COARSE,)


def test_restart_markers_count_what_lies_between_them():
    data = saved(photo(83, 101, 0), restart_marker_blocks=2)
    places = [m.start() for m in jpeg._RESTART.finditer(data, data.index(b"\xff\xda"))]
    assert len(places) == 20
    for first, last in ((3, 4), (3, 11), (18, 19)):
        lost = data[: places[first]] + data[places[last] :]
        with pytest.raises(PictureError, match="between restart markers"):
            images.decode(lost, "lost.jpg")


def test_a_progressive_jpeg_that_lacks_its_last_scans_is_damaged():
    data = saved(photo(83, 101, 0), progressive=True)
    scans = [s.start for s in jpeg._segments(data) if s.marker == 0xDA]
    assert len(scans) > 5
    for start in scans[1:]:
        with pytest.raises(PictureError, match="damaged"):
            images.decode(data[:start], "cut.jpg")


def test_what_follows_the_end_marker_is_no_business_of_ours():
    data = saved(photo(30, 40, 0))
    for rest in (b"\0" * 900, b"camera's own notes \xff\xda\0\2", data[:-2]):
        picture = images.decode(data + rest, "a.jpg")
        assert picture.notices == ()
        np.testing.assert_array_equal(
            picture.pixels, images.decode(data, "a.jpg").pixels
        )
