"""Number plates of Europe: formats, districts and colours of twenty countries."""

import functools
from dataclasses import dataclass

import numpy as np

from deblurgan_tf.data.plates.spec import (
    BLACK,
    GREEN,
    PLAIN_LETTERS,
    RED,
    WHITE,
    YELLOW,
    Color,
    Layout,
    Plate,
    chance,
    fill,
    pattern,
    pick,
)


@dataclass(frozen=True)
class Country:
    """A European country's plates: formats, colours and fonts.

    `formats` and `two_line` are alternatives in the language of `spec`; `{}` in them
    stands for one of `districts`. A two-line format has a `/` where the line breaks.
    """

    code: str
    formats: tuple[str, ...]
    two_line: tuple[str, ...] = ()
    districts: str = ""
    letters: str = PLAIN_LETTERS
    fonts: tuple[tuple[str, int, float], ...] = (("highway_c", 3, 0.6), ("din", 0, 0.5))
    colors: tuple[tuple[Color, Color], ...] = ((WHITE, BLACK),)
    right_band: tuple[str, ...] = ()
    emblem: str = "seals"
    stars: bool = True
    old: float = 0.0  # share of the plates without the blue strip
    stripe: Color | None = None
    border: bool = True


_WIDE = (("highway_d", 2, 0.8), ("routed", 6, 0.8), ("highway_c", 3, 0.8))
_HEAVY = (("bebas", 0, 0.6), ("bebas", 2, 0.5), ("highway_d", 4, 0.6))

COUNTRIES: dict[str, Country] = {
    "germany": Country(
        "D", ("{}*@@ ####", "{}*@ ####", "{}*@@ ###", "{}*@ ###", "{}*@@ ##"),
        ("{}*/@@ ####", "{}*/@ ###"),
        "B M K F S HH HB DA KA WI MZ FR N L DD BO DO KS RO TS EBE MTK OHZ ERH",
        fonts=(*_WIDE, ("din", 0, 0.6)),
    ),
    "france": Country(
        "F", ("@@-###-@@",), ("@@-###/@@",), letters="ABCDEFGHJKLMNPQRSTVWXYZ",
        right_band=("75", "13", "69", "33", "59", "31", "06", "44", "67", "92"),
    ),
    "italy": Country(
        "I", ("@@ ###@@",), ("@@/###@@",), letters="ABCDEFGHJKLMNPRSTVWXYZ",
        right_band=("", "RM", "MI", "TO", "NA", "BO"),
    ),
    "netherlands": Country(
        "NL", ("@@-###-@", "@-###-@@", "##-@@@-#", "##-@@-@@", "#-@@@-##", "@@-@@-##"),
        ("@@-##/#-@", "##-@@/@-#"), letters="BDFGHJKLNPRSTVXZ",
        colors=((YELLOW, BLACK),), fonts=(("highway_c", 3, 0.8), ("din", 0, 0.7)),
    ),
    "spain": Country("E", ("#### @@@",), ("####/@@@",), letters="BCDFGHJKLMNPRSTVWXYZ"),
    "britain": Country(
        "GB", ("@@## @@@",), ("@@##/@@@",), fonts=_HEAVY,
        colors=((WHITE, BLACK), ((248, 206, 20), BLACK)), old=0.4, border=False,
    ),
    "poland": Country(
        "PL", ("{} #####", "{} ####@", "{} ###@@"), ("{}/#####",),
        "WA WB KR PO GD SZ LU SC SK ZS WPI KNT GWE DWR", fonts=_WIDE,
        emblem="dot",
    ),
    "slovakia": Country(
        "SK", ("{}*###@@", "{}-###@@"), ("{}/###@@",), "BA KE RK BB LM PO TT NR ZA BY",
        emblem="shield", stars=False, old=0.5, fonts=_WIDE,
    ),
    "czechia": Country(
        "CZ", ("#{}#*####", "#{}#*####"), ("#{}#/####",), "A B C E H J K L M P S T U Z",
        emblem="stickers", old=0.3, fonts=_WIDE,
    ),
    "austria": Country(
        "A", ("{}*#####@", "{}*###@@", "{}*##@@"), ("{}*/###@@",),
        "W G L S I K GU LL KU BR VB", emblem="shield", stripe=RED,
    ),
    "belgium": Country(
        "B", ("#-@@@-###",), ("#-@@@/###",), colors=((WHITE, (150, 26, 38)),),
    ),
    "sweden": Country("S", ("@@@ ###", "@@@ ##@"), ("@@@/###",)),
    "norway": Country(
        "N", ("@@ #####",), ("@@/#####",), colors=((WHITE, BLACK), (GREEN, WHITE)),
        stars=False, old=0.2, fonts=_WIDE,
    ),
    "portugal": Country("P", ("@@-##-@@", "##-@@-##", "##-##-@@"), ("@@-##/@@",)),
    "switzerland": Country(
        "CH", ("{}·######", "{}·#####"), ("{}/######",), "ZH BE LU SG AG VD GE TI BS",
        emblem="shield", old=1.0,
    ),
    "hungary": Country("H", ("@@@-###", "@@ @@-###"), ("@@@/###",), emblem="shield"),
    "luxembourg": Country("L", ("@@####",), ("@@/####",), colors=((YELLOW, BLACK),)),
    "ireland": Country("IRL", ("##1-D-#####", "##2-C-####", "##1-G-###")),
    "denmark": Country("DK", ("@@ ## ###",), ("@@ ##/###",), border=False, stripe=RED),
    "finland": Country("FIN", ("@@@-###",), ("@@@/###",)),
}  # fmt: skip


