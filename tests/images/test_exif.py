"""What EXIF says of a turned picture is turned with it."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from helpers.pictures import photo
from PIL import Image

from deblurgan_tf import images
from deblurgan_tf.images import exif as tags

WIDTH, HEIGHT, X_DENSITY, Y_DENSITY = 0x0100, 0x0101, 0x011A, 0x011B
CAMERA, PIXEL_X, PIXEL_Y, AREA, NOTES = 0x8769, 0xA002, 0xA003, 0x9214, 0x927C
THUMBNAIL = b"\xff\xd8 a small picture that lies on its side \xff\xd9"
SIZE = (40, 24)  # width, height as stored


def numbers(order, *values, kind=3):
    letter = {3: "H", 4: "I"}[kind]
    raw = struct.pack(f"{order}{len(values)}{letter}", *values)
    return tags.Entry(kind, len(values), raw)


def ratio(order, value):
    return tags.Entry(5, 1, struct.pack(order + "II", value, 1))


def block(order="<", orientation=6, *, thumbnail="last", notes=b"notes of the maker"):
    """EXIF as cameras write it: settings, notes, and a thumbnail behind or between."""
    camera = {
        PIXEL_X: numbers(order, SIZE[0], kind=4),
        PIXEL_Y: numbers(order, SIZE[1]),
        AREA: numbers(order, 5, 6, 7, 8),
        NOTES: tags.Entry(7, len(notes), notes),
    }
    directory = {
        0x010F: tags.Entry(2, 6, b"Maker\0"),
        WIDTH: numbers(order, SIZE[0]),
        HEIGHT: numbers(order, SIZE[1]),
        X_DENSITY: ratio(order, 300),
        Y_DENSITY: ratio(order, 150),
        tags.ORIENTATION: numbers(order, orientation),
        CAMERA: camera,
    }
    if thumbnail == "first":  # between the header and the directory
        start = 8 + 2 + 3 * 12 + 4 + len(THUMBNAIL)
        start += start % 2
        body = tags.header(order, start)
        second, picture = 8, 8 + 2 + 3 * 12 + 4
        body += small(order, picture) + THUMBNAIL
        body = body.ljust(start, b"\0") + tags.serialise(directory, order, start)
    else:
        body = tags.header(order, 8) + tags.serialise(directory, order, 8)
        start, second = 8, len(body)
        if thumbnail == "last":
            body += small(order, second + 2 + 3 * 12 + 4) + THUMBNAIL
    if thumbnail is not None:
        place = start + 2 + 12 * len(directory)
        body = body[:place] + struct.pack(order + "I", second) + body[place + 4 :]
    return tags.PREFIX + body


def small(order, place):
    """The second directory: kind of compression, place and length of the thumbnail."""
    table = {
        0x0103: numbers(order, 6),
        0x0201: numbers(order, place, kind=4),
        0x0202: numbers(order, len(THUMBNAIL), kind=4),
    }
    return tags.serialise(table, order, 0)


def seen(exif):
    """What another program reads: (its tags, its thumbnail's)."""
    found = Image.Exif()
    found.load(exif)
    return {**found, **found.get_ifd(CAMERA)}, found.get_ifd(1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sides_change_places_where_rows_become_columns(order, orientation):
    exif = block(order, orientation)
    found, turned = tags.upright(exif)
    assert found == orientation
    known, second = seen(turned)
    sides = SIZE[::-1] if orientation > 4 else SIZE
    assert (known[PIXEL_X], known[PIXEL_Y]) == sides
    assert (known[WIDTH], known[HEIGHT]) == sides
    densities = (150, 300) if orientation > 4 else (300, 150)
    assert (known[X_DENSITY], known[Y_DENSITY]) == densities
    assert known[tags.ORIENTATION] == 1 and known[0x010F] == "Maker"
    assert known[NOTES] == b"notes of the maker"
    assert (AREA in known) == (orientation == 1)  # it told a place in the stored pixels
    assert second == {} and THUMBNAIL not in turned
    assert len(turned) < len(exif) - len(THUMBNAIL)
    # What stays, stays in its place: offsets inside maker notes count from the start.
    assert turned.index(b"notes of") == exif.index(b"notes of")
    assert tags.upright(turned) == (1, turned)


def test_a_thumbnail_before_other_values_is_taken_out_and_they_stay():
    known, second = seen(tags.upright(block(thumbnail="first"))[1])
    assert second == {} and known[NOTES] == b"notes of the maker"
    assert (known[PIXEL_X], known[PIXEL_Y]) == SIZE[::-1]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "PNG16"])
