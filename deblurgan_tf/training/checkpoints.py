"""Checkpoints of a run: a folder each, which gets its name only when it is whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import tensorflow as tf

from deblurgan_tf.errors import RunError
from deblurgan_tf.storage.atomic import make_folder, write_atomically
from deblurgan_tf.training.state import State
from deblurgan_tf.training.writing import writing

KEPT_CHECKPOINTS = 2  # should the disk damage the newest, the one before it is left


def save(run: Path, state: State, best: dict[str, float] | None) -> Path:
    """Writes the state and the best validation so far; keeps the newest two.

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
        (partial / "state.json").write_text(json.dumps({"step": step, "best": best}))
        if path.exists():
            shutil.rmtree(path)

    with writing(path):
        write_atomically(path, write)
    for old in sorted(folder.glob("step-*"))[:-KEPT_CHECKPOINTS]:
        shutil.rmtree(old)
    return path


def latest(run: Path) -> Path | None:
    """The newest whole checkpoint; None where there is none."""
    return max((run / "checkpoints").glob("step-*"), default=None)


def step_of(path: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(path.name.removeprefix("step-"))


def restore(path: Path, state: State) -> dict[str, float] | None:
    """Fills the state, every variable of it, and returns the best validation so far.

    Raises RunError if the checkpoint is damaged or belongs to other models.
    """
    checkpoint = state.checkpoint()
    try:
        best = json.loads((path / "state.json").read_text())["best"]
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
            f"{str(error).splitlines()[0]}). Remove this folder to resume from the "
            "checkpoint before it"
        ) from error
    return best
