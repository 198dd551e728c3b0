"""How well a text was read: exact match and character error rate."""

from __future__ import annotations


def exact_match(read: str, text: str) -> float:
    """1 where a plate was read without an error, else 0.

    Both are capitals and digits alone (`plates.plate_text`), here and below.
    """
    return float(read == text)


def character_error_rate(read: str, text: str) -> float:
    """Characters to insert, delete or replace in what was read, over those of the text.

    Levenshtein 1966; above 1 where more is read than is there.
    Raises ValueError for an empty text.
    """
    if not text:
        raise ValueError("an empty text has no character error rate")
    distances = list(range(len(read) + 1))
    for row, wanted in enumerate(text, start=1):
        diagonal, distances[0] = distances[0], row
        for column, got in enumerate(read, start=1):
            replaced = diagonal + (wanted != got)
            diagonal = distances[column]
            distances[column] = min(
                replaced, distances[column] + 1, distances[column - 1] + 1
            )
    return distances[-1] / len(text)