def test_every_format_tells_the_size_that_it_has(kind):
    pixels = photo(SIZE[1], SIZE[0], 0)
    if kind == "PNG16":
        exif = tags.body(block())
        data = images.encode(images.Picture(pixels * np.uint16(257), exif=block()))
        assert exif in data
    else:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, kind, exif=block(), dpi=(300, 150))
        data = out.getvalue()
    picture = images.decode(data, "a")
    assert picture.pixels.shape == (SIZE[0], SIZE[1], 3)
    known, second = seen(images.decode(images.encode(picture), "b").exif)
    assert (known[PIXEL_X], known[PIXEL_Y]) == SIZE[::-1]
    assert second == {}
    if kind in ("JPEG", "PNG"):
        assert picture.dpi == pytest.approx((150, 300), abs=0.02)
    tiff = images.decode(images.encode(replace(picture, format="TIFF")), "c")
    assert seen(tiff.exif)[0][PIXEL_X] == SIZE[1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_turned_tiff_too(dtype):
    out = io.BytesIO()
    pixels = photo(SIZE[1], SIZE[0], 0).astype(dtype)
    tifffile.imwrite(out, pixels, photometric="rgb", metadata=None, software="x")
    whole = images.decode(out.getvalue(), "a.tif")
    data = images.encode(
        replace(whole, exif=tags.upright(block(orientation=1))[1], dpi=(300, 150))
    )
    place = data.rindex(struct.pack("<HHIH", tags.ORIENTATION, 3, 1, 1)) + 8
    turned = images.decode(data[:place] + b"\6" + data[place + 1 :], "b.tif")
    assert turned.pixels.shape == (SIZE[0], SIZE[1], 3)
    assert turned.dpi == pytest.approx((150, 300))
    known, _ = seen(turned.exif)
    assert (known[PIXEL_X], known[PIXEL_Y]) == SIZE[::-1]
    assert known[tags.ORIENTATION] == 1 and AREA not in known


def test_any_damage_is_survived():
    exif = block()
    for cut in range(len(exif)):
        tags.upright(exif[:cut])
        tags.without_orientation(exif[:cut])
    rng = np.random.default_rng(0)
    for _ in range(300):
        spoilt = bytearray(exif)
        for place in rng.integers(6, len(exif), 3):
            spoilt[place] = rng.integers(256)
        found, turned = tags.upright(bytes(spoilt))
        assert 1 <= found <= 8 and turned.startswith(tags.PREFIX)


def test_the_tag_alone_is_taken_out():
    exif = tags.upright(block())[1]
    without = tags.without_orientation(exif)
    assert len(without) == len(exif)
    before, after = seen(exif)[0], seen(without)[0]
    assert before.pop(tags.ORIENTATION) == 1
    assert after == before
    assert tags.without_orientation(without) == without


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_keeps_the_tags_that_say_what_its_numbers_mean(dtype):
    white = (3127, 10000, 3290, 10000)
    primaries = (64, 100, 33, 100, 21, 100, 71, 100, 15, 100, 6, 100)  # Adobe RGB
    curve = tuple(range(0, 65536, 257)) * 3
    out = io.BytesIO()
    tifffile.imwrite(
        out,
        photo(9, 12, 0).astype(dtype),
        photometric="rgb",
        metadata=None,
        extratags=[
            (318, 5, 2, white, True),
            (319, 5, 6, primaries, True),
            (301, 3, len(curve), curve, True),
        ],
    )
    picture = images.decode(out.getvalue(), "a.tif")
    with tifffile.TiffFile(io.BytesIO(images.encode(picture))) as file:
        tag = file.pages.first.tags
        assert tag[318].value == white and tag[319].value == primaries
        assert tuple(np.ravel(tag[301].value).tolist()) == curve
