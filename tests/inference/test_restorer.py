from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import (
    convolutional,
    identity,
    narrow_resnet,
    untrained_unrolled,
)
from helpers.pictures import photo
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import deblurgan_tf
from deblurgan_tf import config, images
from deblurgan_tf.blur import degradation as blur
from deblurgan_tf.blur import kernels
from deblurgan_tf.blur.seeds import sample_seeds
from deblurgan_tf.data.plates.render import render_plate
from deblurgan_tf.errors import ModelError, UsageError
from deblurgan_tf.inference import tiles
from deblurgan_tf.inference.restorer import KERNEL_TILE, Restorer, load
from deblurgan_tf.metrics import pixels as metrics
from deblurgan_tf.models import files as model_files
from deblurgan_tf.models.unrolled import unrolled_generator
from deblurgan_tf.storage import model_names, resources


@pytest.fixture(scope="module")
def resnet():
    return Restorer(narrow_resnet())


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "narrow.keras"
    narrow_resnet().save(path)
    return path


@given(st.integers(1, 70), st.integers(1, 70), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_size_keeps_its_size_and_type(resnet, height, width, deep):
    dtype = np.uint16 if deep else np.uint8
    pixels = photo(height, width, height * 71 + width).astype(dtype)
    pixels = pixels * dtype(257) if deep else pixels
    restored = resnet.restore(pixels)
    assert restored.shape == (height, width, 3) and restored.dtype == dtype
    if height * width > 200:
        assert (restored != pixels).any()


def test_restore_is_the_model_between_the_two_doors(resnet):
    pixels = photo(61, 50, 3)
    wanted = resnet.model(images.to_float(pixels)[None], training=False)[0]
    np.testing.assert_array_equal(
        resnet.restore(pixels), images.to_uint8(np.asarray(wanted))
    )


def test_two_runs_give_the_same_pixels(saved):
    pixels = photo(100, 120, 0)
    first, second = (load(saved).restore(pixels) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_dropout_is_off():
    picture = keras.Input((None, None, 3))
    model = keras.Model(picture, layers.Dropout(0.5)(picture))
    pixels = photo(20, 20, 0)
    np.testing.assert_array_equal(Restorer(model).restore(pixels), pixels)


@pytest.mark.parametrize("tile", [None, 128])
def test_sixteen_bits_go_through_without_loss(tile):
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = np.stack([every, every.T, every[::-1]], axis=2)
    restored = Restorer(identity(), tile=tile).restore(pixels)
    np.testing.assert_array_equal(restored, pixels)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (30, 200, 111)])
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (33, 50)])
def test_a_flat_picture_comes_back_unchanged(resnet, colour, size):
    pixels = np.full((*size, 3), colour, np.uint8)
    np.testing.assert_array_equal(resnet.restore(pixels), pixels)
    values = images.to_float(np.full((1, 33, 50, 3), colour, np.uint8))
    # Without the exception the model would draw its own rounding noise.
    assert np.abs(np.asarray(resnet.model(values)) - values).max() > 0.02


def test_the_ensemble_is_the_mean_over_eight_views_written_out(resnet):
    pixels = photo(41, 58, 1)

    def seen(picture):
        values = images.to_float(np.ascontiguousarray(picture))[None]
        return np.asarray(resnet.model(values))[0]

    total = (
        seen(pixels)
        + seen(pixels[:, ::-1])[:, ::-1]
        + seen(pixels[::-1])[::-1]
        + seen(pixels[::-1, ::-1])[::-1, ::-1]
    )
    transposed = pixels.transpose(1, 0, 2)
    total += (
        seen(transposed).transpose(1, 0, 2)
        + seen(transposed[:, ::-1])[:, ::-1].transpose(1, 0, 2)
        + seen(transposed[::-1])[::-1].transpose(1, 0, 2)
        + seen(transposed[::-1, ::-1])[::-1, ::-1].transpose(1, 0, 2)
    )
    averaged = Restorer(resnet.model, tta=True).restore(pixels).astype(int)
    wanted = images.to_uint8(total / 8).astype(int)
    assert np.abs(averaged - wanted).max() <= 1
    assert (averaged != wanted).mean() < 0.01
    assert np.abs(averaged - resnet.restore(pixels)).max() > 1


