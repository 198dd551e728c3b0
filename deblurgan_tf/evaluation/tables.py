"""results.md: the numbers of results.json as tables for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deblurgan_tf.evaluation.scores import PROTOCOL
from deblurgan_tf.evaluation.summary import COMPARED, RATES, WON
from deblurgan_tf.storage.names import printable

HEADINGS = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "shifted_psnr": "shifted PSNR, dB",
    "exact_match": "exact match",
    "cer": "CER",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "kernel_similarity": "kernel similarity",
    "seconds_per_megapixel": "s/megapixel",
}
# Decimals; all others have 3.
DIGITS = {"psnr": 2, "shifted_psnr": 2, "seconds_per_megapixel": 2}


def markdown(found: dict[str, Any]) -> str:
    """The tables of what `report.combined` returned, then the protocol."""
    methods, protocol = found["methods"], found["protocol"]
    measured = [
        metric
        for metric in PROTOCOL
        if any(
            value.get(metric) is not None
            for method in methods.values()
            for value in method["per_image"].values()
        )
    ]
    compared = [metric for metric in measured if metric in COMPARED]
    won = [metric for metric in measured if metric in WON]

    def mean(method: str, metric: str) -> str:
        numbers = methods[method]
        text = _number(metric, numbers[metric])
        infinite = numbers["infinite"].get(metric, 0)
        text += _between(metric, numbers["intervals"][metric])
        if infinite:
            text = _counted(text, numbers["finite"][metric], {"infinite": infinite})
        if metric in numbers["best"]:
            value, *rest = text.split(" ", 1)
            text = " ".join([f"**{value}**", *rest])
        return text

    def change(method: str, metric: str) -> str:
        numbers = methods[method]["difference_to_blurred"][metric]
        text = _number(metric, numbers["mean"], sign="+")
        text += _between(metric, numbers["interval"], sign="+")
        infinite = numbers["infinite"]
        if not any(infinite.values()):
            return text
        named = {
            "infinitely better": infinite["own"],
            "infinitely worse": infinite["other"],
            "both infinite": infinite["both"],
        }
        return _counted(text, numbers["n"], named)

    def median(method: str, metric: str) -> str:
        numbers = methods[method]
        value = numbers["medians"][metric]
        if value is None and numbers["infinite"][metric]:
            return "infinite"
        return _number(metric, value)

    def wins(method: str, metric: str) -> str:
        return str(methods[method]["wins"][metric])

    parts = [
        f"# {protocol['pictures']} pictures of {protocol['data']}\n",
        "## Means and their 95 % intervals\n",
        _table(methods, measured, mean),
    ]
    others = {name: x for name, x in methods.items() if name != "blurred"}
    if others and "blurred" in methods:
        parts += [
            "## Difference to the blurred picture, picture by picture\n",
            _table(others, compared, change),
        ]
    parts += [
        "## Medians\n",
        _table(methods, [x for x in measured if x not in RATES], median),
        "## Wins: pictures where a method is the best of all\n",
        _table(methods, won, wins),
        "## Protocol\n",
        _lines(protocol),
    ]
    failures = "".join(
        f"- {method}, {failure['file']}: {failure['error']}\n"
        for method, numbers in methods.items()
        for failure in numbers["failed"]
    )
    if failures:
        parts += ["## Failed\n", failures]
    return printable("\n".join(parts))


def _table(
    methods: dict[str, Any], metrics: list[str], cell: Callable[[str, str], str]
) -> str:
    """One row a method, one column a metric; empty: not measured."""
    lines = [
        ["method", "pictures", *(HEADINGS[metric] for metric in metrics)],
        ["---"] * (len(metrics) + 2),
        *(
            [method, str(numbers["n"]), *(cell(method, x) for x in metrics)]
            for method, numbers in methods.items()
        ),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _counted(text: str, finite: int, infinite: dict[str, int]) -> str:
    """A mean, of how many pictures it is, and how many others there are, by kind."""
    others = [f"{count} {kind}" for kind, count in infinite.items() if count]
    return ", ".join([f"{text} of {finite}", *others] if text else others)


def _number(metric: str, value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.{DIGITS.get(metric, 3)}f}"


def _between(metric: str, ends: list[float] | None, sign: str = "") -> str:
    """An interval in brackets, after its mean."""
    if ends is None:
        return ""
    low, high = (_number(metric, end, sign) for end in ends)
    return f" ({low} to {high})"


def _lines(values: dict[str, Any], indent: str = "") -> str:
    """A nested list; what is empty is left out."""
    text = ""
    for key, value in values.items():
        name = key.replace("_", " ")
        if isinstance(value, dict) and value:
            text += f"{indent}- {name}:\n{_lines(value, indent + '  ')}"
        elif isinstance(value, list) and value:
            text += f"{indent}- {name}:\n"
            text += "".join(f"{indent}  - {part}\n" for part in value)
        elif value not in (None, [], {}):
            text += f"{indent}- {name}: {value}\n"
    return text
