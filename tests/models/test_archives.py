"""Small model files that would unpack to much, and weights that are no numbers."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from deblurgan_tf.errors import ModelError
from deblurgan_tf.models import archives
from deblurgan_tf.models.files import open_model


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """What a sound model's file holds: {name: bytes}."""
    path = tmp_path_factory.mktemp("models") / "sound.keras"
    picture = keras.Input((None, None, 3))
    keras.Model(picture, layers.Conv2D(3, 1, name="one")(picture)).save(path)
    open_model(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(path, parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def refused(path, what):
    """The most memory that it took to refuse the file, bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match=what) as caught:
            open_model(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "most"),
    [("config.json", "CONFIG_BYTES"), ("model.weights.h5", "WEIGHTS_BYTES")],
)
def test_parts_that_unpack_to_much_are_not_unpacked(
    parts, tmp_path, monkeypatch, name, most
):
    size = 20_000_000
    monkeypatch.setattr(archives, most, size // 2)
    path = written(tmp_path / "bomb.keras", parts | {name: bytes(size)})
    assert path.stat().st_size < 50_000
    assert refused(path, f"its {name} would unpack to 20,000,000 bytes") < size / 10


def arrays(**found):
    """An HDF5 file: {path: shape or something that h5py stores}."""
    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        for name, value in found.items():
            place = f"layers/{name}/vars/0"
            if isinstance(value, tuple):
                made.create_dataset(place, value, "float32", chunks=True)
            else:
                made[place] = value
    return file.getvalue()


def test_arrays_that_are_declared_large_are_not_read(parts, tmp_path):
    # Chunks that were never written take no place in the file.
    data = arrays(one=(30_000, 30_000))
    path = written(tmp_path / "bomb.keras", parts | {"model.weights.h5": data})
    assert refused(path, "its weights would unpack to 3,600,000,000") < 5e6


def test_weights_in_other_files_are_refused(parts, tmp_path):
    for link in (h5py.ExternalLink("/etc/hosts", "a"), h5py.SoftLink("/layers")):
        data = arrays(one=link)
        path = written(tmp_path / "linked.keras", parts | {"model.weights.h5": data})
        refused(path, "lie in another place or file")


def test_a_config_of_larger_layers_than_the_weights_takes_no_memory(parts, tmp_path):
    config = json.loads(parts["config.json"])
    (layer,) = (x for x in config["config"]["layers"] if x["name"] == "one")
    layer["config"]["kernel_size"] = [9_000, 9_000]  # 2.9 GB
    changed = {"config.json": json.dumps(config).encode()}
    usual = layers.Layer.add_weight
    path = written(tmp_path / "wide.keras", parts | changed)
    refused(path, "describes layers of more than 12 weights, and holds fewer")
    assert layers.Layer.add_weight is usual


def test_other_parts_and_parts_that_are_there_twice_are_refused(parts, tmp_path):
    path = written(tmp_path / "more.keras", parts | {"assets/a.bin": b"x"})
    refused(path, "holds assets/a.bin, which no generator has")
    written(path, parts)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(match="Duplicate"):
        archive.writestr("config.json", parts["config.json"])
    refused(path, "holds a part twice")


def test_a_config_may_be_nested_deeply(parts, tmp_path):
    for depth in (900, 100_000):
        deep = b'{"class_name": "Functional", "a": ' + b"[" * depth + b"]" * depth
        path = written(tmp_path / "deep.keras", parts | {"config.json": deep + b"}"})
        refused(path, "damaged|cannot be loaded")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path, value):
    picture = keras.Input((None, None, 3))
    model = keras.Model(picture, layers.Conv2D(3, 1, name="one")(picture))
    model.get_layer("one").bias.assign([0.0, value, 0.0])
    model.save(tmp_path / "broken.keras")
    refused(tmp_path / "broken.keras", "one/bias hold NaN or infinity")


def test_models_that_change_the_size_are_refused(tmp_path):
    picture = keras.Input((None, None, 3))
    for layer, what in (
        (layers.Conv2D(3, 3, 2), "makes 34x18 of pictures of 70x37"),
        (layers.AveragePooling2D(4, padding="same"), "makes 18x10"),
        (layers.UpSampling2D(), "makes 140x74"),
    ):
        keras.Model(picture, layer(picture)).save(tmp_path / "other.keras")
        refused(tmp_path / "other.keras", what)
