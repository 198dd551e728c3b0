"""A run's folder: it describes itself, and the same command again goes on in it.

RUN/config.yaml, pictures.txt, command.txt, content.yaml, log.jsonl, checkpoints/,
samples/, tensorboard/, loss.png, progress.png, generator.keras.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shlex
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tensorflow as tf
import yaml

from deblurgan_tf import config as configs
from deblurgan_tf.config import Config
from deblurgan_tf.errors import RunError
from deblurgan_tf.storage import provenance
from deblurgan_tf.storage.atomic import write_atomically, write_text
from deblurgan_tf.storage.json_lines import read_lines
from deblurgan_tf.training.step import State

KEPT_CHECKPOINTS = 2  # the second guards against a disk that lost the first


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """Keeps a second process from training in the same folder; released on any end."""
    if set(str(run)) & set("*?[]\\"):
        raise RunError(
            f"{run}: the path of a run may have none of * ? [ ] \\ in it, because "
            "TensorFlow finds no checkpoint there; choose another folder with --run"
        )
    run.mkdir(parents=True, exist_ok=True)
    with open(run / ".lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{run}: another process is training in this folder; wait for it, or "
                "name another folder with --run"
            ) from None
        yield


def check_unchanged(run: Path, config: Config) -> None:
    """Raises RunError, naming the keys, if the config differs from the run's in more
    than `every.*` and a longer `train.steps` or `train.epochs`.
    """
    path = run / "config.yaml"
    if path.exists():
        _compare(run, configs.load(path), config)


def check_same_pictures(run: Path, names: list[str]) -> None:
    """Raises RunError if the run was begun with other pictures: their order, and so
    the weights at the end, would not be those of a run that was never stopped.
    """
    path = run / "pictures.txt"
    if not path.exists():
        return
    before = path.read_bytes().decode(errors="surrogateescape").split("\n")[:-1]
    names = _lines(names)
    changes = [
        f"{len(found):,} {what} (the first: {min(found)})"
        for what, found in (
            ("new", set(names) - set(before)),
            ("gone", set(before) - set(names)),
        )
        if found
    ]
    if changes:
        raise RunError(
            f"{run}: was begun with other pictures, listed in {path}; since then: "
            f"{', '.join(changes)}. Put them back to go on, or name another folder "
            "with --run to begin anew"
        )


def begin(run: Path, config: Config, names: list[str], arguments: list[str]) -> None:
    """Writes config.yaml and pictures.txt, and adds this command to command.txt."""
    write_text(run / "config.yaml", configs.dump(config))
    # A file's name may hold bytes that are not UTF-8.
    text = "".join(f"{name}\n" for name in _lines(names)).encode(
        errors="surrogateescape"
    )
    write_atomically(run / "pictures.txt", lambda file: file.write_bytes(text))
    with open(run / "command.txt", "a", encoding="utf-8") as file:
        file.write(_describe_command(arguments))


def _lines(names: list[str]) -> list[str]:
    return [name.replace("\n", "\\n") for name in names]


def _compare(run: Path, old: Config, new: Config) -> None:
    before, after = configs.as_dict(old), configs.as_dict(new)
    changed = [
        key
        for key in configs.changed_keys(before, after)
        if not key.startswith("every.")
        and not (
            key in ("train.steps", "train.epochs")
            and _longer(getattr(old.train, key[6:]), getattr(new.train, key[6:]))
        )
    ]
    if changed:
        raise RunError(
            f"{run}: was begun with another config; it differs in: "
            f"{', '.join(changed)}. Give the old values to go on, or another folder "
            "with --run to begin anew"
        )


def _longer(old: int | None, new: int | None) -> bool:
    return new is None or (old is not None and new >= old)


def _describe_command(arguments: list[str]) -> str:
    devices = [
        tf.config.experimental.get_device_details(device).get(
            "device_name", device.device_type
        )
        for device in tf.config.list_physical_devices()
    ]
    lines = {
        "command": shlex.join(arguments),
        "deblurgan_tf": version("deblurgan_tf"),
        "commit": provenance.commit(),
        "tensorflow": tf.__version__,
        "keras": version("keras"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "machine": provenance.machine(),
        "devices": ", ".join(devices),
    }
    return "".join(f"{key}: {value}\n" for key, value in lines.items()) + "\n"


# The content losses really used: a substitute for VGG19 must stay the same on resume.


def read_content(run: Path) -> dict[str, float] | None:
    path = run / "content.yaml"
    if not path.exists():
        return None
    return yaml.safe_load(path.read_text(encoding="utf-8"))["used"]


def write_content(run: Path, used: dict[str, float], why: str) -> None:
    text = yaml.safe_dump({"used": used, "why": why}, sort_keys=False)
    write_text(run / "content.yaml", text)


# The log: one JSON object a line; lines after the checkpoint are cut off on resume.


def append_log(run: Path, record: dict[str, Any]) -> None:
    with open(run / "log.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(record, allow_nan=False) + "\n")


def read_log(run: Path) -> list[dict[str, Any]]:
    return read_lines(run / "log.jsonl")


def cut_log(run: Path, step: int) -> None:
    """Drops what was logged after the step, and half a line."""
    kept = [record for record in read_log(run) if record["step"] <= step]
    text = "".join(json.dumps(record, allow_nan=False) + "\n" for record in kept)
    write_text(run / "log.jsonl", text)


# Checkpoints: a folder each, which gets its name only when it is whole.


def save_checkpoint(run: Path, state: State, best: dict[str, float] | None) -> Path:
    """Writes the state and the best validation so far; keeps the newest two."""
    folder = run / "checkpoints"
    folder.mkdir(exist_ok=True)
    step = int(state.step)
    path = folder / f"step-{step:08d}"
    partial = folder / f".partial-{step:08d}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    state.checkpoint().write(str(partial / "state"))
    (partial / "state.json").write_text(json.dumps({"step": step, "best": best}))
    for file in (*partial.iterdir(), partial):
        _flush(file)
    if path.exists():
        shutil.rmtree(path)
    os.replace(partial, path)
    _flush(folder)
    for old in sorted(folder.glob("step-*"))[:-KEPT_CHECKPOINTS]:
        shutil.rmtree(old)
    return path


def _flush(path: Path) -> None:
    """Asks the system to put a file or folder on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def latest_checkpoint(run: Path) -> Path | None:
    """The newest whole checkpoint; what a killed process left half is removed."""
    folder = run / "checkpoints"
    for partial in folder.glob(".partial-*"):
        shutil.rmtree(partial)
    return max(folder.glob("step-*"), default=None)


def checkpoint_step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def restore_checkpoint(path: Path, state: State) -> dict[str, float] | None:
    """Fills the state, every variable of it, and returns the best validation so far.

    Raises RunError if the checkpoint is damaged or belongs to other models.
    """
    try:
        stored = json.loads((path / "state.json").read_text())
        state.checkpoint().read(str(path / "state")).assert_consumed()
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
            f"{str(error).splitlines()[0]}). Remove this folder to go on from the "
            "checkpoint before it"
        ) from error
    return stored["best"]
