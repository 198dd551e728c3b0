"""The text of a plate as it is written in reports and tables, and compared."""

from __future__ import annotations

import unicodedata

TEXT_LENGTH = (3, 10)  # characters of a plate's text
RULE = (
    "letters and digits of every script, in capitals, marks kept (O and \u00d6 "
    "differ), without spaces, hyphens and other signs; Unicode NFKC"
)
"""The rule of `plate_text`, in words that go with results."""


def plate_text(text: str) -> str:
    """A text as it is compared: its letters and digits of every script, in capitals.

    No letter is dropped or replaced by one that looks alike: a mark makes another plate
    (L\u00d6 and LO are two towns). Equal are, by Unicode's NFKC, a letter and its
    fullwidth, raised or circled form, and a marked letter in one or in two code points;
    small letters and capitals, so that \u00df stands for SS. Spaces, hyphens, dots and
    other signs only part the groups of a plate, and are left out.
    """
    letters = unicodedata.normalize("NFKC", _letters(text)).upper()
    return unicodedata.normalize("NFC", _letters(letters))


def plate_like(text: str) -> bool:
    """Whether a text may be a plate's: by its length and a digit.

    text: as `plate_text` gives it.
    """
    return TEXT_LENGTH[0] <= len(text) <= TEXT_LENGTH[1] and any(
        letter.isdigit() for letter in text
    )


def means_something(text: str) -> bool:
    """Whether a reading may be all of a plate: one letter of it says nothing.

    Unlike `plate_like` it needs no digit: there are plates of letters alone.
    """
    return TEXT_LENGTH[0] <= len(text) <= TEXT_LENGTH[1]


def _letters(text: str) -> str:
    """Letters, numbers, and the marks that belong to them."""
    return "".join(sign for sign in text if unicodedata.category(sign)[0] in "LNM")
