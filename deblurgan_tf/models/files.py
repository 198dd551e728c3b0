"""Find a model by its name, run or file; open it without running code from it."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from deblurgan_tf.errors import ModelError, did_you_mean
from deblurgan_tf.keras_settings import use_own_settings
from deblurgan_tf.models.unrolled import count_levels, counterpart
from deblurgan_tf.storage.regular import NO_FILE, is_special
from deblurgan_tf.storage.resources import resource

PICTURES = (None, None, None, 3)
"""The shape of a generator's input and output: any number, any height and width."""


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The .keras file of a shipped model's name, a run's folder or a file.

    A bare name is a shipped model first, so that it means the same in every folder;
    ./NAME is always a path.

    Raises:
        ModelError: there is nothing of that name, or a shipped model was changed.
    """
    text = os.fspath(name_or_path)
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
    if known.get(path.name) != hashlib.sha256(path.read_bytes()).hexdigest():
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


def open_model(path: Path) -> keras.Model:
    """The generator in a .keras file: float32 (N, H, W, 3) -> the same, any H and W.

    Nothing in the file is run: it may hold layers of Keras and of this package alone.

    Raises:
        ModelError: the file is missing, damaged, of version 0.1, not made of these
            layers, or has other shapes.
    """
    use_own_settings()
    config = read_config(path)
    _check_layers(path, config)
    if is_version_0_1(config):
        raise ModelError(
            f"{path}: was written by version 0.1; convert it with "
            f"python -m deblurgan_tf.convert {path} --output NEW.keras"
        )
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    # zip, HDF5, JSON and the layers' constructors each raise errors of their own.
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ModelError(
            f"{path}: cannot be loaded ({type(error).__name__}: {reason}); it is "
            "damaged or of another version of Keras. Copy or train it anew"
        ) from error
    shapes = (model.input_shape, model.output_shape)
    if shapes != (PICTURES, PICTURES):
        raise ModelError(
            f"{path}: goes from {shapes[0]} to {shapes[1]}, but a generator takes "
            f"and gives {PICTURES}; give a generator.keras"
        )
    return model


def read_config(path: Path) -> dict[str, Any]:
    """The JSON in a .keras file that describes its layers.

    Raises:
        ModelError: the file is missing, damaged or no functional Keras model.
    """
    if path.suffix != ".keras":
        raise ModelError(
            f"{path}: not a .keras file; give one, a run's folder or a model's name"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be opened ({error.strerror})") from error
    # A damaged archive raises errors of zipfile, zlib, struct and json.
    except Exception as error:
        raise ModelError(
            f"{path}: not a Keras model, or damaged ({error}); copy or train it anew"
        ) from error
    if not isinstance(config, dict) or config.get("class_name") != "Functional":
        raise ModelError(
            f"{path}: not a functional Keras model; give a generator.keras that "
            "deblurgan_tf wrote"
        )
    return config


def serialized_objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every serialised object in a model's config: class_name, module, config."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for part in value.values():
            yield from serialized_objects(part)
    elif isinstance(value, list):
        for part in value:
            yield from serialized_objects(part)


def is_version_0_1(config: dict[str, Any]) -> bool:
    """Whether a model's config is of version 0.1, whose layers had other modules."""
    modules = {str(part.get("module")) for part in serialized_objects(config)}
    own = {module for module in modules if module.split(".")[0] == "deblurgan_tf"}
    return any(not module.startswith("deblurgan_tf.models.") for module in own)


def _check_layers(path: Path, config: dict[str, Any]) -> None:
    for part in serialized_objects(config):
        name, module = part["class_name"], part.get("module")
        if name == "Lambda":
            raise ModelError(
                f"{path}: holds a Lambda layer, which is code that runs on loading; it "
                "is refused. Build the model from layers of Keras and deblurgan_tf"
            )
        known = module is None or str(module).split(".")[0] in (
            "keras",
            "deblurgan_tf",
            "builtins",
        )
        if not known:
            raise ModelError(
                f"{path}: holds {name} of {module}, which is neither of Keras nor of "
                "deblurgan_tf; it is refused"
            )


def copy_weights(source: keras.Model, target: keras.Model) -> list[str]:
    """Copies weights between generators of one kind.

    All of them if the two are built alike: names do not count then, because Keras
    numbers the layers that have no name of their own. Otherwise those of layers with
    the same name and equal shapes; the other layers keep their weights. Levels that an
    unrolled source lacks start as its finest one, see `unrolled.counterpart`.

    Returns:
        The names of the target's layers that took weights.
    """
    weighted = [layer for layer in target.layers if layer.weights]
    shapes = [[tuple(x.shape) for x in model.weights] for model in (source, target)]
    if shapes[0] == shapes[1]:
        target.set_weights(source.get_weights())
        return [layer.name for layer in weighted]
    copied = []
    known = {layer.name: layer for layer in source.layers if layer.weights}
    levels = count_levels(source)
    for layer in weighted:
        name = counterpart(layer.name, levels) if levels else layer.name
        if name not in known:
            continue
        weights = known[name].get_weights()
        if [x.shape for x in weights] == [tuple(x.shape) for x in layer.weights]:
            layer.set_weights(weights)
            copied.append(layer.name)
    return copied
