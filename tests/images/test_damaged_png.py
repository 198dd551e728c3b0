"""PNGs whose sums tell of damage: refused, or told where it is no matter."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
from helpers.pictures import photo
from PIL import Image

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import png_checks, png_chunks
from deblurgan_tf.images.png_chunks import made

PIXELS = photo(31, 45, 0)
MODES = ("1", "L", "LA", "P", "RGB", "RGBA")


def of_mode(mode):
    image = Image.fromarray(PIXELS)
    image = image.quantize(40) if mode == "P" else image.convert(mode)
    options = {"transparency": 3} if mode == "P" else {}
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()


def place_of(data, name):
    """Where the chunk's name begins, and the length of its body."""
    place = data.index(name)
    return place, int.from_bytes(data[place - 4 : place])


def packed_in(data):
    place, length = place_of(data, b"IDAT")
    return data[place + 4 : place + 4 + length]


def with_pixels(data, packed):
    """The file with another compressed stream, of sound checksum."""
    place, length = place_of(data, b"IDAT")
    return data[: place - 4] + made(b"IDAT", packed) + data[place + 8 + length :]


def deep():
    """With 16 bits, and its pixels in one chunk."""
    data = images.encode(images.Picture(PIXELS * np.uint16(257)))
    found = png_chunks.chunks(io.BytesIO(data))
    bodies = [data[c.start :][: c.length] for c in found if c.name == b"IDAT"]
    return data[:33] + made(b"IDAT", b"".join(bodies)) + made(b"IEND", b"")


FILES = {mode: of_mode(mode) for mode in MODES} | {"16 bits": deep()}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"])
def test_a_wrong_checksum_of_what_makes_the_pixels_is_found(kind, name):
    data = FILES[kind]
    if name not in data:
        pytest.skip("has none")
    place, length = place_of(data, name)
    for wrong in (place + 4 + length, place + 3 + length if length else place + 7):
        bad = bytearray(data)
        bad[wrong] ^= 16
        with pytest.raises(PictureError, match=r"bad\.png: damaged .*checksum"):
            images.decode(bytes(bad), "bad.png")


@pytest.mark.parametrize("kind", FILES)
def test_pixels_that_are_wrong_behind_right_checksums_are_found(kind):
    data = FILES[kind]
    packed = packed_in(data)
    rows = zlib.decompress(packed)
    images.decode(with_pixels(data, zlib.compress(rows)), "sound.png")
    images.decode(with_pixels(data, zlib.compress(rows + b"more")), "longer.png")
    bad_sum = packed[:-1] + bytes([packed[-1] ^ 1])
    unfinished = zlib.compressobj()
    no_end = unfinished.compress(rows) + unfinished.flush(zlib.Z_SYNC_FLUSH)
    for wrong in (
        bad_sum,
        no_end,
        packed[: len(packed) // 2],
        packed[:-4],
        zlib.compress(rows[: len(rows) // 2]),
        zlib.compress(rows[:-1]),
    ):
        with pytest.raises(PictureError, match=r"bad\.png: damaged"):
            images.decode(with_pixels(data, wrong), "bad.png")


def test_interlaced_pixels_are_counted_pass_by_pass():
    for width, height in ((1, 1), (3, 2), (5, 9), (8, 8), (45, 31)):
        sides = [
            (len(range(left, width, across)), len(range(top, height, down)))
            for left, top, across, down in png_checks._PASSES
        ]
        assert sum(w * h for w, h in sides) == width * height
        rows = b"".join(bytes((1 + 3 * w) * h) for w, h in sides if w)
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
        for wrong in (0, 1):
            packed = zlib.compress(rows[: len(rows) - wrong])
            parts = made(b"IHDR", header), made(b"IDAT", packed), made(b"IEND", b"")
            data = png_chunks.SIGNATURE + b"".join(parts)
            if wrong:
                with pytest.raises(PictureError, match="the pixels end too early"):
                    images.decode(data, "bad.png")
            else:
                assert images.decode(data, "a.png").pixels.shape == (height, width, 3)


@pytest.mark.parametrize("kind", FILES)
def test_other_chunks_that_are_wrong_are_left_out_and_told(kind):
    data = FILES[kind]
    whole = images.decode(data, "a.png")
    for name in (b"tIME", b"bKGD", b"tEXt", b"quRk"):
        bad = made(name, b"1234567")[:-1] + b"?"
        for place in (33, len(data) - 12):
            picture = images.decode(data[:place] + bad + data[place:], "a.png")
            assert picture.notices == (f"left out: {name.decode()} chunk, damaged",)
            np.testing.assert_array_equal(picture.pixels, whole.pixels)


def test_chunks_that_a_reader_must_understand():
    data = FILES["P"]
    for added in (made(b"QUIK", b"?"), data[8:33]):
        with pytest.raises(PictureError, match=r"bad\.png: damaged"):
            images.decode(data[:33] + added + data[33:], "bad.png")
    place, length = place_of(data, b"PLTE")
    with pytest.raises(PictureError, match="its palette is missing"):
        images.decode(data[: place - 4] + data[place + length + 8 :], "bad.png")


def test_small_files_that_unpack_to_much(monkeypatch):
    packer = zlib.compressobj()
    zeros = bytes(1 << 22)
    packed = b"".join(packer.compress(zeros) for _ in range(8)) + packer.flush()
    with pytest.raises(PictureError, match="more pixels than its header says"):
        images.decode(with_pixels(FILES["RGB"], packed), "bomb.png")
    profile = made(b"iCCP", b"name\0\0" + zlib.compress(bytes(1 << 20)))
    text = made(b"zTXt", png_chunks._EXIF_AS_TEXT + b"\0\0" + packed[:2000])
    data = FILES["RGB"]
    bomb = data[:33] + (profile + text) * 500 + data[33:]
    start = time.process_time()
    assert len(images.decode(bomb, "bomb.png").notices) == png_chunks.NOTICES
    assert time.process_time() - start < 5
    monkeypatch.setattr(png_chunks, "_CHUNKS", 500)
    with pytest.raises(PictureError, match="more than 500 chunks"):
        images.size_of(bomb, "bomb.png")
