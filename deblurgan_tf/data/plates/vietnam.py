"""Number plates of Vietnam: private, business, state and military."""

from dataclasses import replace
from typing import Any

import numpy as np

from deblurgan_tf.data.plates.spec import (
    BLACK,
    BLUE,
    WHITE,
    YELLOW,
    Layout,
    Plate,
    chance,
    fill,
    pick,
)

_PROVINCES = [
    str(n) for n in range(11, 100) if n not in (10, 13, 42, 44, 45, 46, 53, 54, 87, 91)
]
_LETTERS = "ABCDEFGHKLMNPSTUVXYZ"
_FONTS = [("din", 0), ("highway_c", 3), ("din", 1), ("highway_c", 1), ("bebas", -3)]
_SIDE_BOLTS = ((0.03, 0.5), (0.97, 0.5))


def _colors(rng: np.random.Generator) -> dict[str, Any]:
    """Colours: private plates are white, business yellow, state blue."""
    kind = rng.random()
    if kind < 0.68:
        return {"paper": WHITE, "ink": BLACK, "border": BLACK}
    if kind < 0.87:
        return {"paper": YELLOW, "ink": BLACK, "border": BLACK}
    return {"paper": BLUE, "ink": WHITE, "border": WHITE}


def _font(rng: np.random.Generator) -> dict[str, Any]:
    font, weight = pick(rng, _FONTS)
    return {"font": font, "weight": weight + int(rng.integers(3)), "pitch": 0.8}


def _car(rng: np.random.Generator) -> Plate:
    head = pick(rng, _PROVINCES) + fill(rng, "@", _LETTERS)
    tail = fill(rng, "-###.##" if chance(rng, 0.85) else "-####")
    return Plate(
        "vietnam_car",
        (head + tail,),
        aspect=4.5,
        box=(0.045, 0.15, 0.955, 0.85),
        bolts=((0.3, 0.09), (0.7, 0.09)) if chance(rng, 0.4) else (),
        **_colors(rng),
        **_font(rng),
    )


def _car_two_line(rng: np.random.Generator) -> Plate:
    top = pick(rng, _PROVINCES) + fill(rng, "@", _LETTERS)
    bottom = fill(rng, "###.##" if chance(rng, 0.85) else "####")
    return Plate(
        "vietnam_car_two_line",
        (top, bottom),
        aspect=2.0,
        box=(0.08, 0.07, 0.92, 0.93),
        bolts=((0.12, 0.3), (0.88, 0.3)) if chance(rng, 0.5) else (),
        **_colors(rng),
        **_font(rng),
    )


def _motorbike(rng: np.random.Generator) -> Plate:
    series = fill(rng, "@#", _LETTERS) if chance(rng, 0.8) else None
    series = series or fill(rng, "@@", "ABCDEFGHKLM")
    top = f"{pick(rng, _PROVINCES)}-{series}"
    bottom = fill(rng, "###.##" if chance(rng, 0.8) else "####")
    return Plate(
        "vietnam_motorbike",
        (top, bottom),
        aspect=1.36,
        box=(0.07, 0.07, 0.93, 0.93),
        bolts=_SIDE_BOLTS if chance(rng, 0.6) else ((0.25, 0.05), (0.75, 0.05)),
        **_colors(rng),
        **_font(rng),
    )


_UNITS = [
    "AA", "AT", "BB", "BH", "BT", "HB", "KA", "KB", "KC", "KD", "KP", "KT", "KV",
    "PA", "PB", "PK", "PX", "QA", "QB", "QH", "TC", "TH", "TK", "TM", "TT",
]  # fmt: skip


def _military(rng: np.random.Generator) -> Plate:
    rows: tuple[str, ...] = (fill(rng, pick(rng, _UNITS) + "-##-##"),)
    aspect, box = 4.5, (0.05, 0.15, 0.95, 0.85)
    return Plate(
        "vietnam_military",
        rows,
        aspect=aspect,
        paper=(172, 26, 34),
        ink=WHITE,
        border=WHITE,
        box=box,
        **_font(rng),
    )


def _military_two_line(rng: np.random.Generator) -> Plate:
    plate = _military(rng)
    unit, numbers = plate.rows[0].split("-", 1)
    return replace(
        plate,
        layout="vietnam_military_two_line",
        rows=(unit, numbers),
        aspect=1.4,
        box=(0.08, 0.08, 0.92, 0.92),
    )


_LETTER = f"[{_LETTERS}]"
_UNIT = f"(?:{'|'.join(_UNITS)})[0-9]{{4}}"
_CAR = rf"[1-9][0-9]{_LETTER}[0-9]{{4,5}}"
_BIKE = rf"[1-9][0-9]{_LETTER}[0-9A-M][0-9]{{4,5}}"

LAYOUTS: tuple[Layout, ...] = (
    Layout("vietnam_car", "vietnam", _CAR, 4.5, _car, 0.4),
    Layout("vietnam_car_two_line", "vietnam", _CAR, 2.0, _car_two_line, 0.22),
    Layout("vietnam_motorbike", "vietnam", _BIKE, 1.36, _motorbike, 0.3),
    Layout("vietnam_military", "vietnam", _UNIT, 4.5, _military, 0.05),
    Layout(
        "vietnam_military_two_line", "vietnam", _UNIT, 1.4, _military_two_line, 0.03
    ),
)
