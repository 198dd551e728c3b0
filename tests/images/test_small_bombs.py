"""Small files that would take minutes or gigabytes: refused by counts, before that."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
from helpers.pictures import photo
from helpers.tiff_files import picture_tags, pointing, tiff
from PIL import Image, features

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif, jpeg, tiff_checks

GREY = photo(40, 50, 0)[..., 0]
BODY = GREY.tobytes()
SMALL = picture_tags(40, 50, (8,), (len(BODY),))
SECONDS = 1.0  # of the processor, for what is refused at once


def refused(data, match, *works):
    for work in works or (images.decode, images.size_of):
        start = time.process_time()
        with pytest.raises(PictureError, match=r"bomb: .*" + match):
            work(data, "bomb")
        assert time.process_time() - start < SECONDS


def test_a_plain_tiff_is_read():
    data = tiff(SMALL, body=BODY)
    np.testing.assert_array_equal(images.decode(data, "a").pixels[..., 0], GREY)
    previews = [{254: (4, 1, b"\1\0\0\0")} | SMALL] * (tiff_checks.DIRECTORIES - 1)
    assert images.size_of(tiff(SMALL, *previews, body=BODY), "a") == (40, 50)


def test_many_tags_that_point_to_the_whole_file():
    large = BODY + bytes(3_000_000)
    many = [*SMALL.items()]
    many += [(40000 + n, pointing(7, len(large), 8)) for n in range(900)]
    refused(tiff(many, body=large), "more bytes in its tags")
    many = [*SMALL.items()] + [(270, pointing(2, 1, 0))] * 3000
    refused(tiff(many, body=BODY), "more than 1,000 tags")
    more = dict(SMALL) | {40000: pointing(4, 1_100_000, 8)}
    refused(tiff(more, body=BODY + bytes(4_400_000)), "more numbers in its tags")
    more = dict(SMALL) | {282: pointing(5, 11_000, 8)}
    refused(tiff(more, body=BODY + bytes(88_000)), "more fractions in its tags")


def camera_settings(tags, size):
    """A TIFF or EXIF directory whose camera settings share `size` bytes."""
    count = struct.pack("<H", tags)
    entry = b"".join(struct.pack("<HHII", 37500 + n, 7, size, 8) for n in range(tags))
    body = BODY + bytes(max(0, size - len(BODY)))
    body += b"\0" * (len(body) % 2)
    place = 8 + len(body)
    body += count + entry + bytes(4)
    return tiff(SMALL | {34665: (4, 1, struct.pack("<I", place))}, body=body)


def test_exif_whose_tags_share_their_bytes():
    for tags in (800, 1600):
        refused(camera_settings(tags, 100_000), "more bytes than there", images.decode)
    picture = images.decode(camera_settings(10, 100_000), "a")
    known, _ = exif.unpack(picture.exif)
    assert len(known[34665]) == 10
    block = exif.PREFIX + camera_settings(800, 50_000)[:65_000]
    out = io.BytesIO()
    Image.fromarray(GREY).save(out, "JPEG", exif=block)
    refused(out.getvalue(), "more bytes than there")


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_exif_of_an_avif():
    entry = b"".join(struct.pack("<HHII", 40000 + n, 7, 4, 0) for n in range(900))
    block = exif.PREFIX + b"II*\0\x08\0\0\0" + struct.pack("<H", 900) + entry + bytes(4)
    data = saved("AVIF", exif=block)
    images.decode(data, "a")
    large = struct.pack("<I", len(block) - 100)
    bomb = data
    for number in range(900):
        start = struct.pack("<HH", 40000 + number, 7)
        bomb = bomb.replace(start + b"\4\0\0\0", start + large)
    refused(bomb, "more bytes than there")


def saved(kind, **options):
    out = io.BytesIO()
    Image.fromarray(photo(64, 80, 0)).save(out, kind, **options)
    return out.getvalue()


def test_many_thumbnails_and_many_strips():
    previews = [{254: (4, 1, b"\1\0\0\0")} | SMALL] * 3000
    refused(tiff(SMALL, *previews, body=BODY), "more than 64 pages and thumbnails")
    rows = 110_000
    strips = picture_tags(rows, 1, range(8, 8 + rows), [1] * rows)
    refused(tiff(strips, body=bytes(rows)), "more than 100,000 strips", images.decode)
    body = zlib.compress(bytes(1000)) + bytes(1_000_000)
    strips = picture_tags(900, 1000, [8] * 900, [len(body)] * 900, scheme=8)
    refused(tiff(strips, body=body), "share their bytes too often", images.decode)
    tags = picture_tags(40, 50, (8,), (2000,)) | {
        322: (4, 1, struct.pack("<I", 60_000)),
        323: (4, 1, struct.pack("<I", 60_000)),
    }
    tags |= {324: tags.pop(273), 325: tags.pop(279)}
    refused(tiff(tags, body=BODY), "much larger than the picture", images.decode)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_strip_that_unpacks_to_gigabytes(bits):
    packer = zlib.compressobj()
    block = packer.compress(bytes(1 << 23)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(1 << 23)) + packer.flush(zlib.Z_FULL_FLUSH)
    body = block + again * 400  # more than 3 GB
    tags = picture_tags(40, 50, (8,), (len(body),), bits=bits, scheme=8)
    refused(tiff(tags, body=body), "more pixels than its header says", images.decode)


def with_size(data, height, width):
    place = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_claims_to_be_large(progressive):
    data = with_size(saved("JPEG", progressive=progressive), 14_000, 14_000)
    assert len(data) < 10_000
    refused(data, "too few bytes for its size", images.decode)


def test_a_jpeg_of_many_scans(monkeypatch):
    data = saved("JPEG", progressive=True)
    starts = [s.start for s in jpeg._segments(data) if s.marker == 0xDA]
    last = data[starts[-1] : -2]
    many = data[:-2] + last * 4000 + data[-2:]
    monkeypatch.setattr(jpeg, "VISITS", 100_000)
    images.decode(data, "a")
    refused(many, "too many scans", images.decode)
    tables = data[: starts[1]] + b"\xff\xc4\0\2" * 11_000 + data[starts[1] :]
    refused(tables, "more than 10,000 segments", images.decode)


def test_a_jpeg_with_much_before_its_pixels():
    data = saved("JPEG")
    filling = data[:2] + b"\xff" * 100_000 + data[2:]
    segments = data[:2] + b"\xff\xe5\0\2" * 11_000 + data[2:]
    block = b"\xff\xe1\xff\xffExif\0\0" + bytes(65_535 - 8)
    tags = data[:2] + block * 20 + data[2:]
    for bomb in (filling, segments, tags):
        refused(bomb, "more beside its pixels")


def test_a_gif_of_comments():
    data = saved("GIF")
    start = 13 + 3 * 256
    assert data[start : start + 1] in (b",", b"!")
    comment = b"!\xfe\1a\0"
    images.decode(data[:start] + comment * 100 + data[start:], "a")
    for beside in (
        comment * 100_000,
        b"!\xfe" + b"\1a" * 100_000 + b"\0",
        bytes(99_999),
    ):
        refused(data[:start] + beside + data[start:], "more beside its pixels")
        refused(data[:-1] + beside + data[-1:], "more beside its pixels")
