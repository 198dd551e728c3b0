"""Time, rate and memory of several works."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import tensorflow as tf

from deblurgan_tf.benchmarking import memory, multiplications
from deblurgan_tf.benchmarking.reports import Row
from deblurgan_tf.benchmarking.turns import Work, in_turn


def measure(
    works: dict[str, Work],
    rows: Sequence[tuple[str, int, int | None, str]],
    rounds: int,
) -> list[Row]:
    """Runs the works in turn, and with them the products that rates are set against.

    rows: (name, pictures, multiplications, precision) of each work. Memory is measured
    last, in a run of its own.
    """
    kinds = {row[0]: "bfloat16" if "bfloat16" in row[3] else "float32" for row in rows}
    counted = [row[0] for row in rows if row[2] is not None]
    products = {
        kind: multiplications.product(tf.dtypes.as_dtype(kind))
        for kind in sorted({kinds[name] for name in counted}, reverse=True)
    }
    titles = {kind: f"matrix product {kind}" for kind in products}
    named = {titles[kind]: work for kind, (work, _) in products.items()} | works
    seconds = in_turn(named, rounds)
    measured, rates = [], {}
    for kind, (_, count) in products.items():
        times = seconds[titles[kind]]
        rates[kind] = count / statistics.median(times)
        measured.append(Row(titles[kind], times, None, count, rates[kind]))
    for name, pictures, multiplied, _ in rows:
        peak = memory.peak(works[name])
        rate = rates.get(kinds[name])
        measured.append(Row(name, seconds[name], pictures, multiplied, rate, peak))
    return measured
