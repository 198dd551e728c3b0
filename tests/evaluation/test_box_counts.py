"""Which boxes are found: hand cases and properties."""

import math

import numpy as np
import pytest

from deblurgan_tf.evaluation.detection import matched, rates
from deblurgan_tf.plates.boxes import Box


def precision_recall_f1(found, given):
    return rates(matched(found, given), len(found), len(given))


def test_boxes_are_the_same_place_from_half_an_overlap_on():
    given_box = Box(0, 0, 10, 10)
    assert matched([Box(0, 0, 10, 5)], [given_box]) == 1  # IoU exactly 0.5
    assert matched([Box(0, 0, 10, 4)], [given_box]) == 0


def test_each_box_counts_once():
    given_box = Box(0, 0, 10, 10)
    twice = [given_box, Box(0, 0, 10, 9)]
    assert matched(twice, [given_box]) == 1
    assert precision_recall_f1(twice, [given_box]) == pytest.approx((0.5, 1, 2 / 3))


def test_the_largest_number_of_pairs_is_found_in_any_order():
    # The first box fits both given ones and better the one that the second needs.
    first, second = Box(0, 0, 10, 10), Box(0, 0, 10, 6)
    one, two = Box(0, 0, 10, 9), Box(0, 0, 10, 14)
    assert matched([second], [two]) == 0 and matched([first], [two]) == 1
    for found in ([first, second], [second, first]):
        for there in ([one, two], [two, one]):
            assert matched(found, there) == 2


def test_precision_recall_and_f1_by_hand():
    there = [Box(0, 0, 10, 10), Box(100, 0, 10, 10), Box(200, 0, 10, 10)]
    found = [Box(1, 0, 10, 10), Box(300, 0, 10, 10)]
    assert precision_recall_f1(found, there) == pytest.approx((1 / 2, 1 / 3, 2 / 5))


def test_shares_of_nothing_are_not_numbers():
    box = [Box(0, 0, 10, 10)]
    assert np.isnan(precision_recall_f1([], [])).all()
    precision, recall, f1 = precision_recall_f1([], box)
    assert math.isnan(precision) and recall == 0 and f1 == 0
    precision, recall, f1 = precision_recall_f1(box, [])
    assert precision == 0 and math.isnan(recall) and f1 == 0
