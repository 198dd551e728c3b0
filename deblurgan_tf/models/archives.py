"""What a .keras file may hold, known before anything of it is built.

A small file may unpack to gigabytes: by the zip's compression, by that of HDF5, and by
layers that are larger than the weights in the file. Each is bounded here.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras

from deblurgan_tf.errors import ModelError

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
CONFIG_BYTES = 4_000_000
"""Of the description of the layers, at most; that of `photos` has 0.4 million."""
METADATA_BYTES = 100_000
WEIGHTS_BYTES = 256_000_000
"""Unpacked weights may have so many bytes, and TIMES those of the file on top."""
TIMES = 4
_MADE_OTHERWISE = "; save the model with Keras or deblurgan_tf"
_building = threading.Lock()


def read_description(path: Path) -> bytes:
    """The text of config.json in a .keras file whose parts are within the bounds.

    Raises:
        ModelError: a part is missing, strange or too large.
        OSError, and others of zipfile and zlib: it is no such file, or damaged.
    """
    with zipfile.ZipFile(path) as archive:
        _check_parts(path, archive)
        return archive.read(CONFIG)


def count_weights(path: Path) -> int:
    """How many numbers the weights in a .keras file are, by what HDF5 says of them.

    Raises as `read_description`, ModelError too where they unpack to too much or lie in
    another file.
    """
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryFile() as unpacked:
        _check_parts(path, archive)
        with archive.open(WEIGHTS) as packed:
            shutil.copyfileobj(packed, unpacked)
        with h5py.File(unpacked, "r") as file:
            found = _datasets(path, file)
            size = sum(int(x.size or 0) * x.dtype.itemsize for x in found)
            _check_size(path, "weights", size, _most_weights(path))
            return sum(int(x.size or 0) for x in found)


def check_size_of_zip(path: Path) -> None:
    """Raises ModelError for a zip of another kind that unpacks to too much.

    PyTorch's files are such ones. A file that is none passes, and a damaged one.
    """
    with contextlib.suppress(OSError, zipfile.BadZipFile):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
            _check_size(path, "parts", size, _most_weights(path))


@contextlib.contextmanager
def at_most(weights: int, path: Path) -> Iterator[None]:
    """Inside, the layers that this thread makes have at most so many weights together.

    The config alone decides how much memory its layers take. One thread at a time.

    Raises ModelError, which names `path`, before the memory is taken.
    """
    layer: Any = keras.layers.Layer
    usual, thread, made = layer.add_weight, threading.get_ident(), 0

    def add_weight(self: Any, shape: Any = None, *args: Any, **options: Any) -> Any:
        nonlocal made
        if threading.get_ident() == thread:
            made += math.prod(shape or ())
            if made > weights:
                raise ValueError("too many weights")
        return usual(self, shape, *args, **options)

    with _building:
        layer.add_weight = add_weight
        try:
            yield
        except Exception as error:
            if made <= weights:
                raise
            raise ModelError(
                f"{path}: describes layers of more than {weights:,} weights, and holds "
                f"fewer{_MADE_OTHERWISE}"
            ) from error
        finally:
            layer.add_weight = usual


def _check_parts(path: Path, archive: zipfile.ZipFile) -> None:
    """Raises ModelError by the directory of the zip; nothing is unpacked."""
    names = [entry.filename for entry in archive.infolist()]
    strange = sorted(set(names) - {CONFIG, METADATA, WEIGHTS})
    if strange or len(set(names)) < len(names):
        what = f"holds {strange[0]}" if strange else "holds a part twice"
        raise ModelError(f"{path}: {what}, which no generator has{_MADE_OTHERWISE}")
    for name in (CONFIG, WEIGHTS):
        if name not in names:
            raise ModelError(f"{path}: is damaged: {name} is missing; copy it anew")
    most = {
        CONFIG: CONFIG_BYTES,
        METADATA: METADATA_BYTES,
        WEIGHTS: _most_weights(path),
    }
    for entry in archive.infolist():
        _check_size(path, entry.filename, entry.file_size, most[entry.filename])


def _check_size(path: Path, what: str, size: int, most: int) -> None:
    if size > most:
        raise ModelError(
            f"{path}: its {what} would unpack to {size:,} bytes, and at most {most:,} "
            f"are read from a file of this size{_MADE_OTHERWISE}"
        )


def _most_weights(path: Path) -> int:
    return WEIGHTS_BYTES + TIMES * path.stat().st_size


def _datasets(path: Path, file: h5py.File) -> list[h5py.Dataset]:
    """All arrays of the file, each once; none is read."""
    found: list[h5py.Dataset] = []

    def look(name: str, each: h5py.Group | h5py.Dataset) -> None:
        if isinstance(each, h5py.Dataset):
            if each.is_virtual or each.external:
                raise _elsewhere(path, name)
            found.append(each)
        elif isinstance(each, h5py.Group):
            for key in each:
                if not isinstance(each.get(key, getlink=True), h5py.HardLink):
                    raise _elsewhere(path, f"{name}/{key}")

    look("", file)
    file.visititems(look)
    return found


def _elsewhere(path: Path, name: str) -> ModelError:
    return ModelError(
        f"{path}: its weights {name} lie in another place or file; it is refused"
        f"{_MADE_OTHERWISE}"
    )
