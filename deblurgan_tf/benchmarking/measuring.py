"""Time, rate and memory of several works."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from deblurgan_tf.benchmarking import memory, multiplications
from deblurgan_tf.benchmarking.reports import Row
from deblurgan_tf.benchmarking.timing import Work, seconds_of


class Case(NamedTuple):
    """A work to measure.

    name: unique. pictures: that one run works on. multiplications: of one run; None if
    they are not counted. precision: float32, bfloat16 or mixed_bfloat16; it decides
    which matrix product the rate is compared with.
    """

    name: str
    work: Work
    pictures: int
    multiplications: int | None = None
    precision: str = "float32"

    @property
    def kind(self) -> str:
        """The type of the products: float32 or bfloat16."""
        return "bfloat16" if "bfloat16" in self.precision else "float32"


def measure(cases: Sequence[Case], rounds: int) -> list[Row]:
    """Runs the cases alternately, and with them large matrix products for comparison.

    There is one product for each type whose multiplications are counted. Memory is
    measured last, in a run of its own. Returns the products' rows, then the cases'.
    """
    kinds = {case.kind for case in cases if case.multiplications is not None}
    products = {
        kind: multiplications.product(tf.dtypes.as_dtype(kind))
        for kind in sorted(kinds, reverse=True)
    }
    titles = {kind: f"matrix product {kind}" for kind in products}
    works = {titles[kind]: work for kind, (work, _) in products.items()}
    seconds = seconds_of(works | {case.name: case.work for case in cases}, rounds)
    rows, rates = [], {}
    for kind, (_, count) in products.items():
        times = seconds[titles[kind]]
        rates[kind] = count / statistics.median(times)
        rows.append(Row(titles[kind], times, None, count, rates[kind]))
    for case in cases:
        rows.append(
            Row(
                case.name,
                seconds[case.name],
                case.pictures,
                case.multiplications,
                rates.get(case.kind),
                memory.peak(case.work),
            )
        )
    return rows