def test_bfloat16_costs_little_and_leaves_the_picture_itself_exact(resnet):
    quick = Restorer(resnet.model, precision="bfloat16")
    policies = [layer.compute_dtype for layer in quick.model.layers]
    assert policies.count("bfloat16") > 10
    assert quick.model.layers[-1].compute_dtype == "float32"
    pixels = photo(64, 80, 2)
    difference = np.abs(quick.restore(pixels).astype(int) - resnet.restore(pixels))
    assert 0 < difference.mean() < 2
    # A picture that passes beside the network keeps all of its bits.
    still = narrow_resnet()
    still.set_weights([weight * 0 for weight in still.get_weights()])
    deep = np.random.default_rng(0).integers(0, 65536, (32, 40, 3)).astype(np.uint16)
    quick = Restorer(still, precision="bfloat16")
    np.testing.assert_array_equal(quick.restore(deep), deep)


def test_equal_tiles_go_through_the_model_together():
    model = convolutional()
    tiled = Restorer(model, tile=256)
    assert tiled._batch(200, 256) == 1 and tiled._batch(32, 40) == 51
    pixels = photo(60, 2000, 0)
    together = tiled.restore(pixels).astype(int)
    tiled._batch = lambda height, width: 1
    assert np.abs(tiled.restore(pixels) - together).max() <= 1


@pytest.mark.parametrize("tta", [False, True])
def test_tiles_share_the_statistics_of_the_picture(resnet, tta):
    # The left is dark and smooth, the right bright and busy: on their own, tiles of
    # the one are treated otherwise than tiles of the other.
    pixels = photo(300, 700, 0)
    pixels[:, :400] //= 16
    whole = Restorer(resnet.model, tta=tta)
    tiled = Restorer(resnet.model, tile=256, tta=tta)
    assert whole.plan(300, 700).count == 1 and tiled.plan(300, 700).count > 6
    wanted = whole.restore(pixels).astype(int)
    shared = np.abs(tiled.restore(pixels) - wanted).mean()
    tiled.normalised = 0  # each tile by its own statistics
    alone = np.abs(tiled.restore(pixels) - wanted).mean()
    assert shared < alone / 3


def test_samples_come_from_all_over_and_not_only_from_flat_places():
    rows, columns = np.mgrid[:2000, :3000].astype(np.uint16)
    pixels = np.stack([rows, columns, rows], axis=2)
    patches = tiles.samples(pixels, 1024)
    assert 12 <= len(patches) <= 16 and {x.shape for x in patches} == {(256, 256, 3)}
    middles = np.array([x[128, 128, :2] for x in patches])
    assert (np.abs(middles.mean(axis=0) - (1000, 1500)) < 60).all()
    assert len(tiles.samples(pixels[:100, :700], 1024)) == 3
    page = np.zeros((4000, 4000, 3), np.uint8)
    page[1300:1310, 700:720] = 255
    assert not any(map(tiles.is_flat, tiles.samples(page, 1024)))


@pytest.mark.parametrize(
    ("pixels", "what"),
    [
        (np.zeros((4, 4), np.uint8), r"must be \(H, W, 3\), not \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"must be \(H, W, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), r"must be \(H, W, 3\)"),
        (np.zeros((4, 4, 3), np.float32), "uint8 or uint16, not float32"),
    ],
)
def test_other_arrays_are_refused(resnet, pixels, what):
    with pytest.raises(ValueError, match=what):
        resnet.restore(pixels)


def test_a_path_is_answered_with_what_to_call(resnet):
    with pytest.raises(TypeError, match="images.read_rgb"):
        resnet.restore("a.png")


def test_wrong_options_are_refused(resnet):
    with pytest.raises(ValueError, match="float32 or bfloat16; got 'float16'"):
        Restorer(resnet.model, precision="float16")
    with pytest.raises(UsageError, match="at least"):
        Restorer(resnet.model, tile=20)


# Finding and opening models.


