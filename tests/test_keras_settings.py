"""The user's keras.json and KERAS_BACKEND change nothing, or are told in one line."""

import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
from helpers.pictures import photo

import deblurgan_tf
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.errors import UsageError
from deblurgan_tf.keras_settings import use_own_settings
from deblurgan_tf.models.layers import CropLike, PadToMultiple


@pytest.fixture
def user_settings():
    """Sets what a keras.json can hold; undone after the test."""
    before = keras.config.floatx(), keras.config.image_data_format()

    def choose(floatx, data_format):
        keras.config.set_floatx(floatx)
        keras.config.set_image_data_format(data_format)

    yield choose
    choose(*before)


def test_a_loaded_model_restores_as_with_kerass_own_settings(tmp_path, user_settings):
    blurred = keras.Input((None, None, 3))
    padded = PadToMultiple(8, minimum=16)(blurred)
    restored = CropLike()([padded * 0.5, blurred])
    keras.Model(blurred, restored).save(tmp_path / "model.keras")
    picture = photo(21, 34, 1)
    expected = deblurgan_tf.load(tmp_path / "model.keras").restore(picture)
    # With float16 as its floatx, Keras pads with integers of 16 bits, and fails.
    user_settings("float16", "channels_first")
    with pytest.warns(UserWarning, match="Keras was set to float16 and channels_first"):
        restorer = deblurgan_tf.load(tmp_path / "model.keras")
    assert np.array_equal(restorer.restore(picture), expected)


def test_a_command_sets_them_without_a_word(user_settings):
    user_settings("float16", "channels_first")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        import_tensorflow()
    found = keras.config.floatx(), keras.config.image_data_format()
    assert found == ("float32", "channels_last")


def test_keras_on_another_backend_is_one_line(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(UsageError, match="Keras runs on jax.*KERAS_BACKEND=tensorflow"):
        use_own_settings()


def test_the_backend_is_tensorflow_whatever_the_user_has_set():
    program = "import deblurgan_tf, os; print(os.environ['KERAS_BACKEND'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "tensorflow\n"


def test_a_keras_that_cannot_be_imported_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(UsageError, match=r"Keras cannot be imported.*keras\.json"):
        import_tensorflow()
