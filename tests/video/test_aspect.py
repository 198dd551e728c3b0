"""The shape of pixels in the header of Matroska files, by hand."""

import zlib
from fractions import Fraction

import pytest

from deblurgan_tf.video.aspect import ROOM, shown_size, write_aspect


@pytest.mark.parametrize(
    ("size", "aspect", "shown"),
    [
        ((720, 576), Fraction(16, 15), (768, 576)),  # PAL, 4:3
        ((720, 576), Fraction(64, 45), (1024, 576)),  # PAL, 16:9
        ((720, 480), Fraction(8, 9), (720, 540)),  # NTSC, 4:3: never downsampled
        ((1440, 1080), Fraction(4, 3), (1920, 1080)),  # HDV
        ((96, 64), Fraction(16, 11), (144, 66)),
    ],
)
def test_the_shown_size_has_exactly_the_shape(size, aspect, shown):
    assert shown_size(size, aspect) == shown
    assert Fraction(*shown) == aspect * Fraction(*size)


def part(name, contents):
    """An element of a Matroska file; the size in one byte, or in eight."""
    size = bytes([0x80 | len(contents)])
    if len(contents) > 126:
        size = (1 << 56 | len(contents)).to_bytes(8)
    return bytes.fromhex(name) + size + contents


def track(number, name):
    sides = part("b0", b"\x60") + part("ba", b"\x40")
    video = part("e0", sides + part("54b2", b"\x04"))
    return part("ae", part("d7", bytes([number])) + video + part("536e", name.encode()))


def matroska(*entries):
    inside = b"".join(entries)
    check = b"\xbf\x84" + zlib.crc32(inside).to_bytes(4, "little")
    tracks = part("1654ae6b", check + inside)
    inside = tracks + part("1f43b675", b"frames")
    return part("1a45dfa3", b"") + part("18538067", inside)


def test_a_tracks_entry_keeps_its_length_and_has_its_checksum(tmp_path):
    file = tmp_path / "a.mkv"
    before = matroska(track(1, "other"), track(2, f"a tape{ROOM}"))
    file.write_bytes(before)
    assert write_aspect(file, 1, (96, 64), Fraction(16, 11))
    after = file.read_bytes()
    assert len(after) == len(before) and after.endswith(b"frames")
    assert track(1, "other") in after  # untouched
    entry = after[after.index(track(1, "other")) + len(track(1, "other")) :]
    assert bytes.fromhex("54b084") + (144).to_bytes(4) in entry
    assert bytes.fromhex("54ba84") + (66).to_bytes(4) in entry
    assert bytes.fromhex("54b2") not in entry and ROOM.encode() not in entry
    assert bytes.fromhex("536e86") + b"a tape" in entry
    place = after.index(b"\xbf\x84") + 2
    check = after[place : place + 4]
    tracks = after[place + 4 : after.index(bytes.fromhex("1f43b675"))]
    assert check == zlib.crc32(tracks).to_bytes(4, "little")


@pytest.mark.parametrize(
    "data",
    [
        matroska(track(1, ROOM)),  # there is no second track
        matroska(track(1, ""), track(2, "no room")),
        matroska(track(2, ROOM))[:60],
        b"RIFF\x04\x00\x00\x00AVI ",
        b"\x00\x00\x00\x18ftypisom",
        b"",
    ],
)
def test_other_files_stay_as_they_are(tmp_path, data):
    file = tmp_path / "a"
    file.write_bytes(data)
    assert not write_aspect(file, 1, (96, 64), Fraction(16, 11))
    assert file.read_bytes() == data
