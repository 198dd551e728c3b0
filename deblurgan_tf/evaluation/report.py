"""What an evaluation leaves: results.json for programs, results.md and comparison.png
for people.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from deblurgan_tf.evaluation.pairs import even
from deblurgan_tf.evaluation.scores import PROTOCOL
from deblurgan_tf.evaluation.summary import Scores, summarise
from deblurgan_tf.evaluation.tables import markdown
from deblurgan_tf.evaluation.tasks import Task
from deblurgan_tf.storage.atomic import write_text

Results = dict[tuple[str, str], dict[str, Any]]
"""{(method, picture): what `tasks.perform` returned}"""


def write(
    output: Path,
    tasks: list[Task],
    results: Results,
    protocol: dict[str, Any],
    rows: int,
) -> None:
    """Writes the three files; `rows` pictures, evenly spread, are in comparison.png."""
    found = combined(tasks, results, protocol)
    text = json.dumps(found, indent=2, allow_nan=False) + "\n"
    write_text(output / "results.json", text)
    write_text(output / "results.md", markdown(found))
    pictures: dict[str, list[Task]] = {}
    for task in tasks:
        pictures.setdefault(task.pair.name, []).append(task)
    scores = {
        key: result["scores"] for key, result in results.items() if "scores" in result
    }
    # A picture that no method could do has nothing to show.
    drawable = [x for x in pictures.values() if any(task.key in scores for task in x)]
    if not drawable:
        return
    # Matplotlib takes long to import, and the processes that restore do without.
    from deblurgan_tf.evaluation import figure

    shown = [drawable[position] for position in even(len(drawable), rows)]
    columns = [*found["methods"], "sharp"]
    title = f"{len(shown)} of {protocol['pictures']} pictures of {protocol['data']}"
    drawn = [figure.row_of(x, scores) for x in shown]
    if any(cell.kernel is not None for row in drawn for cell in row.cells):
        title += "; in the corner the true kernel (blurred) or the one found (blind)"
    page = figure.comparison(columns, drawn, title)
    figure.save(page, output / "comparison.png")


def combined(
    tasks: list[Task], results: Results, protocol: dict[str, Any]
) -> dict[str, Any]:
    """{"methods": {NAME: numbers, "failed", "per_image"}, "protocol"}, as JSON can hold
    it: None for infinity and for what was not measured.
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
    if isinstance(value, dict):
        return {key: _strict(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
