"""How well a text was read: exact match and character error rate."""

from __future__ import annotations


def exact_match(read: str, text: str) -> float:
    """1.0 if the text was read without an error, else 0.0.

    Both are as `plates.texts.plate_text` gives them.
    """
    return float(read == text)


def character_error_rate(read: str, text: str) -> float:
    """Levenshtein distance between what was read and the text, over the text's length.

    The distance is the least number of characters to insert, delete or replace
    (Levenshtein 1966). The rate is above 1 where many more characters were read than
    the text has. Both are as `plates.texts.plate_text` gives them.

    Raises:
        ValueError: `text` is empty.
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
