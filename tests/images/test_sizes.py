"""Sizes from the header: equal to those of the decoded picture, and cheap."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif as tags
from deblurgan_tf.images import headers, reading

HEIGHT, WIDTH = 40, 56
KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")


def noise(*shape, dtype=np.uint8):
    high = np.iinfo(dtype).max + 1
    return np.random.default_rng(0).integers(0, high, shape).astype(dtype)


RGB = noise(HEIGHT, WIDTH, 3)
DEEP = noise(HEIGHT, WIDTH, 3, dtype=np.uint16)


def saved(pixels, kind, **options):
    image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else pixels
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation, padding=0):
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = "x" * padding
    return block.tobytes()


def chunk(name, body):
    total = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", total)


def behind_the_pixels(png, *chunks):
    """The PNG with more chunks before its last one, IEND."""
    return png[:-12] + b"".join(chunks) + png[-12:]


def international_text(orientation, *, compressed):
    plain = text_chunk(orientation, compressed=False)[8:-4].partition(b"\0")[2]
    text = zlib.compress(plain) if compressed else plain
    key = b"Raw profile type exif\0"
    return chunk(b"iTXt", key + bytes([compressed]) + b"\0en\0key\0" + text)


def text_chunk(orientation, *, compressed):
    digits = tags.body(exif(orientation)).hex()
    text = f"\nexif\n{len(digits) // 2}\n{digits}\n".encode()
    key = b"Raw profile type exif\0"
    if compressed:
        return chunk(b"zTXt", key + b"\0" + zlib.compress(text))
    return chunk(b"tEXt", key + text)


def tiff(pixels, orientation=None, extratags=(), **options):
    out = io.BytesIO()
    if orientation is not None:
        extratags = [(274, 3, 1, orientation, True)]
    tifffile.imwrite(out, pixels, metadata=None, extratags=extratags, **options)
    return out.getvalue()


def xmp(orientation):
    text = f'<x:xmpmeta><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'
    return text.encode()


def deep_png():
    return images.encode(images.Picture(DEEP))


def without_exif_flag(webp):
    assert webp[12:16] == b"VP8X" and webp[20] & 8
    return webp[:20] + bytes([webp[20] & ~8]) + webp[21:]


def upside_down(bmp):
    """The BMP with a negative height: its rows go from top to bottom."""
    return bmp[:22] + struct.pack("<i", -HEIGHT) + bmp[26:]


def phone_jpeg():
    second = [Image.new("RGB", (8, 8))]
    options = {"save_all": True, "append_images": second, "exif": exif(8)}
    return saved(RGB, "MPO", **options)


def files():
    """Name -> the bytes of a picture file."""
    made = {f"{kind} plain": saved(RGB, kind) for kind in KINDS}
    for orientation in (3, 6, 8):
        for kind in ("JPEG", "PNG", "WEBP"):
            made[f"{kind} {orientation}"] = saved(RGB, kind, exif=exif(orientation))
        made[f"TIFF {orientation}"] = tiff(RGB, orientation, photometric="rgb")
        made[f"TIFF deep {orientation}"] = tiff(DEEP, orientation, photometric="rgb")
        late = chunk(b"eXIf", tags.body(exif(orientation)))
        made[f"PNG late {orientation}"] = behind_the_pixels(saved(RGB, "PNG"), late)
        made[f"PNG deep late {orientation}"] = behind_the_pixels(deep_png(), late)
    five, six, one = (chunk(b"eXIf", tags.body(exif(n))) for n in (5, 6, 1))
    early = saved(RGB, "PNG", exif=exif(6))
    wrong_sum = one[:-4] + b"\0\0\0\0"
    made |= {
        "JPEG long exif": saved(RGB, "JPEG", exif=exif(6, padding=50_000)),
        "JPEG phone": phone_jpeg(),
        "JPEG CMYK": saved(Image.fromarray(RGB).convert("CMYK"), "JPEG"),
        "JPEG XMP alone": saved(RGB, "JPEG", xmp=xmp(6)),
        "PNG early and late": behind_the_pixels(early, one),
        "PNG late twice": behind_the_pixels(saved(RGB, "PNG"), one, six),
        "PNG late, wrong sum": behind_the_pixels(early, wrong_sum),
        "PNG late text": behind_the_pixels(
            saved(RGB, "PNG"), text_chunk(6, compressed=False)
        ),
        "PNG late compressed text": behind_the_pixels(
            saved(RGB, "PNG"), text_chunk(6, compressed=True)
        ),
        "PNG deep late text": behind_the_pixels(
            deep_png(), text_chunk(6, compressed=True)
        ),
        "PNG late text and exif": behind_the_pixels(
            saved(RGB, "PNG"), five, text_chunk(1, compressed=False)
        ),
        "PNG behind a broken chunk": behind_the_pixels(
            early, chunk(b"\1\2\3\4", b""), one
        ),
        "PNG late international text": behind_the_pixels(
            saved(RGB, "PNG"), international_text(6, compressed=False)
        ),
        "PNG late compressed international text": behind_the_pixels(
            saved(RGB, "PNG"), international_text(6, compressed=True)
        ),
        "PNG deep early international text": deep_png()[:33]
        + international_text(6, compressed=True)
        + deep_png()[33:],
        "PNG behind an unknown chunk": behind_the_pixels(
            saved(RGB, "PNG"), chunk(b"a1_b", b""), six
        ),
        "PNG late text that is no EXIF": behind_the_pixels(
            early, chunk(b"tEXt", b"Raw profile type exif\0no\nhex\n\ndigits")
        ),
        "PNG palette": saved(Image.fromarray(RGB).quantize(9), "PNG", exif=exif(6)),
        "PNG animation of one": saved(RGB, "PNG", save_all=True, exif=exif(6)),
        "WEBP lossless": saved(RGB, "WEBP", lossless=True),
        "WEBP lossless exif": saved(RGB, "WEBP", lossless=True, exif=exif(6)),
        "WEBP alpha": saved(noise(HEIGHT, WIDTH, 4), "WEBP", exif=exif(5)),
        "WEBP without flag": without_exif_flag(saved(RGB, "WEBP", exif=exif(6))),
        "WEBP rest": saved(RGB, "WEBP", exif=exif(6)) + b"EXIF\4\0\0\0rest",
        "BMP top down": upside_down(saved(RGB, "BMP")),
        "BMP grey": saved(RGB[..., 0], "BMP"),
        "TIFF big": tiff(RGB, 6, photometric="rgb", bigtiff=True),
        "TIFF big-endian": tiff(DEEP, 7, photometric="rgb", byteorder=">"),
        "TIFF deflate": tiff(RGB, 8, photometric="rgb", compression="zlib"),
        "TIFF LZW": saved(RGB, "TIFF", compression="tiff_lzw", tiffinfo={274: 6}),
        "TIFF deep LZW": cv2.imencode(".tiff", DEEP)[1].tobytes(),
        "TIFF XMP": tiff(
            RGB, photometric="rgb", extratags=[(700, 1, len(xmp(6)), xmp(6), True)]
        ),
        "TIFF odd orientation": tiff(RGB, 9, photometric="rgb"),
        "TIFF deep odd orientation": tiff(DEEP, 9, photometric="rgb"),
        "TIFF CMYK": saved(Image.fromarray(RGB).convert("CMYK"), "TIFF"),
        "TIFF of ours": images.encode(images.Picture(DEEP, format="TIFF")),
    }
    return made


FILES = files()


@pytest.mark.parametrize("name", FILES)
def test_sizes_are_those_of_the_decoded_picture(name, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(FILES[name])
    decoded = images.decode(FILES[name], name).pixels.shape[:2]
    assert images.size(path) == decoded
    assert images.size_of(FILES[name], name) == decoded
    assert images.area_of(FILES[name], name) == HEIGHT * WIDTH


def test_the_files_are_upright_and_rotated():
    shapes = {images.size_of(data, name) for name, data in FILES.items()}
    assert shapes == {(HEIGHT, WIDTH), (WIDTH, HEIGHT)}
    rotated = ("JPEG 6", "PNG late 6", "PNG deep late text", "TIFF XMP", "WEBP 8")
    rotated += tuple(name for name in FILES if "international" in name)
    for name in (*rotated, "PNG late twice", "WEBP rest", "JPEG long exif"):
        assert images.size_of(FILES[name], name) == (WIDTH, HEIGHT), name


def test_an_orientation_outside_1_to_8_counts_as_upright():
    for name, pixels in (
        ("TIFF odd orientation", RGB),
        ("TIFF deep odd orientation", DEEP),
    ):
        np.testing.assert_array_equal(images.decode(FILES[name], name).pixels, pixels)


def large(kind):
    """Some megabytes in the format."""
    pixels = noise(900, 1100, 3)
    if kind == "PNG of small chunks":
        return cv2.imencode(".png", pixels)[1].tobytes()
    if kind == "PNG16":
        return images.encode(images.Picture(noise(900, 1100, 3, dtype=np.uint16)))
    if kind == "TIFF, tags behind the pixels":
        return images.encode(images.Picture(pixels, format="TIFF"))
    options = {"JPEG": {"quality": 95}, "WEBP": {"quality": 100, "method": 0}}
    more = {} if kind == "BMP" else {"exif": exif(6)}
    return saved(pixels, kind, **options.get(kind, {}), **more)


class Counted(io.FileIO):
    """A file that counts the bytes read from the disk."""

    read_bytes = 0

    def readinto(self, buffer):
        count = super().readinto(buffer)
        Counted.read_bytes += count
        return count

    def read(self, size=-1):
        data = super().read(size)
        Counted.read_bytes += len(data)
        return data

    def readall(self):
        data = super().readall()
        Counted.read_bytes += len(data)
        return data


@pytest.mark.parametrize(
    "kind",
    [
        *("JPEG", "PNG", "PNG of small chunks", "PNG16", "WEBP", "BMP", "TIFF"),
        "TIFF, tags behind the pixels",
    ],
)
def test_of_a_large_file_only_the_header_is_read(kind, tmp_path, monkeypatch):
    path = tmp_path / "large"
    path.write_bytes(large(kind))

    def counting_open(path, buffering=8192):
        return io.BufferedReader(Counted(path), buffering)

    monkeypatch.setattr(reading, "open_regular", counting_open)
    monkeypatch.setattr(Counted, "read_bytes", 0)
    wanted = images.decode(path.read_bytes(), kind).pixels.shape[:2]
    assert images.size(path) == wanted
    assert 0 < Counted.read_bytes < 64_000 < path.stat().st_size / 10


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_a_file_that_ends_behind_its_header_has_a_size(kind, tmp_path):
    data = large(kind)
    path = tmp_path / "cut"
    path.write_bytes(data[: len(data) // 2])
    rotated = kind in ("JPEG", "PNG", "TIFF")  # WebP has its EXIF behind the pixels
    assert images.size(path) == ((1100, 900) if rotated else (900, 1100))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_ends_in_its_header_is_refused_by_name(kind, tmp_path):
    path = tmp_path / "cut.x"
    for end in (0, 1, 5, 11):
        path.write_bytes(FILES[f"{kind} plain"][:end])
        with pytest.raises(PictureError, match=r"cut\.x: "):
            images.size(path)


def test_what_decode_refuses_by_the_header_has_no_size(tmp_path):
    two = {"save_all": True, "append_images": [Image.fromarray(RGB[::-1])]}
    refused = {
        "several": [saved(RGB, kind, **two) for kind in ("GIF", "PNG", "WEBP", "TIFF")],
        "samples of 32 bits": [tiff(RGB[..., 0].astype(np.float32))],
        "16-bit TIFF of 5 samples": [
            tiff(
                noise(9, 9, 5, dtype=np.uint16),
                photometric="rgb",
                planarconfig="contig",
            )
        ],
        "pixels of kind LAB": [
            saved(Image.fromarray(RGB).convert("LAB"), "TIFF"),
        ],
    }
    for message, all_data in refused.items():
        for data in all_data:
            for work in (images.size_of, images.decode):
                with pytest.raises(PictureError, match=f"no.x: .*{message}"):
                    work(data, "no.x")
    with pytest.raises(PictureError, match=r"none\.png: cannot be opened"):
        images.size(tmp_path / "none.png")
    with pytest.raises(PictureError, match="cannot be opened"):
        images.size(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_of_pixels_holds_for_sizes_too(kind, monkeypatch):
    monkeypatch.setattr(headers, "MAX_PIXELS", HEIGHT * WIDTH - 1)
    with pytest.raises(PictureError, match="more than .* pixels"):
        images.size_of(FILES[f"{kind} plain"], "large")
