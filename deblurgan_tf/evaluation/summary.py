"""The scores of many pictures in a few numbers: means, medians, intervals, wins.

`scores` is always {method: {picture: {metric: value}}}. What was not measured is
absent. The PSNR of equal pictures is infinite: means, intervals and differences are of
the finite values, with their number, and the infinite ones are counted beside them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from deblurgan_tf.evaluation import detection
from deblurgan_tf.evaluation.names import NAMES
from deblurgan_tf.evaluation.scores import LOWER_IS_BETTER, PROTOCOL

RESAMPLES = 10_000
SEED = 0
BETWEEN = (2.5, 97.5)  # percentiles: an interval of 95 %
RATES = ("precision", "recall", "f1")
COUNTED = tuple(metric for metric in PROTOCOL if metric not in RATES)
"""Metrics with a value for each picture; the others pool the boxes of all."""
COMPARED = ("psnr", "ssim", "shifted_psnr", "exact_match", "cer")
WON = ("psnr", "ssim", "shifted_psnr", "cer")  # few plates differ in exact_match

BOOTSTRAP = (
    f"95 % of the means of {RESAMPLES:,} resamples of the pictures (percentile "
    f"bootstrap, seed {SEED})"
)

Scores = dict[str, dict[str, dict[str, Any]]]
Statistic = Callable[[np.ndarray], np.ndarray]


def summarise(scores: Scores) -> dict[str, dict[str, Any]]:
    """The numbers of each method; None where nothing finite was measured.

    Returns {method: {"n", metric: mean, ..., "finite": {metric: number}, "infinite":
    {metric: number}, "medians", "intervals", "wins", "best", "difference_to_blurred"}}.
    """
    won = wins(scores)
    leaders = {metric: best(scores, metric) for metric in PROTOCOL}
    return {
        method: {
            **{metric: mean(pictures, metric) for metric in PROTOCOL},
            "n": len(pictures),
            "finite": {x: _statistic(pictures, x)[1] for x in PROTOCOL},
            "infinite": {x: int(np.isinf(_values(pictures, x)).sum()) for x in COUNTED},
            "medians": {x: median(pictures, x) for x in COUNTED},
            "intervals": {x: interval(pictures, x) for x in PROTOCOL},
            "wins": won[method],
            "best": [metric for metric in PROTOCOL if method in leaders[metric]],
            "difference_to_blurred": {
                metric: difference(pictures, scores.get("blurred", {}), metric)
                for metric in COMPARED
            },
        }
        for method, pictures in scores.items()
    }


def mean(pictures: dict[str, dict[str, Any]], metric: str) -> float | None:
    """The mean of the finite values; precision, recall and F1 pool all their boxes."""
    statistic, count = _statistic(pictures, metric)
    if count == 0:
        return None
    value = float(statistic(np.arange(count)[None])[0])
    return None if math.isnan(value) else value


def median(pictures: dict[str, dict[str, Any]], metric: str) -> float | None:
    """The median over the pictures that have this metric."""
    found = _values(pictures, metric)
    return float(np.median(found)) if len(found) else None


def interval(
    pictures: dict[str, dict[str, Any]], metric: str
) -> tuple[float, float] | None:
    """A confidence interval of the mean, see BOOTSTRAP.

    None for fewer than two pictures with finite values.
    """
    return _bootstrapped(*_statistic(pictures, metric))


def difference(
    pictures: dict[str, dict[str, Any]],
    others: dict[str, dict[str, Any]],
    metric: str,
) -> dict[str, Any]:
    """The mean of (own value - other value), picture by picture, and its interval.

    Pictures that one of them lacks are left out. Returns {"mean", "interval", "n",
    "infinite"}: n is the number of finite differences, "infinite" those that are not:
    {"own": the own value alone is infinite, "other": the other alone, "both"}.
    """
    pairs = [
        (own[metric], others[name][metric])
        for name, own in pictures.items()
        if metric in own and metric in others.get(name, {})
    ]
    finite = np.array([a - b for a, b in pairs if np.isfinite(a) and np.isfinite(b)])
    without_end = [(bool(np.isinf(a)), bool(np.isinf(b))) for a, b in pairs]
    return {
        "mean": float(finite.mean()) if len(finite) else None,
        "interval": _bootstrapped(_mean_of(finite), len(finite)),
        "n": len(finite),
        "infinite": {
            "own": without_end.count((True, False)),
            "other": without_end.count((False, True)),
            "both": without_end.count((True, True)),
        },
    }


def best(scores: Scores, metric: str) -> set[str]:
    """The methods with the best mean of a metric.

    Infinite values must not decide alone, nor may the means of different pictures: all
    methods are compared without the pictures where one of them is infinite, and of
    equal ones, or where no picture is left, the one with most infinite values is the
    best. Speed has no best: fast is not good by itself. Sharp pictures that were given
    as a method, for reference, do not compete.
    """
    if metric == "seconds_per_megapixel":
        return set()
    rivals = {name: x for name, x in scores.items() if not is_sharp(name, x)}
    without_end = {
        picture
        for pictures in rivals.values()
        for picture, measured in pictures.items()
        if metric in COUNTED and np.isinf(measured.get(metric, 0.0))
    }
    sign = -1 if metric in LOWER_IS_BETTER else 1
    ranks: dict[str, tuple[float, int]] = {}
    for method, pictures in rivals.items():
        kept = {name: x for name, x in pictures.items() if name not in without_end}
        value = mean(kept, metric)
        infinite = int(np.isinf(_values(pictures, metric)).sum())
        if value is not None or infinite:
            ranks[method] = (-math.inf if value is None else sign * value, infinite)
    return {name for name, rank in ranks.items() if rank == max(ranks.values())}


def wins(scores: Scores) -> dict[str, dict[str, int]]:
    """On how many pictures a method is the best: {method: {metric: number}}.

    Equal methods all win, but none wins where all methods are equal. Sharp pictures
    that were given as a method, for reference, do not compete.
    """
    rivals = {name for name, pictures in scores.items() if not is_sharp(name, pictures)}
    names = {name for pictures in scores.values() for name in pictures}
    won = {method: dict.fromkeys(WON, 0) for method in scores}
    for metric in WON:
        sign = -1 if metric in LOWER_IS_BETTER else 1
        for name in names:
            values = {
                method: sign * pictures[name][metric]
                for method, pictures in scores.items()
                if method in rivals and metric in pictures.get(name, {})
            }
            best = max(values.values(), default=0)
            if min(values.values(), default=0) < best:
                for method, value in values.items():
                    won[method][metric] += value == best
    return won


def is_sharp(method: str, pictures: dict[str, dict[str, Any]]) -> bool:
    """Whether these are the sharp pictures, given as a method for reference.

    A method of this package is none, however well it restores.
    """
    if method in NAMES:
        return False
    values = _values(pictures, "psnr")
    return len(values) > 0 and bool(np.isinf(values).all())


def _values(pictures: dict[str, dict[str, Any]], metric: str) -> np.ndarray:
    return np.array([s[metric] for s in pictures.values() if metric in s], np.float64)


def _statistic(
    pictures: dict[str, dict[str, Any]], metric: str
) -> tuple[Statistic, int]:
    """(a function, n): it maps resamples, positions (B, n), to their metric, (B,)."""
    if metric not in RATES:
        values = _values(pictures, metric)
        finite = values[np.isfinite(values)]
        return _mean_of(finite), len(finite)
    counts = np.array(
        [
            [s["boxes_matched"], s["boxes_found"], s["boxes_given"]]
            for s in pictures.values()
            if "boxes_given" in s
        ]
    )

    def rate(positions: np.ndarray) -> np.ndarray:
        sums = counts[positions].sum(axis=1)
        return np.array([detection.rates(*row)[RATES.index(metric)] for row in sums])

    return rate, len(counts)


def _mean_of(values: np.ndarray) -> Statistic:
    return lambda positions: values[positions].mean(axis=1)


def _bootstrapped(statistic: Statistic, count: int) -> tuple[float, float] | None:
    if count < 2:
        return None
    random = np.random.default_rng(SEED)
    # In 20 parts: the positions of a thousand pictures would take 80 MB at once.
    parts = [
        statistic(random.integers(0, count, (RESAMPLES // 20, count)))
        for _ in range(20)
    ]
    values = np.concatenate(parts)
    values = values[~np.isnan(values)]  # rates of resamples without any box
    if not len(values):
        return None
    low, high = np.percentile(values, BETWEEN)
    return float(low), float(high)
