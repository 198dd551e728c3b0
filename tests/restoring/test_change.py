"""Whether a person sees that a picture was changed."""

from __future__ import annotations

import numpy as np
from helpers.pictures import photo

from deblurgan_tf.restoring.change import LEAST, hardly_changed


def test_small_changes_everywhere_are_none_and_a_small_sharp_part_is_one():
    before = photo(100, 130, 0) // 2
    assert hardly_changed(before, before)
    assert hardly_changed(before, before + np.uint8(LEAST - 1))
    assert not hardly_changed(before, before + np.uint8(LEAST + 1))
    after = before.copy()
    after[30:60, 40:70] += 40  # a plate: 7 % of the picture
    assert np.abs(after.astype(float) - before).mean() < LEAST
    assert not hardly_changed(before, after)


def test_sixteen_bits_count_as_eight():
    before = photo(20, 30, 0).astype(np.uint16) * 128
    for levels in (LEAST - 1, LEAST + 1):
        after = before + np.uint16(levels * 257)
        assert hardly_changed(before, after) == (levels < LEAST)


def test_pictures_of_one_pixel_have_an_answer():
    dot = np.zeros((1, 1, 3), np.uint8)
    assert hardly_changed(dot, dot) and not hardly_changed(dot, dot + np.uint8(9))