def test_a_model_is_a_shipped_name_a_run_or_a_file(saved, tmp_path, monkeypatch):
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    shutil.copy(saved, run / "generator.keras")
    assert model_files.find(run) == run / "generator.keras"
    assert model_files.find(str(saved)) == saved
    shelf = tmp_path / "shelf" / "assets" / "models"
    shelf.mkdir(parents=True)
    shutil.copy(saved, shelf / "one.keras")
    digest = hashlib.sha256(saved.read_bytes()).hexdigest()
    (shelf / "SHA256SUMS").write_text(f"{digest}  one.keras\n")
    monkeypatch.setattr(
        model_names, "resource", lambda *parts: _there(tmp_path / "shelf", parts)
    )
    # A bare name means the shipped model even beside a folder of that name.
    monkeypatch.chdir(tmp_path / "runs")
    assert model_files.find("one") == shelf / "one.keras"
    assert model_files.find("./one").resolve() == run / "generator.keras"
    assert model_files.shipped() == ["one"]
    pixels = photo(20, 30, 0)
    np.testing.assert_array_equal(
        load("one").restore(pixels), load(run).restore(pixels)
    )
    with pytest.raises(ModelError, match="two: is no shipped.*are: one.*--model"):
        load("two")
    with pytest.raises(ModelError, match=r"are: one\); did you mean one\?"):
        load("onne")


def _there(root, parts):
    path = root.joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(path)
    return path


def refused(path, what):
    with pytest.raises(ModelError, match=what) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_models_are_named_with_the_way_out(tmp_path):
    refused(tmp_path / "none.keras", "does not exist .*give the run's folder")
    (tmp_path / "run").mkdir()
    refused(tmp_path / "run", "no generator.keras.*--model")
    (tmp_path / "model.h5").write_bytes(b"x")
    refused(tmp_path / "model.h5", "not a .keras file")


