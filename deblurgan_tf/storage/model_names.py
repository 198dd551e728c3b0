"""The files of models, by the names that users give. Needs no Keras."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from deblurgan_tf.errors import ModelError, did_you_mean
from deblurgan_tf.storage.regular import NO_FILE, is_special
from deblurgan_tf.storage.resources import AUTO_MODEL, DEFAULT_MODEL, resource


def chosen(name: str) -> str:
    """The shipped model that `auto` stands for; any other name stays.

    Today that is one model for whole pictures, close-ups and plates alike. It would be
    `plates` where that mends at least three times as many readings of really blurred
    plates as it breaks, and at no width and blur it does: experiments/model_choice.
    """
    return DEFAULT_MODEL if name == AUTO_MODEL else name


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The .keras file of a shipped model's name, `auto`, a run's folder or a file.

    A bare name is a shipped model first, so that it means the same in every folder;
    ./NAME is always a path.

    Raises:
        ModelError: there is nothing of that name, or a shipped model was changed.
    """
    text = chosen(os.fspath(name_or_path))
    bare = os.path.basename(text) == text
    if bare:
        try:
            path = resource("assets", "models", f"{text}.keras")
        except FileNotFoundError:
            pass
        else:
            check_shipped(path)
            return path
    path = Path(text)
    if path.is_dir():
        file = path / "generator.keras"
        if not file.is_file():
            raise ModelError(
                f"{path}: has no generator.keras; a training writes it when it "
                "validates for the first time. Give another run or a .keras file with "
                "--model"
            )
        return file
    if path.is_file():
        return path
    if is_special(path):
        raise ModelError(f"model {text}: {NO_FILE}")
    what = "is no shipped model, run or file" if bare else "does not exist"
    raise ModelError(
        f"model {text}: {what} (shipped are: {', '.join(shipped()) or 'none'})"
        f"{did_you_mean(text, shipped()) or '.'} Train one with python -m "
        "deblurgan_tf.train, and give the run's folder or a .keras file with --model"
    )


def check_shipped(path: Path) -> None:
    """Raises ModelError for a shipped model that is not the one that was released."""
    sums = (path.parent / "SHA256SUMS").read_text(encoding="ascii").split()
    known = dict(zip(sums[1::2], sums[::2], strict=True))
    if known.get(path.name) != sha256(path):
        raise ModelError(
            f"{path}: is damaged, or not the model of this release (its SHA-256 is not "
            "that in SHA256SUMS); install the package again"
        )


def shipped() -> list[str]:
    """The names of the models that travel with the package."""
    try:
        folder = resource("assets", "models")
    except FileNotFoundError:
        return []
    return sorted(path.stem for path in folder.glob("*.keras"))


def sha256(file: Path) -> str:
    """The SHA-256 of a model's file, in hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
