"""What counts of a plate's text, and what may be one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deblurgan_tf.plates.texts import plate_like, plate_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rk 755·aj", "RK755AJ"),
        ("29-H1 123.45", "29H112345"),
        ("lö-ab 123", "LÖAB123"),
        ("LO\u0308 AB 123", "L\u00d6AB123"),  # two code points
        ("ČĆŠŽĐ Ø1", "ČĆŠŽĐØ1"),
        ("川A·12345", "川A12345"),
        ("กข 1234", "กข1234"),
        ("ЖЯ 123", "ЖЯ123"),
        ("ß²\uff21①1", "SS2A11"),
        ("½ ⑴", "121"),
        ("A\u00b41", "A1"),  # a mark of its own belongs to no letter
        ("· -", ""),
        ("", ""),
    ],
)
def test_what_counts_of_a_text(text, expected):
    assert plate_text(text) == expected


@given(st.text(max_size=12))
def test_the_rule_changes_nothing_twice(text):
    assert plate_text(plate_text(text)) == plate_text(text)


def test_another_mark_is_another_plate():
    assert plate_text("LÖ 1") != plate_text("LO 1") != plate_text("LŐ 1")


def test_what_may_be_a_plate():
    assert all(map(plate_like, ("RK755AJ", "M5X", "29H112345", "1234567890", "Ö12")))
    assert not any(map(plate_like, ("", "TAXI", "A1", "12345678901", "AUTOHAUS")))
