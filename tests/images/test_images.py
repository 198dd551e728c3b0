"""Every picture here is made in the test; values are compared, not only shapes."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif as tags
from deblurgan_tf.images import headers
from deblurgan_tf.images.picture import Picture
from deblurgan_tf.storage import atomic

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(*shape, dtype=np.uint8, seed=0):
    """Random pixels whose values use the whole range of the type.

    An opacity, the last of two or four channels, hides nothing.
    """
    high = np.iinfo(dtype).max + 1
    samples = np.random.default_rng(seed).integers(0, high, shape).astype(dtype)
    if len(shape) == 3 and shape[2] in (2, 4):
        lowest = 3 * ((high - 1) // 255)
        samples[..., -1] = np.maximum(samples[..., -1], lowest)
    return samples


def smooth(height=48, width=64):
    """A picture that JPEG keeps well."""
    y, x = np.mgrid[:height, :width] / 64
    return np.stack([90 + 90 * x, 200 - 80 * y, 60 + 60 * x * y], 2).astype(np.uint8)


def saved(image, kind, **options):
    """The bytes of a Pillow image (or an array) saved by Pillow."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def tiff_bytes(samples, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, samples, metadata=None, **options)
    return out.getvalue()


def camera_exif(orientation=None):
    """An EXIF block with text beyond ASCII, camera settings, maker notes and GPS."""
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x8298] = "© Jürgen".encode()
    if orientation is not None:
        exif[0x0112] = orientation
    exif.get_ifd(0x8769)[0x829A] = (1, 250)
    exif.get_ifd(0x8769)[0x927C] = b"\x01\x02 notes of the maker"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 10.5)
    return exif.tobytes()


def chunk(name, body):
    total = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", total)


