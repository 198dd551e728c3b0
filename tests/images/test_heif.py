"""AVIF and HEIC: read and written like the other formats, where Pillow can."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from helpers.pictures import photo
from PIL import Image, ImageCms, features

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif as tags
from deblurgan_tf.images import heif

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SMOOTH = np.asarray(Image.fromarray(photo(6, 8, 0)).resize((64, 48), 2))


@pytest.fixture(params=["AVIF", "HEIF"])
def kind(request):
    if request.param == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    if request.param == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    return request.param


def saved(pixels, kind, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, quality=95, **options)
    return out.getvalue()


def camera_exif(orientation):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x0112] = orientation
    return exif.tobytes()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_profile_and_exif_are_kept(kind, channels, tmp_path):
    alpha = np.full(SMOOTH.shape[:2], 200, np.uint8)
    pixels = {1: SMOOTH[..., 0], 3: SMOOTH, 4: np.dstack([SMOOTH, alpha])}[channels]
    data = saved(pixels, kind, icc_profile=ICC, exif=camera_exif(6))
    path = tmp_path / ("a.heic" if kind == "HEIF" else "a.avif")
    path.write_bytes(data)
    assert images.find(tmp_path) == [path]
    assert images.FORMATS[path.suffix] == kind
    picture = images.read(path)
    assert (picture.format, picture.grey, picture.notices) == (kind, channels == 1, ())
    assert images.size(path) == picture.pixels.shape[:2]
    images.write(path, picture)
    again = images.read(path)
    for one in (picture, again):
        upright = np.rot90(np.atleast_3d(pixels)[..., :3], -1)
        assert np.abs(one.pixels.astype(int) - upright).mean() < 3
        assert one.icc == ICC
        assert tags.unpack(one.exif)[0][0x010F].raw == b"Maker\0"
        assert (one.alpha is None) == (channels != 4)
    assert again.grey == picture.grey
    # Other programs turn by the format's own note, and must not turn it again.
    with Image.open(path) as other:
        assert other.getexif().get(0x0112, 1) == 1
        assert other.size == picture.pixels.shape[1::-1]


def test_several_frames_damage_and_size_are_refused(kind, monkeypatch):
    data = saved(SMOOTH, kind)
    for end in (20, 60, len(data) // 2):
        with pytest.raises(PictureError, match=r"cut\.x: "):
            images.decode(data[:end], "cut.x")
    if kind == "AVIF":
        more = {"save_all": True, "append_images": [Image.fromarray(SMOOTH[::-1])]}
        with pytest.raises(PictureError, match="several frames"):
            images.decode(saved(SMOOTH, kind, **more), "a.avif")
    monkeypatch.setattr(images.headers, "MAX_PIXELS", 1000)
    with pytest.raises(PictureError, match="more than 1,000 pixels"):
        images.decode(data, "large")


def test_colours_told_by_code_points_become_a_profile(kind):
    data = saved(SMOOTH, kind)
    plain = images.decode(data, "a")
    assert plain.icc is None
    place = data.find(b"colrnclx")
    if place < 0:
        pytest.skip("the writer tells no code points")
    data = bytearray(data)
    data[place + 8 : place + 12] = bytes((0, 12, 0, 13))
    picture = images.decode(bytes(data), "p3")
    shown = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), (200, 90, 80)),
        ImageCms.ImageCmsProfile(io.BytesIO(picture.icc)),
        ImageCms.createProfile("sRGB"),
    )
    assert shown.getpixel((0, 0)) == (216, 81, 74)  # computed by hand
    assert images.decode(images.encode(picture), "again").icc == picture.icc
    data[place + 8 : place + 12] = bytes((0, 9, 0, 16))
    with pytest.raises(PictureError, match=r"hdr: colours of code points 9/16"):
        images.decode(bytes(data), "hdr")


def test_more_than_8_bits_are_told():
    data = saved(SMOOTH, "PNG")
    assert heif.inspect(b"\0\0\0\x10pixi\0\0\0\0\3\12\12\12").bits == 10
    assert heif.inspect(data).bits == 8
    module = pytest.importorskip("pillow_heif")
    wide = SMOOTH.astype("<u2") * 257
    out = io.BytesIO()
    module.from_bytes("RGB;16", wide.shape[1::-1], wide.tobytes()).save(out, quality=95)
    picture = images.decode(out.getvalue(), "a.heic")
    assert picture.notices[0].endswith("bits per sample are read and written as 8")
    assert picture.pixels.dtype == np.uint8
    assert np.abs(picture.pixels.astype(int) - SMOOTH).mean() < 4


def test_what_pillow_cannot_read_says_what_to_install(monkeypatch):
    avif = b"\0\0\0\x20ftypavif\0\0\0\0avifmif1"
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    shared = b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif"
    movie = b"\0\0\0\x18ftypisom\0\0\0\0isommp42"
    found = [images.format_of(data) for data in (avif, heic, shared, movie)]
    assert found == ["AVIF", "HEIF", "AVIF", None]
    monkeypatch.setattr(features, "check", lambda name: False)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for data, way_out in ((avif, "Pillow 11.3"), (heic, "needs the extra heic: ")):
        for work in (images.decode, images.size_of):
            with pytest.raises(PictureError, match=f"a.x: .*{way_out}"):
                work(data + bytes(40), "a.x")
