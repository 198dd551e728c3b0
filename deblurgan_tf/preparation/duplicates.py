"""Pictures that occur twice: in one set, or on both sides of a split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deblurgan_tf.data.holdout import hold_out
from deblurgan_tf.preparation.data_check import Facts, Part, Problem
from deblurgan_tf.preparation.fingerprints import Near, near_across, near_earlier


def leaks(validation: Sequence[Facts], training: Sequence[Facts]) -> list[Problem]:
    """Validation pictures that equal, or look like, a training picture."""
    same = {facts.digest: facts.label for facts in training}
    found = [
        Problem("leak", facts.label, f"has the same bytes as {same[facts.digest]}")
        for facts in validation
        if facts.digest in same
    ]
    for near in near_across(_hashes(validation), _hashes(training)):
        facts = validation[near.item]
        if facts.digest not in same:
            other = training[near.other].label
            found.append(
                Problem("near leak", facts.label, f"looks like {other}, {_bits(near)}")
            )
    return found


def split_leaks(part: Part, count: int) -> list[Problem]:
    """Leaks of the split that a training with `data.validation: count` will make."""
    facts = part.readable()
    if not 0 < count < len(facts):
        return []
    # A training leaves out what cannot be read before it chooses.
    held_out = hold_out((each.name for each in facts), count)
    return leaks(
        [each for each in facts if each.name in held_out],
        [each for each in facts if each.name not in held_out],
    )


def duplicates(facts: Sequence[Facts]) -> list[Problem]:
    """Pictures that equal, or look like, an earlier one of the same set."""
    first: dict[bytes, Facts] = {}
    single = []
    found = []
    for each in facts:
        other = first.setdefault(each.digest, each)
        if other is each:
            single.append(each)
        else:
            text = f"has the same bytes as {other.label}"
            found.append(Problem("duplicate", each.label, text))
    for near in near_earlier(_hashes(single)):
        text = f"looks like {single[near.other].label}, {_bits(near)}"
        found.append(Problem("near duplicate", single[near.item].label, text))
    return found


def _hashes(facts: Sequence[Facts]) -> np.ndarray:
    return np.array([each.hash for each in facts], np.uint64).reshape(-1, 4)


def _bits(near: Near) -> str:
    return f"{near.bits} of 256 bits differ"
