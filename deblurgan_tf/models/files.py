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

from deblurgan_tf.errors import ModelError
from deblurgan_tf.models.unrolled import (
    count_levels,
    counterpart,
    in_precision,
    is_staged,
)
from deblurgan_tf.storage.resources import resource

PICTURES = (None, None, None, 3)


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The .keras file of a shipped model's name, a run's folder or a file.

    A bare name is a shipped model first, so that it means the same in every folder;
    ./NAME is always a path. Raises ModelError where there is nothing of that name, and
    for a shipped model that was changed.
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
    what = "is no shipped model, run or file" if bare else "does not exist"
    raise ModelError(
        f"model {text}: {what} (shipped are: {', '.join(shipped()) or 'none'}). Train "
        "one with python -m deblurgan_tf.train, and give the run's folder or a .keras "
        "file with --model"
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
    Raises ModelError for a file that is missing, damaged, foreign or of other shapes.
    """
    if path.suffix != ".keras":
        raise ModelError(
            f"{path}: not a .keras file; give one, a run's folder or a model's name"
        )
    _check_classes(path, _config(path))
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


def copy_weights(source: keras.Model, target: keras.Model) -> list[str]:
    """Copies weights between generators of one kind; returns the target's layers.

    All of them where the two are built alike; otherwise those of layers with one name
    and equal shapes, and the others keep theirs. Levels that an unrolled source has not
    start as its finest one. (Keras counts up the names of layers
    that were given none, so equal generators may differ in names.)
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


def _config(path: Path) -> dict[str, Any]:
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


def _check_classes(path: Path, config: dict[str, Any]) -> None:
    for part in _objects(config):
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


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every serialised object in a model's config."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for part in value.values():
            yield from _objects(part)
    elif isinstance(value, list):
        for part in value:
            yield from _objects(part)


def in_bfloat16(model: keras.Model) -> keras.Model:
    """The same model and weights, computing in bfloat16 between its two ends.

    The first and the last layer that have weights mark the ends. The picture before,
    and the residual and what is added to it from the last one on, stay float32: eight
    bits of mantissa are fewer than a picture's.
    """
    if is_staged(model):
        return in_precision(model, "mixed_bfloat16")
    config = model.get_config()
    weighted = [n for n, layer in enumerate(model.operations) if _has_weights(layer)]
    inside = {layer.name for layer in model.operations[weighted[0] : weighted[-1]]}
    for layer in config["layers"]:
        if layer["name"] in inside and "dtype" in layer["config"]:
            layer["config"]["dtype"] = "mixed_bfloat16"
    rebuilt = type(model).from_config(config)
    rebuilt.set_weights(model.get_weights())
    return rebuilt


def _has_weights(operation: Any) -> bool:
    return isinstance(operation, keras.layers.Layer) and bool(operation.weights)
