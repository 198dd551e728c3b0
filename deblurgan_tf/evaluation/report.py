"""The results of an evaluation as files.

results.json is for programs; results.md and comparison.png are for people.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from deblurgan_tf.evaluation.pairs import evenly_spread
from deblurgan_tf.evaluation.scores import PROTOCOL
from deblurgan_tf.evaluation.summary import Scores, summarise
from deblurgan_tf.evaluation.tables import markdown
from deblurgan_tf.evaluation.tasks import Result, Task
from deblurgan_tf.storage.atomic import write_text
from deblurgan_tf.storage.json_files import write_json

Results = dict[tuple[str, str], Result]
"""By (method, picture), see `Task.key`."""


def write(
    output: Path,
    tasks: list[Task],
    results: Results,
    protocol: dict[str, Any],
    rows: int,
) -> None:
    """Writes the three files into the folder `output`.

    comparison.png shows `rows` pictures, evenly spread over those that any method could
    restore; without such a picture it is not written.
    """
    found = combined(tasks, results, protocol)
    write_json(output / "results.json", found)
    write_text(output / "results.md", markdown(found))
    _write_comparison(output, tasks, results, found, rows)


def _write_comparison(
    output: Path,
    tasks: list[Task],
    results: Results,
    found: dict[str, Any],
    rows: int,
) -> None:
    pictures: dict[str, list[Task]] = {}
    for task in tasks:
        pictures.setdefault(task.pair.name, []).append(task)
    scores = {
        key: result["scores"] for key, result in results.items() if "scores" in result
    }
    drawable = [x for x in pictures.values() if any(task.key in scores for task in x)]
    if not drawable:
        return
    # Slow to import, and the processes that restore do not need it.
    from deblurgan_tf.evaluation import figure

    shown = [drawable[position] for position in evenly_spread(len(drawable), rows)]
    columns = [*found["methods"], "sharp"]
    protocol = found["protocol"]
    title = f"{len(shown)} of {protocol['pictures']} pictures of {protocol['data']}"
    drawn = [figure.row_of(x, scores) for x in shown]
    if any(cell.kernel is not None for row in drawn for cell in row.cells):
        title += "; in the corner the true kernel (blurred) or the estimate (blind)"
    page = figure.comparison(columns, drawn, title)
    figure.save(page, output / "comparison.png")


def combined(
    tasks: list[Task], results: Results, protocol: dict[str, Any]
) -> dict[str, Any]:
    """{"methods": {NAME: {numbers, "failed", "per_image"}}, "protocol"}, for JSON.

    None stands for infinity and for what was not measured.
    """
    names = list(dict.fromkeys(task.method for task in tasks))
    scores: Scores = {name: {} for name in names}
    failed: dict[str, list[dict[str, str]]] = {name: [] for name in names}
    for task in tasks:
        method, file = task.key
        result = results[task.key]
        if "scores" in result:
            scores[method][file] = result["scores"]
        else:
            failed[method].append({"file": file, "error": result["error"]})
    methods = {
        name: {
            **summary,
            "failed": failed[name],
            "per_image": {
                file: {**dict.fromkeys(PROTOCOL), **measured}
                for file, measured in scores[name].items()
            },
        }
        for name, summary in summarise(scores).items()
    }
    return _strict({"methods": methods, "protocol": protocol})


def _strict(value: Any) -> Any:
    """The same with None for infinity and NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _strict(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