def test_damaged_models_are_refused(saved, tmp_path):
    data = saved.read_bytes()
    path = tmp_path / "damaged.keras"
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0xFF
    for content in (b"", b"PK", b"x" * 1000, data[: len(data) // 2], flipped):
        path.write_bytes(content)
        refused(path, "damaged|cannot be loaded")
    with zipfile.ZipFile(saved) as whole:
        for missing in ("config.json", "model.weights.h5"):
            with zipfile.ZipFile(path, "w") as partial:
                for name in whole.namelist():
                    if name != missing:
                        partial.writestr(name, whole.read(name))
            refused(path, "damaged|cannot be loaded")


def test_models_that_would_run_code_are_refused(tmp_path):
    ran = tmp_path / "ran"
    picture = keras.Input((None, None, 3))
    path = tmp_path / "lambda.keras"
    mark = str(ran)
    layer = layers.Lambda(lambda x: os.mkdir(mark) or x, output_shape=lambda s: s)
    keras.Model(picture, layer(picture)).save(path)
    refused(path, "Lambda layer, which is code that runs on loading")
    assert not ran.exists()


def test_foreign_models_are_refused(saved, tmp_path):
    path = tmp_path / "foreign.keras"
    keras.Sequential([keras.Input((4,)), layers.Dense(3)]).save(path)
    refused(path, "not a functional Keras model")
    row = keras.Input((4,))
    keras.Model(row, layers.Dense(3)(row)).save(path)
    refused(path, r"goes from \(None, 4\) to \(None, 3\)")
    fixed = keras.Input((64, 64, 3))
    keras.Model(fixed, layers.ReLU()(fixed)).save(path)
    refused(path, "a generator takes and gives")
    two = [keras.Input((None, None, 3)) for _ in range(2)]
    keras.Model(two, layers.Add()(two)).save(path)
    refused(path, "a generator takes and gives")
    with zipfile.ZipFile(saved) as whole, zipfile.ZipFile(path, "w") as changed:
        for name in whole.namelist():
            data = whole.read(name)
            if name == "config.json":
                data = data.replace(b'"deblurgan_tf.models.layers"', b'"subprocess"')
            changed.writestr(name, data)
    refused(path, "of subprocess, which is neither of Keras nor")


def test_load_is_exported_and_the_import_stays_cheap():
    assert deblurgan_tf.load is load
    with pytest.raises(AttributeError, match="nothing"):
        deblurgan_tf.nothing  # noqa: B018
    code = "import sys, deblurgan_tf; print('tensorflow' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert result.stdout == "False\n", result.stderr
    assert model_names.chosen("auto") == resources.DEFAULT_MODEL == "photos"
    assert model_names.chosen("plates") == "plates"
    assert model_files.find("auto") == model_files.find("photos")


def test_the_shipped_model_restores_plates_of_its_kind_and_is_the_one_of_its_card():
    path = resources.resource("assets", "models", "plates_quick.keras")
    card = (path.parent / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card
    restorer = load("plates_quick")
    how = blur.degradation(config.load(config.experiment("plates_quick")).blur, 7)
    gains = []
    for number in range(8):
        sharp = render_plate(900_000 + number, 64, 128)[0]
        values = keras.ops.convert_to_tensor(images.to_float(sharp)[None])
        seeds = sample_seeds(7, np.array([number]))
        blurred = images.to_uint8(blur.degrade(values, how, seeds)[0].numpy())
        restored = restorer.restore(blurred)
        gains.append(metrics.psnr(restored, sharp) - metrics.psnr(blurred, sharp))
    # Most gain, and the card says that not all do.
    assert np.mean(gains) > 1.0
    assert np.sum(np.array(gains) > 0) >= 6


def test_a_shipped_model_that_was_changed_is_refused(tmp_path):
    path = resources.resource("assets", "models", "plates_quick.keras")
    for name in ("plates_quick.keras", "SHA256SUMS"):
        (tmp_path / name).write_bytes((path.parent / name).read_bytes())
    copy = tmp_path / "plates_quick.keras"
    model_files.check_shipped(copy)
    data = bytearray(copy.read_bytes())
    data[5000] ^= 1
    copy.write_bytes(data)
    with pytest.raises(ModelError, match="plates_quick.keras: is damaged, or not the"):
        model_files.check_shipped(copy)


def test_every_shipped_model_is_in_the_sums_and_in_its_card():
    folder = resources.resource("assets", "models")
    card = (folder / "README.md").read_text(encoding="utf-8")
    sums = (folder / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    assert [line.split()[1] for line in sums] == sorted(
        path.name for path in folder.glob("*.keras")
    )
    for line in sums:
        digest, name = line.split()
        assert f"`{name}`" in card and digest in card
        model_files.check_shipped(folder / name)
        assert (folder / name).stat().st_size < 30e6


@pytest.mark.parametrize("name", ["plates", "photos"])
def test_models_that_find_kernels_undo_long_blur_that_they_have_not_seen(name):
    restorer = load(name)
    assert restorer.kernel == 57 and restorer.tile == KERNEL_TILE
    bank = kernels.kernel_bank("trajectory", 6, 65, 30, (0.005,), (1.0,), 77)
    gains = []
    for number in range(6):
        sharp = render_plate(800_000 + number, 96, 224)[0]
        values = keras.ops.convert_to_tensor(images.to_float(sharp)[None])
        blurred = images.to_uint8(blur.blur(values, bank[number : number + 1])[0])
        blurred = np.asarray(blurred)
        restored = restorer.restore(blurred)
        gains.append(metrics.psnr(restored, sharp) - metrics.psnr(blurred, sharp))
    assert np.mean(gains) > 1.5 and np.median(gains) > 1.0
    # The two have one architecture.
    for size in ((1, 1), (17, 23), (33, 65)) if name == "plates" else ():
        assert restorer.restore(photo(*size, 0)).shape == (*size, 3)


def test_the_first_pictures_need_no_graph_and_all_get_the_same_bits(monkeypatch):
    monkeypatch.setattr("deblurgan_tf.inference.restorer.EAGER_RUNS", 2)
    network = untrained_unrolled(levels=1, seed=3)
    restorer = Restorer(network)
    picture = photo(40, 56, 1)
    left, restored = [], []
    for _ in range(4):
        restored.append(restorer.restore(picture))
        left.append(restorer.eager_runs)
    assert left == [1, 0, 0, 0]
    for later in restored[1:]:
        np.testing.assert_array_equal(later, restored[0])
    assert (restored[0] != picture).any()
    # Where more runs are to come, a graph pays at once; and the rest of a process keeps
    # TensorFlow's rewriting of graphs.
    many = Restorer(network, tta=True)
    many.restore(picture[:16, :16])
    assert many.eager_runs == 0
    options = tf.config.optimizer.get_experimental_options()
    assert not options.get("disable_meta_optimizer", False)


def in_threads(restorers, pictures, rounds=2):
    """Each restorer restores all pictures, `rounds` times: all of them at once."""
    start = threading.Barrier(len(restorers) * rounds)

    def restore(number):
        start.wait()
        # Each begins at another picture.
        order = np.roll(np.arange(len(pictures)), number)
        restorer = restorers[number % len(restorers)]
        found = {n: restorer.restore(pictures[n]) for n in order}
        return [found[n] for n in range(len(pictures))]

    with ThreadPoolExecutor(len(restorers) * rounds) as pool:
        return list(pool.map(restore, range(len(restorers) * rounds)))


def test_many_threads_restore_at_once_with_the_bits_of_one(resnet, monkeypatch):
    network = untrained_unrolled(levels=1, seed=3)
    sizes = [(40, 56), (40, 56), (33, 20), (180, 400)]
    pictures = [
        photo(*size, number).astype(np.uint16) * np.uint16(257)  # sixteen bits
        for number, size in enumerate(sizes)
    ]
    tiled = Restorer(resnet.model, tile=256)
    alone = [Restorer(network), resnet, tiled]
    assert tiled.plan(180, 400).count > 1
    expected = [[x.restore(picture) for picture in pictures] for x in alone]
    # The generator that finds kernels runs without a graph always, at first, and never.
    for eager_runs in (100, 3, 0):
        monkeypatch.setattr("deblurgan_tf.inference.restorer.EAGER_RUNS", eager_runs)
        restorers = [Restorer(network), resnet, tiled]
        for number, restored in enumerate(in_threads(restorers, pictures)):
            for one, other in zip(restored, expected[number % 3], strict=True):
                np.testing.assert_array_equal(one, other)


def test_tensorflow_keeps_its_options_while_a_picture_is_restored():
    """They hold for all threads of a process, whatever those compute."""
    seen, stop = [], threading.Event()

    def look():
        while not stop.wait(0.0005):
            options = tf.config.optimizer.get_experimental_options()
            seen.append(options.get("disable_meta_optimizer", False))

    restorer = Restorer(untrained_unrolled(levels=1, seed=3))
    restorer.eager_runs = 0
    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(3):
            restorer.restore(photo(40, 56, 1))
    finally:
        stop.set()
        thread.join()
    assert len(seen) > 10 and not any(seen)


def test_a_generator_of_few_operations_always_has_a_graph(resnet):
    assert resnet.eager_runs == 0


@pytest.mark.parametrize("tta", [False, True])
def test_small_pictures_together_are_restored_as_each_alone(tta):
    """But for what rounds otherwise in a sum of another order."""

    def check(found, expected):
        assert found.dtype == expected.dtype
        apart = np.abs(found.astype(int) - expected)
        assert apart.max() <= (1 if found.dtype == np.uint8 else 257)
        assert found.dtype == np.uint16 or np.mean(apart > 0) < 1e-3

    generator = unrolled_generator(levels=1, width=4, seed=3)
    random = np.random.default_rng(0)
    pictures = list(random.integers(0, 256, (5, 40, 52, 3), np.uint8))
    pictures.append(np.full_like(pictures[0], 77))  # flat
    alone, restorer = (Restorer(generator, tta=tta) for _ in range(2))
    found = restorer.restore_together(pictures)
    assert len(found) == 6 and not np.array_equal(found[0], pictures[0])
    for picture, restored in zip(pictures, found, strict=True):
        check(restored, alone.restore(picture))
    deep = [picture.astype(np.uint16) * 257 for picture in pictures[:2]]
    for picture, restored in zip(deep, restorer.restore_together(deep), strict=True):
        check(restored, alone.restore(picture))


def test_large_pictures_and_models_that_normalise_go_alone(resnet):
    assert resnet.together(20, 20) == 1
    restorer = Restorer(unrolled_generator(levels=1, width=4), tile=416)
    assert restorer.together(40, 52) == 8
    assert restorer.together(200, 300) == 416**2 // 60_000
    assert restorer.together(416, 416) == restorer.together(417, 500) == 1
    small = np.zeros((40, 52, 3), np.uint8)
    for pictures in ([small] * 9, [small, small[1:]], [small, small.astype(np.uint16)]):
        with pytest.raises(ValueError, match="one size"):
            restorer.restore_together(pictures)
