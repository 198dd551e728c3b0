"""Texts that were read: hand cases and properties."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deblurgan_tf.metrics.texts import character_error_rate, exact_match


@pytest.mark.parametrize(
    ("read", "text", "edits"),
    [
        ("ABC123", "ABC123", 0),
        ("", "ABC123", 6),
        ("KITTEN", "SITTING", 3),
        ("SATURDAY", "SUNDAY", 3),
        ("8BC123", "ABC123", 1),
        ("BC123", "ABC123", 1),
        ("AABC123", "ABC123", 1),
        ("XXXXXXXX", "AB", 8),
        ("BA", "AB", 2),
    ],
)
def test_the_character_error_rate_counts_edits(read, text, edits):
    assert character_error_rate(read, text) == pytest.approx(edits / len(text))
    assert exact_match(read, text) == (edits == 0)


@given(st.text("AB1", max_size=6), st.text("AB1", min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_edits_are_at_least_the_difference_in_length_and_at_most_the_longer(one, two):
    edits = character_error_rate(one, two) * len(two)
    assert abs(len(one) - len(two)) - 1e-9 <= edits <= max(len(one), len(two)) + 1e-9
    assert (edits == 0) == (one == two)
    if one:
        assert edits == pytest.approx(character_error_rate(two, one) * len(one))


def test_an_empty_text_has_no_error_rate():
    with pytest.raises(ValueError, match="empty text"):
        character_error_rate("ABC", "")