def _europe(
    rng: np.random.Generator, name: str, country: Country, two_line: bool
) -> Plate:
    form = pick(rng, country.two_line if two_line else country.formats)
    if "{}" in form:
        form = form.replace("{}", pick(rng, country.districts.split()))
    rows = tuple(fill(rng, form, country.letters).split("/"))
    font, weight, pitch = pick(rng, country.fonts)
    paper, ink = pick(rng, country.colors)
    band = None if chance(rng, country.old) else country.code
    right = None
    if country.right_band and band and not two_line:
        right = pick(rng, country.right_band)
    left, side = (0.1, 0.975) if band else (0.035, 0.965)
    if two_line:
        left, side = (0.16, 0.95) if band else (0.07, 0.93)
    return Plate(
        f"{name}_two_line" if two_line else name,
        rows,
        aspect=1.42 if two_line else 4.7,
        paper=paper,
        ink=ink,
        font=font,
        weight=weight + int(rng.integers(2)),
        pitch=pitch,
        box=(
            left,
            0.09 if two_line else 0.16,
            side - (0.065 if right is not None else 0),
            0.91 if two_line else 0.84,
        ),
        border=ink if country.border and chance(rng, 0.8) else None,
        band=band,
        stars=country.stars,
        right_band=right,
        emblem=country.emblem,
        stripe=country.stripe,
        bolts=((0.13, 0.5), (0.96, 0.5)) if chance(rng, 0.12) and not two_line else (),
        radius=0.08 if two_line else 0.1,
    )


def _layouts(name: str, country: Country) -> list[Layout]:
    """The one-line layout of a country and, where it has one, the two-line layout."""
    kinds = [(name, False, country.formats, 4.7, 1.0)]
    if country.two_line:
        kinds.append((f"{name}_two_line", True, country.two_line, 1.42, 0.35))
    districts = f"(?:{'|'.join(country.districts.split())})"
    return [
        Layout(
            key,
            "europe",
            pattern(forms, country.letters).replace("{}", districts),
            aspect,
            functools.partial(_europe, name=name, country=country, two_line=two_line),
            share,
        )
        for key, two_line, forms, aspect, share in kinds
    ]


LAYOUTS: tuple[Layout, ...] = tuple(
    layout for name, country in COUNTRIES.items() for layout in _layouts(name, country)
)
