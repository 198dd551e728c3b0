"""Checkpoints of a run: a folder each, which gets its name only when it is whole."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from deblurgan_tf.errors import RunError, first_line
from deblurgan_tf.storage.atomic import make_folder, write_atomically
from deblurgan_tf.training.state import State
from deblurgan_tf.training.writing import writing

KEPT_CHECKPOINTS = 2  # should the disk damage the newest, the one before it is left
_NAME = re.compile(r"step-(\d{8,})")  # others are the user's, step-backup for example


class Known(NamedTuple):
    """What a checkpoint holds beside the state.

    best: the best validation so far, its step and mean values. logged_at: the step of
    the log's last line of losses; None in a checkpoint that is older than this field.
    """

    best: dict[str, float] | None = None
    logged_at: int | None = 0


def save(
    run: Path, state: State, best: dict[str, float] | None, logged_at: int = 0
) -> Path:
    """Writes the state and what `Known` holds; keeps the newest two.

    Raises RunError where it cannot be written; the checkpoints before it stay.
    """
    folder = run / "checkpoints"
    with writing(folder):
        make_folder(folder)
    step = int(state.step)
    path = folder / f"step-{step:08d}"

    def write(partial: Path) -> None:
        partial.mkdir()
        state.checkpoint().write(str(partial / "state"))
        known = {"step": step, "best": best, "logged_at": logged_at}
        (partial / "state.json").write_text(json.dumps(known))
        if path.exists():
            shutil.rmtree(path)

    with writing(path):
        write_atomically(path, write)
        for old in _all(run)[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old)
    return path


def latest(run: Path) -> Path | None:
    """The newest whole checkpoint; None where there is none."""
    return max(_all(run), key=step_of, default=None)


def _all(run: Path) -> list[Path]:
    """The whole checkpoints, in the order of their steps."""
    folders = (run / "checkpoints").glob("step-*")
    return sorted(filter(lambda x: _NAME.fullmatch(x.name), folders), key=step_of)


def step_of(path: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(path.name.removeprefix("step-"))


def restore(path: Path, state: State) -> Known:
    """Fills the state, every variable of it, and returns what else is known.

    Raises RunError if the checkpoint is damaged or belongs to other models.
    """
    checkpoint = state.checkpoint()
    try:
        known = _known(json.loads((path / "state.json").read_bytes()))
        checkpoint.read(str(path / "state")).assert_consumed()
    # TensorFlow's reader and Keras's loading raise errors of many kinds.
    except (
        tf.errors.OpError,
        AssertionError,
        LookupError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        raise RunError(
            f"{path}: cannot be restored ({type(error).__name__}: "
            f"{first_line(error)}). Remove this folder to resume from the "
            "checkpoint before it"
        ) from error
    return known


def _known(stored: Any) -> Known:
    """Raises ValueError where state.json does not hold what `save` writes."""
    match stored:
        case {"best": None | {"psnr": int() | float()} as best}:
            logged_at = stored.get("logged_at")
            if logged_at is None or isinstance(logged_at, int):
                return Known(best, logged_at)
    raise ValueError("state.json was edited, or is damaged")
