"""Models of version 0.1 under today's names: what `convert` does with .keras files.

Some layers had other class names, modules and arguments then. The networks and their
weights are the same.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import keras

from deblurgan_tf.errors import ModelError
from deblurgan_tf.models.files import (
    is_version_0_1,
    open_model,
    read_config,
    serialized_objects,
)
from deblurgan_tf.storage.leftovers import temporary_folder

CLASSES = {
    "DoubledKernel": "KernelUpsample2x",
    "DoubledPicture": "BilinearUpsample2x",
    "FrameWaves": "DftMatrices",
    "PointKernel": "GaussianKernel",
    "WithoutFirst": "CropFirstRowColumn",
}
"""Version 0.1's class -> today's. None of them has weights: those are stored under the
names of the classes, which therefore fit as they are."""
ARGUMENTS = {"reach": "radius"}
"""The same for the arguments of the constructors of these layers."""
LAYER_NAMES = (
    (r"(level\d+)_turn(\d+)", r"\1_iteration\2"),
    (r"(level\d+)_waves", r"\1_dft"),
    (r"doubled_kernel(_\d+)?", r"kernel_upsample2x\1"),
    (r"doubled_picture(_\d+)?", r"bilinear_upsample2x\1"),
    (r"point_kernel(_\d+)?", r"gaussian_kernel\1"),
    (r"without_first(_\d+)?", r"crop_first_row_column\1"),
)
"""The same for the names of layers: patterns for how a name begins."""


def convert(path: Path) -> keras.Model:
    """The generator in a .keras file of version 0.1, its weights equal bit by bit.

    Nothing in the file is run, as with `files.open_model`.

    Raises:
        ModelError: the file is missing, damaged, of today's version already, or holds
            something else than version 0.1 wrote.
    """
    config = read_config(path)
    if not is_version_0_1(config):
        raise ModelError(
            f"{path}: is no file of version 0.1, so there is nothing to convert; use "
            "it as it is"
        )
    for part in serialized_objects(config):
        if str(part.get("module")).split(".")[0] == "deblurgan_tf":
            _rename_layer(path, part)
    layers = config["config"]["layers"]
    config = _renamed(config, {x["name"]: _today_name(x["name"]) for x in layers})
    with temporary_folder() as folder:
        renamed = Path(folder, path.name)
        _write(renamed, path, config)
        try:
            return open_model(renamed)
        except ModelError as error:
            # The message shall name the user's file.
            text = str(error).replace(str(renamed), str(path))
            raise ModelError(text) from error


def _rename_layer(path: Path, part: dict[str, Any]) -> None:
    """Gives one serialised layer of this package today's class, module, arguments."""
    name = CLASSES.get(part["class_name"], part["class_name"])
    layer = keras.saving.get_registered_object(f"deblurgan_tf>{name}")
    if layer is None:
        raise ModelError(
            f"{path}: holds the layer {part['class_name']}, which version 0.1 did not "
            "have; it cannot be converted"
        )
    part["class_name"] = name
    part["module"] = layer.__module__
    part["registered_name"] = f"deblurgan_tf>{name}"
    part["config"] = {
        ARGUMENTS.get(key, key): value for key, value in part["config"].items()
    }


def _today_name(name: str) -> str:
    """Today's name of a layer."""
    for old, new in LAYER_NAMES:
        name = re.sub(f"^{old}(?![^_])", new, name)
    return name


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """A config with the names of layers replaced wherever they occur."""
    if isinstance(value, dict):
        return {key: _renamed(part, names) for key, part in value.items()}
    if isinstance(value, list):
        return [_renamed(part, names) for part in value]
    return names.get(value, value) if isinstance(value, str) else value


def _write(target: Path, source: Path, config: dict[str, Any]) -> None:
    """Copies a .keras file with another config; the weights go as they are."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "config.json":
                data = json.dumps(config).encode()
            new.writestr(entry.filename, data)