def png(width, height, depth, kind, rows, *extra):
    """A PNG from raw rows of bytes: what Pillow cannot write."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png16(samples, *extra):
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[samples.shape[2]]
    rows = [row.astype(">u2").tobytes() for row in samples]
    return png(samples.shape[1], samples.shape[0], 16, kind, rows, *extra)


def as_picture(samples):
    """Samples (H, W, 1 to 4) as the pixels and the alpha that a Picture should have."""
    count = samples.shape[2]
    colour = samples[..., :3] if count > 2 else samples[..., [0, 0, 0]]
    return colour, samples[..., -1] if count in (2, 4) else None


def assert_same(picture, colour, alpha, *, grey=False):
    assert picture.pixels.dtype == colour.dtype
    np.testing.assert_array_equal(picture.pixels, colour)
    if alpha is None:
        assert picture.alpha is None
    else:
        np.testing.assert_array_equal(picture.alpha, alpha)
    assert picture.grey is grey


def again(picture):
    return images.decode(images.encode(picture), "again")


# --- lossless formats ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_png_and_tiff_round_trip_is_exact_and_keeps_the_rest(kind, count, dtype):
    colour, alpha = as_picture(noise(37, 53, count, dtype=dtype))
    picture = Picture(
        pixels=colour,
        alpha=alpha,
        grey=count < 3,
        format=kind,
        icc=ICC,
        exif=tags.upright(camera_exif(6))[1],
        dpi=(300, 150),
    )
    back = again(picture)
    assert_same(back, colour, alpha, grey=count < 3)
    assert back.format == kind
    assert back.icc == ICC
    assert back.dpi == pytest.approx((300, 150), abs=0.02)
    known, _ = tags.unpack(picture.exif)
    assert tags.unpack(back.exif)[0] == known
    assert (back.exif == picture.exif) or kind == "TIFF"  # TIFF lays it out anew


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_other_programs_read_the_tiff(count, dtype):
    samples = noise(700, 900, count, dtype=dtype)  # more than one strip
    colour, alpha = as_picture(samples)
    data = images.encode(Picture(colour, alpha, count < 3, "TIFF", dpi=(72, 72)))
    page = tifffile.TiffFile(io.BytesIO(data)).pages[0]
    assert len(page.dataoffsets) > 1 or samples.nbytes <= 1 << 20
    np.testing.assert_array_equal(page.asarray().reshape(samples.shape), samples)
    if dtype == np.uint8:
        pillow = Image.open(io.BytesIO(data))
        assert pillow.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[count]
        np.testing.assert_array_equal(np.array(pillow), samples.squeeze())
    elif count > 2:  # libtiff
        order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}[count]
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(decoded[..., order], samples)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_other_programs_read_the_16_bit_png(count):
    samples = noise(500, 900, count, dtype=np.uint16)
    colour, alpha = as_picture(samples)
    data = images.encode(Picture(colour, alpha, count < 3, icc=ICC))
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[count]
    found = decoded.reshape(500, 900, -1)[..., order]
    np.testing.assert_array_equal(found, samples)
    pillow = Image.open(io.BytesIO(data))
    pillow.load()
    assert pillow.info["icc_profile"] == ICC


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("dark", [False, True])
def test_16_bit_png_by_its_type_even_when_all_values_are_small(count, dark):
    samples = noise(9, 7, count, dtype=np.uint16)
    if dark:
        samples %= 200
    # A gamma or a colour space chunk must not change the numbers.
    gamma = chunk(b"gAMA", struct.pack(">I", 100000))
    picture = images.decode(png16(samples, gamma), "deep.png")
    assert_same(picture, *as_picture(samples), grey=count < 3)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib", "predictor": True},
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"planarconfig": "separate"},
    ],
    ids=str,
)
def test_16_bit_tiff_of_other_programs(count, options):
    samples = noise(33, 35, count, dtype=np.uint16)
    stored = samples.squeeze()
    if "planarconfig" in options:
        if count == 1:
            pytest.skip("one plane")
        stored = samples.transpose(2, 0, 1)
    data = tiff_bytes(
        stored,
        photometric="minisblack" if count < 3 else "rgb",
        extrasamples=["unassalpha"] if count in (2, 4) else None,
        iccprofile=ICC,
        resolution=(118, 118),
        resolutionunit="CENTIMETER",
        software="scanner",
        **options,
    )
    picture = images.decode(data, "deep.tif")
    assert_same(picture, *as_picture(samples), grey=count < 3)
    assert picture.icc == ICC
    assert picture.dpi == pytest.approx((118 * 2.54,) * 2)
    known, _ = tags.unpack(picture.exif)
    assert known[305].raw.rstrip(b"\0") == b"scanner"


@pytest.mark.parametrize("count", [1, 3, 4])
def test_16_bit_tiff_with_lzw(count):
    samples = noise(33, 35, count, dtype=np.uint16)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[count]
    done, data = cv2.imencode(".tiff", samples[..., order])
    assert done and tifffile.TiffFile(io.BytesIO(data)).pages[0].compression == 5
    picture = images.decode(data.tobytes(), "lzw.tif")
    assert_same(picture, *as_picture(samples), grey=count < 3)


def test_16_bit_tiff_where_zero_is_white():
    samples = noise(8, 9, dtype=np.uint16)
    picture = images.decode(tiff_bytes(samples, photometric="miniswhite"), "w.tif")
    np.testing.assert_array_equal(picture.pixels[..., 1], 65535 - samples)


def test_16_bit_tiff_with_premultiplied_colour_is_divided():
    colour = noise(20, 20, 3, dtype=np.uint16)
    alpha = noise(20, 20, dtype=np.uint16, seed=1) // 2 + 32768
    stored = np.rint(colour * (alpha[..., None] / 65535)).astype(np.uint16)
    data = tiff_bytes(
        np.dstack([stored, alpha]), photometric="rgb", extrasamples=["assocalpha"]
    )
    picture = images.decode(data, "a.tif")
    np.testing.assert_array_equal(picture.alpha, alpha)
    assert np.abs(picture.pixels.astype(int) - colour).max() <= 1


def test_planes_and_lzw_of_8_bit_tiff():
    pixels = noise(33, 35, 3)
    planes = tiff_bytes(
        pixels.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    )
    lzw = saved(pixels, "TIFF", compression="tiff_lzw")
    for data in (planes, lzw):
        assert_same(images.decode(data, "8.tif"), pixels, None)


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint32"])
def test_tiff_of_other_numbers_is_refused(dtype):
    data = tiff_bytes(np.ones((4, 5), dtype), photometric="minisblack")
    with pytest.raises(PictureError, match=r"odd\.tif: TIFF samples of"):
        images.decode(data, "odd.tif")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_bmp_round_trip_is_exact(mode):
    samples = noise(11, 13, {"L": 1, "RGB": 3, "RGBA": 4}[mode])
    colour, alpha = as_picture(samples)
    picture = Picture(colour, alpha, mode == "L", "BMP", dpi=(300, 300))
    back = again(picture)
    assert_same(back, colour, alpha, grey=mode == "L")
    assert back.dpi == pytest.approx((300, 300), abs=0.02)
    decoded = Image.open(io.BytesIO(images.encode(picture)))
    np.testing.assert_array_equal(np.array(decoded), samples.squeeze())


def test_webp_stays_lossless_or_lossy():
    samples = noise(16, 24, 4)
    data = saved(samples, "WEBP", lossless=True, exact=True, icc_profile=ICC)
    picture = images.decode(data, "a.webp")
    assert picture.lossless
    assert_same(picture, *as_picture(samples))
    back = again(replace(picture, exif=tags.upright(camera_exif(3))[1]))
    assert back.lossless and back.icc == ICC
    assert back.exif == tags.upright(camera_exif(3))[1]
    assert_same(back, *as_picture(samples))
    lossy = images.decode(saved(smooth(), "WEBP", quality=80), "b.webp")
    assert not lossy.lossless
    assert np.abs(again(lossy).pixels.astype(int) - lossy.pixels).mean() < 2
    assert not again(lossy).lossless


# --- kinds of pixels -----------------------------------------------------------------


def test_palette_one_bit_and_grey_with_alpha():
    pixels = np.array([[[255, 0, 0], [0, 9, 250]], [[0, 9, 250], [7, 7, 7]]], np.uint8)
    palette = Image.fromarray(pixels).quantize(4)
    picture = images.decode(saved(palette, "PNG"), "p.png")
    assert_same(picture, pixels, None)
    index = palette.getpixel((0, 0))
    opaque = bytes(0 if i == index else 255 - i for i in range(4))
    picture = images.decode(saved(palette, "PNG", transparency=opaque), "p.png")
    expected = np.array(
        [[opaque[palette.getpixel((x, y))] for x in (0, 1)] for y in (0, 1)]
    )
    assert np.array_equal(picture.pixels[expected > 0], pixels[expected > 0])
    np.testing.assert_array_equal(picture.alpha, expected)
    single = images.decode(saved(palette, "PNG", transparency=index), "p.png")
    np.testing.assert_array_equal(single.alpha, [[0, 255], [255, 255]])
    one = np.array([[True, False, True]])
    for kind in ("PNG", "BMP", "TIFF"):
        picture = images.decode(saved(Image.fromarray(one), kind), "1")
        assert_same(picture, *as_picture(np.uint8(one[..., None]) * 255), grey=True)
    both = noise(5, 6, 2)
    assert_same(images.decode(saved(both, "PNG"), "la"), *as_picture(both), grey=True)
    gif = images.decode(saved(palette, "GIF"), "a.gif")
    assert_same(gif, pixels, None)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_png_with_one_transparent_grey(depth):
    # Two pixels: the largest value and a smaller one, which is the transparent one. Its
    # hidden colour becomes the visible one.
    big = 2**depth - 1
    low = big // 3
    bits = f"{big:0{depth}b}{low:0{depth}b}".ljust(8, "0")
    row = int(bits, 2).to_bytes(len(bits) // 8, "big")
    data = png(2, 1, depth, 0, [row], chunk(b"tRNS", struct.pack(">H", low)))
    picture = images.decode(data, "t.png")
    full = 65535 if depth == 16 else 255
    assert picture.pixels[0, :, 0].tolist() == [full, full]
    assert picture.alpha.tolist() == [[full, 0]]
    assert picture.grey


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_with_one_transparent_colour(dtype):
    samples = noise(3, 4, 3, dtype=dtype)
    key = samples[1, 2]
    extra = chunk(b"tRNS", key.astype(">u2").tobytes())
    rows = [row.astype(row.dtype.newbyteorder(">")).tobytes() for row in samples]
    picture = images.decode(png(4, 3, samples.itemsize * 8, 2, rows, extra), "t.png")
    full = np.iinfo(dtype).max
    expected = np.full((3, 4), full)
    expected[1, 2] = 0
    np.testing.assert_array_equal(picture.alpha, expected)
    seen = expected > 0
    np.testing.assert_array_equal(picture.pixels[seen], samples[seen])


CMYK = {  # ink 0..255 -> the naive colour, (255 - c)(255 - k) / 255
    (0, 0, 0, 0): (255, 255, 255),
    (255, 0, 0, 0): (0, 255, 255),
    (0, 255, 255, 0): (255, 0, 0),
    (0, 0, 0, 255): (0, 0, 0),
    (51, 102, 153, 51): (163, 122, 82),
}


@pytest.mark.parametrize("ink", CMYK)
def test_cmyk_becomes_rgb(ink):
    image = Image.new("CMYK", (16, 16), ink)
    for data in (saved(image, "JPEG", quality=100), saved(image, "TIFF")):
        picture = images.decode(data, "c")
        assert np.abs(picture.pixels.astype(int) - CMYK[ink]).max() <= 2
        assert picture.icc is None and picture.jpeg is None
        back = Image.open(io.BytesIO(images.encode(picture)))
        assert back.mode == "RGB"


def test_ycck_jpeg():
    # Photoshop's CMYK JPEG holds Y, Cb, Cr of the inks, and K, all inverted. Pillow
    # inverts and writes four components as they are; Adobe's flag then says YCCK.
    colour = (200, 152, 50)
    luma = Image.new("RGB", (1, 1), colour).convert("YCbCr").getpixel((0, 0))
    image = Image.new("CMYK", (16, 16), (*luma, 0))
    data = bytearray(saved(image, "JPEG", quality=100))
    flag = data.index(b"Adobe") + 11
    assert data[flag] == 0
    data[flag] = 2
    pixels = images.decode(bytes(data), "ycck.jpg").pixels
    assert np.abs(pixels.astype(int) - colour).max() <= 3


def cmyk_profile():
    """A profile whose every ink darkens Lab's L alike, unlike the naive conversion."""
    table = bytearray(b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]))
    table += struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    table += bytes(range(256)) * 4
    for corner in range(16):
        table += bytes([255 - 255 * corner.bit_count() // 4, 128, 128])
    table += bytes(range(256)) * 3
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    start = 128 + 4 + 2 * 12
    size = start + len(table) + 20
    index = struct.pack(">I4sII", 2, b"A2B0", start, len(table))
    index += struct.pack(">4sII", b"wtpt", size - 20, 20)
    head = struct.pack(">I4sI", size, b"lcms", 0x02400000)
    head += b"prtrCMYKLab " + bytes(12) + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return bytes(head.ljust(128, b"\0") + index + table + white)


def test_cmyk_goes_through_its_profile():
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    data = saved(image, "JPEG", quality=100, icc_profile=cmyk_profile())
    picture = images.decode(data, "c.jpg")
    # L = 75 is sRGB grey 185; naive conversion would give cyan.
    assert np.abs(picture.pixels.astype(int) - 185).max() <= 3
    assert picture.icc is None
    broken = saved(image, "JPEG", icc_profile=b"no profile" * 20)
    with pytest.raises(PictureError, match=r"c\.jpg: its CMYK colour profile"):
        images.decode(broken, "c.jpg")


# --- orientation and metadata --------------------------------------------------------

# What each orientation stores of the picture [[1, 2, 3], [4, 5, 6]]: from the EXIF
# standard's words, where row 0 and column 0 of the stored pixels are seen.
STORED = {
    1: [[1, 2, 3], [4, 5, 6]],  # top, left
    2: [[3, 2, 1], [6, 5, 4]],  # top, right
    3: [[6, 5, 4], [3, 2, 1]],  # bottom, right
    4: [[4, 5, 6], [1, 2, 3]],  # bottom, left
    5: [[1, 4], [2, 5], [3, 6]],  # left, top
    6: [[3, 6], [2, 5], [1, 4]],  # right, top
    7: [[6, 3], [5, 2], [4, 1]],  # right, bottom
    8: [[4, 1], [5, 2], [6, 3]],  # left, bottom
}
UPRIGHT = np.kron(np.array(STORED[1]), np.ones((16, 16))).astype(np.uint8) * 40


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "PNG16", "TIFF16"])
@pytest.mark.parametrize("colour", ["grey", "alpha", "rgb"])
def test_orientation_is_applied_and_the_tag_says_so(kind, orientation, colour):
    stored = np.array(STORED[orientation])
    stored = np.kron(stored, np.ones((16, 16))).astype(np.uint8) * 40
    if colour == "alpha" and kind == "JPEG":
        pytest.skip("JPEG has no alpha")
    if colour != "grey":
        planes = [stored, 255 - stored, stored // 2, 255 - stored // 2]
        stored = np.stack(planes[: 3 + (colour == "alpha")], 2)
    exif = camera_exif(orientation)
    wide = np.atleast_3d(stored).astype(np.uint16) * 257
    if kind == "PNG16":
        data = png16(wide, chunk(b"eXIf", tags.body(exif)))
    elif kind.startswith("TIFF"):
        data = tiff_bytes(
            wide.squeeze() if kind == "TIFF16" else stored,
            photometric="minisblack" if colour == "grey" else "rgb",
            extrasamples=["unassalpha"] if colour == "alpha" else None,
            extratags=[(274, 3, 1, orientation, True)],
            software="x",
        )
    else:
        options = {
            "JPEG": {"quality": 100, "subsampling": 0},
            "WEBP": {"lossless": True},
        }.get(kind, {})
        data = saved(stored, kind, exif=exif, **options)
    picture = images.decode(data, "rotated")
    assert images.size_of(data, "rotated") == picture.pixels.shape[:2]
    scale = 257 if kind.endswith("16") else 1
    seen = np.rint(picture.pixels / scale).astype(int)
    tolerance = 3 if kind == "JPEG" else 0
    assert np.abs(seen[..., 0] - UPRIGHT).max() <= tolerance
    if colour != "grey":
        assert np.abs(seen[..., 1] - (255 - UPRIGHT)).max() <= tolerance
    if colour == "alpha":
        np.testing.assert_array_equal(picture.alpha // scale, 255 - UPRIGHT // 2)
    assert tags.upright(picture.exif)[0] == 1
    assert tags.unpack(picture.exif)[0][274].raw[:2] in (b"\0\1", b"\1\0")
    # Written and read by another program, it looks the same.
    if scale == 1:
        with Image.open(io.BytesIO(images.encode(picture))) as other:
            assert other.getexif().get(274) == 1 or kind == "TIFF"
            assert other.size == UPRIGHT.shape[::-1]


@pytest.mark.parametrize("orientation", STORED)
def test_orientation_of_16_bit_tiff_with_lzw(orientation):
    stored = np.array(STORED[orientation]).astype(np.uint16) * 9000
    data = saved(stored, "TIFF", compression="tiff_lzw", tiffinfo={274: orientation})
    picture = images.decode(data, "lzw.tif")
    expected = np.array(STORED[1]) * 9000
    np.testing.assert_array_equal(picture.pixels[..., 0], expected)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_changes_in_nothing_but_the_orientation(kind):
    before = camera_exif(6)
    picture = images.decode(saved(smooth(), kind, exif=before), "a")
    assert len(picture.exif) == len(before)
    pairs = zip(before, picture.exif, strict=True)
    assert sum(old != new for old, new in pairs) == 1
    assert again(picture).exif == picture.exif
    without = camera_exif()
    assert images.decode(saved(smooth(), kind, exif=without), "a").exif == without


def test_exif_that_is_damaged_does_no_harm():
    for block in (b"Exif\0\0MM\0*", b"Exif\0\0nonsense", camera_exif(6)[:20]):
        picture = images.decode(saved(smooth(), "JPEG", exif=block), "a.jpg")
        assert picture.pixels.shape == smooth().shape
        assert picture.exif == block


def test_exif_from_jpeg_to_tiff_and_back():
    block = tags.upright(camera_exif(8))[1]
    picture = images.decode(saved(smooth(), "JPEG", exif=block), "a.jpg")
    back = again(replace(picture, format="TIFF"))
    assert tags.unpack(back.exif)[0] == tags.unpack(block)[0]
    assert "© Jürgen".encode() in back.exif
    pillow = Image.open(io.BytesIO(images.encode(back))).getexif()
    assert pillow[0x010F] == "Maker"
    assert pillow.get_ifd(0x8769)[0x927C] == b"\x01\x02 notes of the maker"
    assert pillow.get_ifd(0x8825)[2] == (48.0, 8.0, 10.5)


def test_exif_in_png_behind_the_pixels_and_as_text():
    samples = noise(4, 6, 3, dtype=np.uint16)
    rotated = np.rot90(samples, -1)
    body = tags.body(camera_exif(6))
    for data, expected in (
        (png16(samples), rotated),
        (saved((samples >> 8).astype(np.uint8), "PNG"), rotated >> 8),
    ):
        late = data[:-12] + chunk(b"eXIf", body) + data[-12:]
        picture = images.decode(late, "late.png")
        np.testing.assert_array_equal(picture.pixels, expected)
        assert picture.exif is not None
    digits = (b"Exif\0\0" + body).hex()
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(digits) // 2}\n{digits}\n")
    data = saved(samples.astype(np.uint8), "PNG", pnginfo=text)
    picture = images.decode(data, "text.png")
    np.testing.assert_array_equal(picture.pixels, rotated.astype(np.uint8))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_colour_profile_and_resolution_are_kept(kind):
    data = saved(smooth(), kind, icc_profile=ICC, dpi=(300, 300))
    picture = images.decode(data, "a")
    assert picture.icc == ICC
    back = again(picture)
    assert back.icc == ICC
    if kind != "WEBP":  # which has no field for it
        assert back.dpi == pytest.approx((300, 300), abs=0.02)


# --- JPEG ----------------------------------------------------------------------------


@pytest.mark.parametrize("quality", [20, 83, 97])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_written_as_it_was_compressed(quality, subsampling, progressive):
    data = saved(
        smooth(),
        "JPEG",
        quality=quality,
        subsampling=subsampling,
        progressive=progressive,
    )
    written = images.encode(images.decode(data, "a.jpg"))
    before, after = (Image.open(io.BytesIO(d)) for d in (data, written))
    assert after.quantization == before.quantization
    assert after.layer == before.layer
    assert ("progressive" in after.info) is progressive
    # The same pixels through the same tables: hardly anything is lost again.
    change = np.array(before, int) - np.array(after, int)
    assert np.abs(change).mean() < 1


def test_grey_jpeg_stays_grey():
    data = saved(smooth()[..., 0], "JPEG", quality=70)
    picture = images.decode(data, "g.jpg")
    assert picture.grey
    np.testing.assert_array_equal(picture.pixels[..., 2], picture.pixels[..., 0])
    back = Image.open(io.BytesIO(images.encode(picture)))
    assert back.mode == "L"
    assert back.quantization == Image.open(io.BytesIO(data)).quantization


def test_grey_is_written_as_luma():
    pixels = noise(5, 5, 3)
    back = again(Picture(pixels, grey=True))
    expected = np.array(Image.fromarray(pixels).convert("L"))
    np.testing.assert_array_equal(back.pixels[..., 0], expected)
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, 2)
    np.testing.assert_array_equal(again(Picture(every, grey=True)).pixels, every)


def test_jpeg_of_unknown_make_gets_quality_95():
    rgb = saved(smooth(), "JPEG", keep_rgb=True, quality=60)
    picture = images.decode(rgb, "rgb.jpg")
    assert picture.jpeg is None
    written = Image.open(io.BytesIO(images.encode(picture)))
    reference = Image.open(io.BytesIO(saved(smooth(), "JPEG", quality=95)))
    assert written.quantization == reference.quantization


def test_phone_jpeg_with_a_second_picture_gives_the_first():
    first = Image.fromarray(smooth())
    second = Image.new("RGB", (8, 8))
    data = saved(first, "MPO", save_all=True, append_images=[second], quality=90)
    assert Image.open(io.BytesIO(data)).format == "MPO"
    picture = images.decode(data, "phone.jpg")
    assert picture.format == "JPEG" and picture.jpeg is not None
    photo = np.array(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(picture.pixels, photo)
    assert Image.open(io.BytesIO(images.encode(picture))).format == "JPEG"


# --- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_frames_are_refused(kind):
    frames = [Image.fromarray(noise(9, 9, 3, seed=i)) for i in range(3)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(PictureError, match=r"many: .*several"):
        images.decode(data, "many")


def test_a_thumbnail_in_a_tiff_is_no_second_page():
    pixels, small = noise(40, 40, 3), noise(8, 8, 3)
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(pixels, photometric="rgb", metadata=None)
        writer.write(small, photometric="rgb", metadata=None, subfiletype=1)
    assert_same(images.decode(out.getvalue(), "t.tif"), pixels, None)


def whole_files():
    pixels = noise(40, 50, 3)
    deep = pixels.astype(np.uint16) * 257
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF"):
        yield pytest.param(saved(pixels, kind), id=kind)
    for name, picture in (
        ("PNG16", Picture(deep)),
        ("TIFF16", Picture(deep, format="TIFF")),
        ("TIFF deflate", Picture(pixels, format="TIFF")),
    ):
        yield pytest.param(images.encode(picture), id=name)


@pytest.mark.parametrize("data", list(whole_files()))
def test_truncated_files_are_refused_by_name(data, capfd):
    assert images.decode(data, "whole").pixels.shape == (40, 50, 3)
    for end in (1, 5, 20, 40, len(data) // 4, len(data) // 2, len(data) - 60):
        with pytest.raises(PictureError, match=r"^some/cut\.x: "):
            images.decode(data[:end], "some/cut.x")
    assert capfd.readouterr() == ("", "")


def test_a_wrong_byte_in_a_16_bit_png_is_found():
    data = bytearray(images.encode(Picture(noise(40, 50, 3, dtype=np.uint16))))
    data[len(data) // 2] ^= 1
    with pytest.raises(PictureError, match=r"bad\.png: .*checksum of its IDAT"):
        images.decode(bytes(data), "bad.png")


def test_what_is_no_picture(tmp_path):
    with pytest.raises(PictureError, match=r"e\.png: the file is empty"):
        images.decode(b"", "e.png")
    text = tmp_path / "text.jpg"
    text.write_text("no picture at all")
    for reader in (images.read, images.read_rgb):
        with pytest.raises(PictureError, match=r"text\.jpg: not a picture"):
            reader(text)
    with pytest.raises(PictureError, match=r"none\.png: cannot be opened"):
        images.read(tmp_path / "none.png")
    with pytest.raises(PictureError, match="cannot be opened"):
        images.read(tmp_path)


def bombs():
    for depth in (8, 16):
        data = png(30000, 30000, depth, 2, [b"few"])
        yield pytest.param(data, id=f"PNG{depth}")
    for dtype in (np.uint8, np.uint16):
        data = tiff_bytes(np.ones((2, 3), dtype), photometric="minisblack")
        for tag, size in ((256, 3), (257, 2)):
            entry = struct.pack("<HHI", tag, 4, 1)
            before = entry + struct.pack("<I", size)
            assert before in data
            data = data.replace(before, entry + struct.pack("<I", 30000))
        yield pytest.param(data, id=f"TIFF {dtype.__name__}")
    jpeg = bytearray(saved(smooth(), "JPEG"))
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg[place : place + 4] = struct.pack(">HH", 30000, 30000)
    yield pytest.param(bytes(jpeg), id="JPEG")
    bmp = bytearray(saved(smooth(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 30000, 30000)
    yield pytest.param(bytes(bmp), id="BMP")
    webp = saved(noise(2, 2, 4), "WEBP", lossless=True, exif=camera_exif())
    assert webp[12:16] == b"VP8X"
    yield pytest.param(webp[:24] + b"\xfe\x3f\0" * 2 + webp[30:], id="WEBP")


@pytest.mark.parametrize("data", list(bombs()))
def test_a_bomb_is_refused_before_its_pixels_are_allocated(data):
    limit = Image.MAX_IMAGE_PIXELS
    tracemalloc.start()
    try:
        with pytest.raises(
            PictureError, match=r"bomb: more than 200,000,000 .* smaller"
        ):
            images.decode(data, "bomb")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_the_limit_is_ours_and_not_pillows(kind, monkeypatch):
    # Pillow would warn of 81 pixels, and refuse 162, if its limit were 80.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    assert_same(images.decode(saved(noise(9, 9, 3), kind), "a"), noise(9, 9, 3), None)
    monkeypatch.setattr(headers, "MAX_PIXELS", 80)
    with pytest.raises(PictureError, match="a: more than 80 pixels"):
        images.decode(saved(noise(9, 9, 3), kind), "a")


# --- files ---------------------------------------------------------------------------


def test_write_and_read_keep_everything(tmp_path):
    path = tmp_path / "a.PNG"
    picture = Picture(noise(5, 6, 3), noise(5, 6, seed=2), icc=ICC, dpi=(72, 72))
    images.write(path, picture)
    assert_same(images.read(path), picture.pixels, picture.alpha)
    images.write(path, picture.with_pixels(255 - picture.pixels))
    assert_same(images.read(str(path)), 255 - picture.pixels, picture.alpha)
    assert [p.name for p in tmp_path.iterdir()] == ["a.PNG"]
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_file_is_written_in_its_format_under_any_name(tmp_path):
    pixels = noise(5, 6, 3)
    images.write(tmp_path / "a.jpg", Picture(pixels, format="PNG"))
    back = images.read(tmp_path / "a.jpg")
    assert back.format == "PNG"
    np.testing.assert_array_equal(back.pixels, pixels)
    with pytest.raises(PictureError, match=r"a\.gif: GIF is not written"):
        images.write(tmp_path / "a.gif", Picture(pixels, format="GIF"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("where", ["encode", "disk"])
def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch, where):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    picture = Picture(noise(5, 6, 3))

    def fail(*_):
        raise OSError("disk full")

    if where == "encode":
        monkeypatch.setattr(Image.Image, "save", lambda *a, **k: fail())
        expected = r"a\.png: cannot be written as PNG"
    else:
        monkeypatch.setattr(atomic.os, "replace", fail)
        expected = "disk full"
    with pytest.raises((PictureError, OSError), match=expected):
        images.write(path, picture)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_what_a_format_cannot_hold_is_an_error():
    pixels, deep = noise(4, 4, 3), noise(4, 4, 3, dtype=np.uint16)
    for picture, what in (
        (Picture(pixels, noise(4, 4), format="JPEG"), "alpha"),
        (Picture(deep, format="JPEG"), "16 bits"),
        (Picture(deep, format="WEBP"), "16 bits"),
        (Picture(deep, format="BMP"), "16 bits"),
        (Picture(pixels, format="BMP", icc=ICC), "colour profile"),
        (Picture(pixels, format="BMP", exif=camera_exif()), "EXIF"),
        (Picture(np.zeros((1, 16384, 3), np.uint8), format="WEBP"), "WEBP"),
        (Picture(pixels, format="JPEG2000"), "JPEG2000"),
    ):
        with pytest.raises(PictureError, match=what):
            images.encode(picture)


def test_picture_checks_its_parts():
    pixels = noise(4, 5, 3)
    for wrong in (pixels[..., 0], pixels[..., :2], pixels[:0], pixels.astype(float)):
        with pytest.raises(ValueError, match="pixels must be"):
            Picture(wrong)
    for alpha in (noise(5, 4), noise(4, 5, dtype=np.uint16)):
        with pytest.raises(ValueError, match="alpha is"):
            Picture(pixels, alpha)
    picture = Picture(pixels, icc=ICC, format="TIFF", dpi=(9, 9))
    for wrong in (noise(5, 4, 3), pixels.astype(np.uint16)):
        with pytest.raises(ValueError, match="new pixels are"):
            picture.with_pixels(wrong)
    other = picture.with_pixels(255 - pixels)
    assert other.icc == ICC and other.format == "TIFF" and other.dpi == (9, 9)
    np.testing.assert_array_equal(picture.pixels, noise(4, 5, 3))


def test_find(tmp_path):
    wanted = ["B.JPG", "a.png", "sub/c.TiFf", "sub/deep/d.webp", "z.bmp"]
    for name in [*wanted, ".hidden.png", "notes.txt", ".git/e.png", "f.gif", "png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in images.find(tmp_path)]
    assert found == sorted(wanted)
    assert images.find(str(tmp_path / "sub" / "deep"))
    with pytest.raises(PictureError, match="none: not a folder"):
        images.find(tmp_path / "none")
    assert all(suffix == suffix.lower() for suffix in images.SUFFIXES)


def test_rgb_for_training_is_the_same_picture_in_8_bits(tmp_path):
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    opacity = np.maximum(every, 771)  # nothing is hidden
    data = png16(np.dstack([every, every.T, every[::-1], opacity]))
    pixels = images.decode_rgb(data, "a.png")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[..., 0], np.rint(every / 257))
    path = tmp_path / "a.jpg"
    path.write_bytes(saved(smooth(), "JPEG", exif=camera_exif(6)))
    np.testing.assert_array_equal(images.read_rgb(path), images.read(path).pixels)
    assert images.read_rgb(path).shape == (64, 48, 3)


# --- [-1, 1] -------------------------------------------------------------------------

BACK = {"uint8": images.to_uint8, "uint16": images.to_uint16}


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_to_float_and_back_is_the_identity_for_arrays(dtype):
    every = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    values = images.to_float(every)
    assert values.dtype == np.float32
    assert values[0] == -1 and values[-1] == 1 and np.abs(values).max() == 1
    expected = every / (np.iinfo(dtype).max / 2) - 1
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-7)
    back = BACK[dtype](values)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, every)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("how", ["eager", "graph", "xla"])
def test_to_float_and_back_is_the_identity_for_tensors(dtype, how):
    tf = pytest.importorskip("tensorflow")

    def there_and_back(pixels):
        values = images.to_float(pixels)
        return values, BACK[dtype](values)

    if how != "eager":
        there_and_back = tf.function(there_and_back, jit_compile=how == "xla")
    every = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    values, back = there_and_back(tf.constant(every))
    assert values.dtype == tf.float32 and back.dtype == dtype
    assert float(values[0]) == -1 and float(values[-1]) == 1
    assert float(tf.reduce_max(tf.abs(values))) == 1
    np.testing.assert_allclose(values, images.to_float(every), rtol=0, atol=1.2e-7)
    np.testing.assert_array_equal(back, every)


def test_values_are_clipped_and_rounded():
    tf = pytest.importorskip("tensorflow")
    levels = np.array([-9, -0.4, 0.4, 0.6, 99.4, 99.6, 254.6, 255.4, 1e9])
    expected = [0, 0, 0, 1, 99, 100, 255, 255, 255]
    values = (levels / 127.5 - 1).astype(np.float32)
    assert images.to_uint8(values).tolist() == expected
    assert images.to_uint8(tf.constant(values)).numpy().tolist() == expected
    assert images.to_uint8(values.astype(np.float64)).tolist() == expected
    half = tf.constant([-1.5, 0.25, 1.5], tf.bfloat16)
    assert images.to_uint8(half).numpy().tolist() == [0, 159, 255]
    assert images.to_uint16(np.array([-2.0, 0, 2])).tolist() == [0, 32768, 65535]
    assert values[0] == np.float32(-9 / 127.5 - 1)  # the input is left alone
    with pytest.raises(ValueError, match="NaN"):
        images.to_uint8(np.array([np.nan]))
    for wrong in (values, tf.constant(values), np.arange(3)):
        with pytest.raises(TypeError, match="uint8 or uint16"):
            images.to_float(wrong)
