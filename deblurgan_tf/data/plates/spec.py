"""How a number plate is described before it is drawn: its text, layout and look.

Formats are written in a small language: `@` is a random letter, `#` a random digit, and
everything else stands for itself. In a row of a plate, letters and digits are its text;
`-`, `.` and `·` are separators that are drawn, a space is a gap, and `*` is an emblem
(seals, stickers, a small picture). So the text of a plate is always what is drawn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

Color = tuple[int, int, int]
Box = tuple[float, float, float, float]
T = TypeVar("T")

WHITE: Color = (236, 237, 234)
BLACK: Color = (26, 26, 30)
RED: Color = (178, 32, 38)
BLUE: Color = (24, 62, 150)
YELLOW: Color = (243, 196, 34)
GREEN: Color = (20, 92, 62)
EU_BLUE: Color = (18, 60, 158)

# Without the letters that plates avoid because they look like digits.
PLAIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


@dataclass(frozen=True)
class State:
    """The printed look of an American state's plate.

    Attributes:
        name: of the state, in lower case with underscores.
        title, title_font, title_color: what is printed at the top.
        paper, ink: colours of the plate and of its glyphs.
        formats: alternatives for the text; `pattern`: a regular expression of them.
        slogan: what is printed at the bottom, or empty.
        scene: the printed picture, see `print.draw_scene`; `tint`: its colour.
        emblem: what `*` in a format shows.
    """

    name: str
    title: str
    title_font: str
    title_color: Color
    paper: Color
    ink: Color
    formats: tuple[str, ...]
    pattern: str
    slogan: str = ""
    scene: str = "plain"
    tint: Color = (150, 196, 226)
    emblem: str = "dot"


@dataclass(frozen=True)
class Plate:
    """One plate, ready to be drawn.

    Attributes:
        layout: the name of its layout, a key of `LAYOUTS`.
        rows: one or two rows in the language of this module, top to bottom.
        aspect: width / height of the plate.
        paper, ink: colours of the plate and of its glyphs, RGB 0-255.
        font: a key of `glyphs.FONTS`; `weight`: how much thicker the strokes are, in
            hundredths of the capitals' height; `pitch`: 0 gives each glyph its own
            width, 1 gives all of them the same.
        box: where the rows are, (left, top, right, bottom) as fractions of the plate.
        border: colour of the raised rim line, or None.
        band: letters on a coloured strip at the left (a country code), or None.
        band_color: colour of that strip; `stars`: a ring of stars above the letters;
            `right_band`: letters on a second strip at the right, empty for a bare
            strip, or None.
        emblem: what `*` shows: "seals", "stickers", "shield", "disc", "bars" or "dot".
        stripe: colour of thin lines along the top and bottom edges, or None.
        bolts: the bolts' centres as fractions of the plate.
        state: the printed decoration of an American plate, or None.
        radius: corner radius as a fraction of the height.
    """

    layout: str
    rows: tuple[str, ...]
    aspect: float
    paper: Color
    ink: Color
    font: str
    weight: int = 0
    pitch: float = 0.7
    box: Box = (0.05, 0.14, 0.95, 0.86)
    border: Color | None = None
    band: str | None = None
    band_color: Color = EU_BLUE
    stars: bool = True
    right_band: str | None = None
    emblem: str = "seals"
    stripe: Color | None = None
    bolts: tuple[tuple[float, float], ...] = ()
    state: State | None = None
    radius: float = 0.07

    @property
    def text(self) -> str:
        """The plate as read: A-Z and 0-9, rows from top to bottom."""
        return "".join(c for row in self.rows for c in row if c.isalnum())


@dataclass(frozen=True)
class Layout:
    """A kind of plate.

    `pattern` matches the whole text of every plate that `make` chooses at random,
    `aspect` is its usual width / height, `share` how often it comes within `family`.
    """

    name: str
    family: str
    pattern: str
    aspect: float
    make: Callable[[np.random.Generator], Plate] = field(repr=False)
    share: float = 1.0


def fill(rng: np.random.Generator, form: str, letters: str = PLAIN_LETTERS) -> str:
    """`form` with every `@` replaced by one of `letters` and every `#` by a digit."""
    out = []
    for c in form:
        if c == "@":
            c = letters[rng.integers(len(letters))]
        elif c == "#":
            c = str(rng.integers(10))
        out.append(c)
    return "".join(out)


def pattern(forms: Sequence[str], letters: str = PLAIN_LETTERS) -> str:
    """Regular expression of the texts that `fill` makes of `forms`.

    `{}` in a form stays, for the caller to replace.
    """
    kinds = {"@": f"[{letters}]", "#": "[0-9]"}
    return "|".join(
        "".join(kinds.get(c, c if c.isalnum() or c in "{}" else "") for c in form)
        for form in forms
    )


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """One of `items`, all equally likely."""
    return items[int(rng.integers(len(items)))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with this probability, 0 to 1."""
    return bool(rng.random() < probability)
