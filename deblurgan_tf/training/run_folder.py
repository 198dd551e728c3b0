"""A run's folder: all that describes a training and all that it needs to resume.

RUN/config.yaml, pictures.txt, checked.jsonl, command.txt, content.yaml, log.jsonl,
lengthened.jsonl, checkpoints/, samples/, tensorboard/, loss.png, progress.png,
generator.keras.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import platform
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import keras
import numpy as np
import tensorflow as tf

from deblurgan_tf import __version__
from deblurgan_tf import config as configs
from deblurgan_tf.config import Config
from deblurgan_tf.data import Checked
from deblurgan_tf.errors import RunError
from deblurgan_tf.storage import leftovers, provenance
from deblurgan_tf.storage.atomic import append, make_folder, write_text
from deblurgan_tf.storage.json_lines import bad_lines, read_lines
from deblurgan_tf.storage.names import composed
from deblurgan_tf.storage.writing_errors import writing_to
from deblurgan_tf.training import checkpoints
from deblurgan_tf.training.writing import writing


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """Makes the folder, and keeps other processes from training in it.

    The lock ends with the process, however it ends. Raises RunError where another
    process holds it, and where the folder cannot be made or written.
    """
    _check_path(run)
    with _open_lock(run) as file:
        _lock(run, file)
        yield


def check_writable(run: Path) -> None:
    """Raises what `locked` would raise; leaves nothing behind."""
    _check_path(run)
    # The nearest of the folders above it that is there.
    place = next(path for path in (run, *run.absolute().parents) if path.exists())
    try:
        # Rights alone do not tell: root has all of them on a disk that is read-only.
        with leftovers.temporary_folder(place):
            pass
    except OSError as error:
        raise _not_writable(run, error.strerror, place) from None
    if (run / ".lock").exists():
        with _open_lock(run) as file:
            _lock(run, file)


def _check_path(run: Path) -> None:
    if set(str(run)) & set("*?[]\\"):
        raise RunError(
            f"{run}: the path of a run may have none of * ? [ ] \\ in it, because "
            "TensorFlow finds no checkpoint there; choose another folder with --run"
        )


def _open_lock(run: Path) -> TextIO:
    try:
        make_folder(run)
        return open(run / ".lock", "a")
    except OSError as error:
        raise _not_writable(run, error.strerror, error.filename) from None


def _not_writable(run: Path, reason: str | None, place: object) -> RunError:
    return RunError(
        f"{run}: cannot be written ({reason}: {place}); choose another folder with "
        "--run"
    )


def _lock(run: Path, file: TextIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(
            f"{run}: another process is training in this folder; wait for it, or "
            "name another folder with --run"
        ) from None
    except OSError as error:  # a network disk without locks
        raise _not_writable(run, error.strerror, run / ".lock") from None


def remove_leftovers(run: Path) -> None:
    """Removes what a process that was killed left half written.

    Call it only in the process that holds the lock: otherwise another process may be
    writing these files.
    """
    for folder in (run, run / "checkpoints", run / "samples"):
        leftovers.remove_leftovers(folder, locked=True)


def check_unchanged(run: Path, config: Config) -> None:
    """Raises RunError, naming the keys, if the config is not the run's.

    Other values of `every.*` and a longer `train.steps` or `train.epochs` are allowed.
    Raises RunError, too, where the run has checkpoints and nothing says of what config.
    """
    path = run / "config.yaml"
    if _is_kept(run, path):
        _compare(run, configs.load(path), config)


def _is_kept(run: Path, path: Path) -> bool:
    """Whether there is a file that each run has; False for a new run.

    Raises RunError where the file of a run that has checkpoints is gone or empty.
    """
    if path.exists() and path.stat().st_size:
        return True
    if checkpoints.latest(run) is None:
        return False
    raise RunError(
        f"{path}: is {'empty' if path.exists() else 'gone'}, but the run has "
        "checkpoints, which resume only as they began; put the file back, or name "
        "another folder with --run to begin a new run"
    )


def check_same_pictures(run: Path, names: list[str]) -> None:
    """Raises RunError if the run began with other pictures.

    Their order, and so the weights at the end, would not be those of a run that was
    never stopped. names: of all pictures, see `Source.names`.
    """
    path = run / "pictures.txt"
    if not (_is_kept(run, path) if names else path.exists()):
        return
    text = path.read_bytes().decode(errors="surrogateescape")
    before = [composed(name) for name in text.split("\n")[:-1]]
    names = [composed(name) for name in _lines(names)]
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
            f"{run}: began with other pictures, listed in {path}; since then: "
            f"{', '.join(changes)}. Put them back to resume, or name another folder "
            "with --run to begin a new run"
        )


@contextlib.contextmanager
def checked_pictures(run: Path, keep: bool) -> Iterator[Checked]:
    """The pictures that this run knows to be sound; what is added inside is kept.

    It is kept also where what is inside fails or is stopped. keep: only one process may
    write to the folder.
    """
    checked = Checked(run / "checked.jsonl")
    try:
        yield checked
    finally:
        if keep:
            with writing_to(run):
                checked.save()


def begin(run: Path, config: Config, names: list[str], arguments: list[str]) -> None:
    """Writes config.yaml and pictures.txt, and adds this command to command.txt."""
    command = _describe_command(arguments)
    write_text(run / "config.yaml", configs.dump(config))
    write_text(run / "pictures.txt", "".join(f"{name}\n" for name in _lines(names)))
    append(run / "command.txt", command.encode(errors="surrogateescape"))


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
            f"{run}: began with another config; it differs in: "
            f"{', '.join(changed)}. Give the old values to resume, or another folder "
            "with --run to begin a new run"
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
        "deblurgan_tf": __version__,
        "commit": provenance.commit(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": provenance.machine(),
        "devices": ", ".join(devices),
    }
    return "".join(f"{key}: {value}\n" for key, value in lines.items()) + "\n"


# The log: one JSON object a line; lines after the checkpoint are cut off on resume.


def check_log(run: Path) -> None:
    """Raises RunError for lines that the log cannot have: cutting would lose them."""
    path = run / "log.jsonl"
    with writing(path):
        bad = bad_lines(path, _is_record)
    if bad:
        more = f" ({len(bad) - 1:,} more are like it)" if bad[1:] else ""
        raise RunError(
            f"{path}: line {bad[0]:,} is no JSON object of numbers with a step{more}; "
            "mend or remove it, and run the same command again to resume"
        )


def _is_record(line: dict[str, Any]) -> bool:
    return isinstance(line.get("step"), int) and all(
        isinstance(value, int | float) for value in line.values()
    )


def append_log(run: Path, record: dict[str, Any]) -> None:
    """Adds a line to log.jsonl; raises ValueError for NaN and infinity."""
    line = json.dumps(record, allow_nan=False) + "\n"
    path = run / "log.jsonl"
    with writing(path):
        append(path, line.encode())


def read_log(run: Path) -> list[dict[str, Any]]:
    """The whole lines of log.jsonl; none where there is no log."""
    return read_lines(run / "log.jsonl", _is_record)


def cut_log(run: Path, step: int) -> None:
    """Removes what was logged after the step, and half a line."""
    kept = [record for record in read_log(run) if record["step"] <= step]
    text = "".join(json.dumps(record, allow_nan=False) + "\n" for record in kept)
    write_text(run / "log.jsonl", text)
