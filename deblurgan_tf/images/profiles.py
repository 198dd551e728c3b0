"""Colour profiles for pictures that say in another way what their numbers mean.

PNG has chunks of its own, AVIF and HEIC have code points (ITU-T H.273). Other formats
know colour profiles (ICC) alone, so an equivalent one is made: three primaries and one
curve. What is meant for screens of high dynamic range has no such profile.
"""

from __future__ import annotations

import struct

import numpy as np

from deblurgan_tf.errors import PictureError

Chunks = tuple[tuple[bytes, bytes], ...]

_SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # white, red, green, blue
# H.273's numbers of primaries; 2 is "unspecified".
_PRIMARIES = {
    1: _SRGB,
    2: _SRGB,
    5: (0.3127, 0.3290, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (0.3127, 0.3290, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
# Curves as ICC's parameters: y = x^g, or (a x + b)^g above d and c x below.
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_FILM_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES: dict[int, tuple[float, ...]] = {
    1: _SRGB_CURVE,  # BT.709: shown as sRGB by every program
    2: _SRGB_CURVE,
    4: (2.2,),
    5: (2.8,),
    6: _SRGB_CURVE,  # the same, by another name
    8: (1.0,),
    13: _SRGB_CURVE,
    14: _FILM_CURVE,
    15: _FILM_CURVE,
}
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def of_png(chunks: Chunks, icc: bytes | None, *, grey: bool) -> bytes | None:
    """The profile that says what a PNG's chunks (name, body) and its profile say.

    None stands for sRGB. Raises PictureError where no profile can say it.
    """
    known = dict(chunks)
    if b"cICP" in known:
        primaries, transfer, matrix, full = known[b"cICP"]
        if matrix != 0 or full != 1:
            raise PictureError("a cICP chunk other than full-range RGB")
        return of_code_points(primaries, transfer, grey=grey)
    if icc is not None or b"sRGB" in known:
        return icc
    sides: tuple[float, ...] = _SRGB
    curve: tuple[float, ...] = _SRGB_CURVE
    if b"cHRM" in known:
        sides = tuple(x / 100_000 for x in struct.unpack(">8I", known[b"cHRM"]))
    if b"gAMA" in known:
        (gamma,) = struct.unpack(">I", known[b"gAMA"])
        # 1 / 2.2 is how programs without the word sRGB have written sRGB.
        curve = _SRGB_CURVE if gamma == 45455 else (100_000 / max(gamma, 1),)
    return _profile(sides, curve, grey=grey)


def of_code_points(primaries: int, transfer: int, *, grey: bool) -> bytes | None:
    """The profile of H.273's numbers of primaries and transfer; None for sRGB.

    Raises PictureError for numbers without one, such as those of high dynamic range.
    """
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        raise PictureError(
            f"colours of code points {primaries}/{transfer}, which no profile describes"
        )
    return _profile(_PRIMARIES[primaries], _CURVES[transfer], grey=grey)


def _profile(
    sides: tuple[float, ...], curve: tuple[float, ...], *, grey: bool
) -> bytes | None:
    if curve == _SRGB_CURVE and np.allclose(sides, _SRGB, atol=0.001):
        return None
    matrix, adaption = _colorants(sides)
    kind = 0 if len(curve) == 1 else 3
    bend = struct.pack(">4sIHH", b"para", 0, kind, 0) + _fixed(curve)
    tags = {
        b"desc": _text("equivalent of the picture's colour description"),
        b"cprt": _text("no copyright"),
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(_D50),
        b"chad": b"sf32\0\0\0\0" + _fixed(adaption.ravel()),
    }
    if grey:
        tags[b"kTRC"] = bend
    else:
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True):
            tags[name] = b"XYZ \0\0\0\0" + _fixed(column)
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), bend)
    return _packed(tags, b"GRAY" if grey else b"RGB ")


def _colorants(sides: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """XYZ of red, green and blue (columns) under D50, and the adaption (3, 3) to it."""
    white, *corners = (
        np.array([x / y, 1, (1 - x - y) / y])
        for x, y in zip(sides[::2], sides[1::2], strict=True)
    )
    columns = np.stack(corners, axis=1)
    columns = columns * np.linalg.solve(columns, white)
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adaption = np.linalg.solve(_BRADFORD, gains[:, None] * _BRADFORD)
    return adaption @ columns, adaption


def _packed(tags: dict[bytes, bytes], space: bytes) -> bytes:
    start = 128 + 4 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        table += struct.pack(">4sII", name, start + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    head = struct.pack(">I4xI", start + len(bodies), 0x04300000)
    head += b"mntr" + space + b"XYZ " + struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    head = (head + b"acsp").ljust(68, b"\0") + _fixed(_D50)
    return head.ljust(128, b"\0") + table + bodies


def _text(words: str) -> bytes:
    body = words.encode("utf-16-be")
    head = struct.pack(">4sIII", b"mluc", 0, 1, 12)
    return head + b"enUS" + struct.pack(">II", len(body), 28) + body


def _fixed(values: object) -> bytes:
    numbers = [round(float(x) * 65536) for x in np.ravel(np.asarray(values))]
    return struct.pack(f">{len(numbers)}i", *numbers)
