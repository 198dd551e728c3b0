"""Open a model's file without running code from it; `find` gives the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deblurgan_tf.errors import ModelError, first_line
from deblurgan_tf.keras_settings import use_own_settings
from deblurgan_tf.models import archives
from deblurgan_tf.models.unrolled import count_levels, counterpart
from deblurgan_tf.storage.model_names import check_shipped as check_shipped
from deblurgan_tf.storage.model_names import find as find
from deblurgan_tf.storage.model_names import shipped as shipped

PICTURES = (None, None, None, 3)
"""The shape of a generator's input and output: any number, any height and width."""


def open_model(path: Path) -> keras.Model:
    """The generator in a .keras file: float32 (N, H, W, 3) -> the same, any H and W.

    Nothing in the file is run: it may hold layers of Keras and of this package alone.
    How much it may unpack to is bounded, see `models.archives`.

    Raises:
        ModelError: the file is missing, damaged, too large unpacked, of version 0.1,
            not made of these layers, has other shapes, or weights that are no numbers.
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
        with archives.at_most(archives.count_weights(path), path):
            model = keras.models.load_model(path, compile=False, safe_mode=True)
    except ModelError:
        raise
    # zip, HDF5, JSON and the layers' constructors each raise errors of their own.
    except Exception as error:
        reason = first_line(error)
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
    _check_size_is_kept(path, model)
    _check_weights(path, model)
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
        config = json.loads(archives.read_description(path))
    except ModelError:
        raise
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
    waiting = [value]  # no recursion: a file may be nested as deep as it likes
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "class_name" in part:
                yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def is_version_0_1(config: dict[str, Any]) -> bool:
    """Whether a model's config is of version 0.1, whose layers had other modules."""
    modules = {str(part.get("module")) for part in serialized_objects(config)}
    own = {module for module in modules if module.split(".")[0] == "deblurgan_tf"}
    return any(not module.startswith("deblurgan_tf.models.") for module in own)


def _check_size_is_kept(path: Path, model: keras.Model) -> None:
    """Raises ModelError for a model whose output is larger or smaller than its input.

    Keras writes both as None. 37 and 70: no multiples of what layers divide by.
    """
    given = (1, 37, 70, 3)
    try:
        made = tuple(model.compute_output_shape(given))
    # The layers of a strange model raise what they like.
    except Exception as error:
        raise ModelError(
            f"{path}: cannot take pictures of every size ({type(error).__name__}); "
            "give a generator.keras"
        ) from error
    if made != given:
        raise ModelError(
            f"{path}: makes {made[2]}x{made[1]} of pictures of 70x37, but a generator "
            "keeps their size; give a generator.keras"
        )


def _check_weights(path: Path, model: keras.Model) -> None:
    for weight in model.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise ModelError(
                f"{path}: the weights {weight.path} hold NaN or infinity: the file is "
                "damaged, or its training diverged. Copy it anew, or train with a "
                "lower learning rate"
            )


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
