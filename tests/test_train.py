"""A training ends with the same bits however often it is stopped, and says what it did.

Tracing the real step takes seconds, so tests of the loop around it use `quick` steps.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from helpers.pictures import energy, paired, photo, photos, save, softened
from helpers.places import REFERENCE
from helpers.trainings import tiny, values
from skimage.metrics import structural_similarity
from tensorboard.compat.proto.event_pb2 import Event
from tensorflow.python.framework.config import disable_op_determinism
from typer.testing import CliRunner

from deblurgan_tf import config as configs
from deblurgan_tf import images, train
from deblurgan_tf.blur.degradation import degradation
from deblurgan_tf.data import open_source
from deblurgan_tf.errors import DataError
from deblurgan_tf.inference.restorer import Restorer
from deblurgan_tf.models.files import open_model
from deblurgan_tf.storage.atomic import temporary_name
from deblurgan_tf.training import loop as training
from deblurgan_tf.training import plots
from deblurgan_tf.training import run_folder as runs
from deblurgan_tf.training.content import read_content, write_content
from deblurgan_tf.training.distribution import Workers
from deblurgan_tf.training.schedule import total_steps
from deblurgan_tf.training.state import new_state
from deblurgan_tf.training.validation import Validation

# Everything that a resumed run could get wrong; no interval divides another.
FULL = values(
    seed=7,
    blur={"noise": [0, 4]},
    model={"dropout": 0.5},
    loss={"adversarial": "wgan-gp", "penalty_weight": 10.0},
    train={"ema": 0.99, "learning_rate": 1e-3},
    every={"log": 2, "sample": 4, "validate": 2, "checkpoint": 3},
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Each test runs in its own folder, and other tests stay free of determinism."""
    monkeypatch.chdir(tmp_path)
    yield
    disable_op_determinism()


def invoke(*arguments):
    """Runs the command; its exit code and all that it printed."""
    result = CliRunner().invoke(train.app, [str(x) for x in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), (
        result.exception
    )
    return SimpleNamespace(code=result.exit_code, text=result.output)


def config_file(folder, name="config.yaml", **sections):
    path = Path(folder) / name
    path.write_text(yaml.safe_dump(values(**sections)))
    return path


def contents(folder):
    """Every file below a folder: its bytes and when they were written."""
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes(),
            path.stat().st_mtime_ns,
        )
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def steps_of(run, key="generator"):
    return [record["step"] for record in runs.read_log(run) if key in record]


def checkpoints(run):
    return sorted(int(x.name[5:]) for x in (run / "checkpoints").glob("step-*"))


# The real thing: one training without a stop, and the same one killed.


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    path = tmp_path_factory.mktemp("experiment") / "config.yaml"
    path.write_text(yaml.safe_dump(FULL))
    return path


@pytest.fixture(scope="module")
def straight(experiment, tmp_path_factory):
    """A run of six steps in one go."""
    run = tmp_path_factory.mktemp("straight")
    result = invoke("--config", experiment, "--run", run)
    assert result.code == 0, result.text
    return SimpleNamespace(path=run, text=result.text)


# Hangs after step 4 is logged, with half a line and half a checkpoint written.
HANGING = """
import time
from deblurgan_tf import train
from deblurgan_tf.storage.atomic import temporary_name
from deblurgan_tf.training import run_folder as runs

append = runs.append_log

def hang(run, record):
    append(run, record)
    if record["step"] == 4 and "generator" in record:
        with open(run / "log.jsonl", "a") as file:
            file.write('{"step": 6, "critic": 0.12')
        partial = temporary_name(run / "checkpoints" / "step-00000006")
        partial.mkdir()
        (partial / "state.index").write_bytes(b"half")
        print("hanging", flush=True)
        time.sleep(200)

runs.append_log = hang
train.app()
"""


@pytest.fixture(scope="module")
def killed(experiment, tmp_path_factory):
    """The same run, killed after step 4 and resumed by the same command."""
    run = tmp_path_factory.mktemp("killed")
    arguments = ["--config", str(experiment), "--run", str(run)]
    first = subprocess.Popen(
        [sys.executable, "-c", HANGING, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with first:
        seen = first.stdout.readline()
        first.send_signal(signal.SIGKILL)
        assert seen == "hanging\n", first.stderr.read()
    left = checkpoints(run)
    second = invoke(*arguments)
    assert second.code == 0, second.text
    return SimpleNamespace(path=run, first=first.returncode, left=left)


def test_a_run_that_was_killed_ends_with_the_same_bits(straight, killed):
    assert killed.first == -signal.SIGKILL and killed.left == [3]
    one, other = (
        tf.train.load_checkpoint(str(run.path / "checkpoints/step-00000006/state"))
        for run in (straight, killed)
    )
    names = [x for x in one.get_variable_to_shape_map() if "OBJECT_GRAPH" not in x]
    assert sorted(names) == sorted(
        x for x in other.get_variable_to_shape_map() if "OBJECT_GRAPH" not in x
    )
    for part in ("generator", "average", "critic", "generator_optimizer", "sums"):
        assert any(name.startswith(part) for name in names), part
    assert any(name.startswith("critic_optimizer") for name in names)
    for name in names:
        a, b = np.asarray(one.get_tensor(name)), np.asarray(other.get_tensor(name))
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes(), name
    assert int(one.get_tensor("step/.ATTRIBUTES/VARIABLE_VALUE")) == 6


def test_its_log_its_best_generator_and_its_samples_are_the_same_too(straight, killed):
    for name in ("log.jsonl", "config.yaml", "loss.png", "progress.png"):
        one, other = straight.path / name, killed.path / name
        assert one.read_bytes() == other.read_bytes(), name
    one, other = (
        keras.models.load_model(run.path / "generator.keras").get_weights()
        for run in (straight, killed)
    )
    assert all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))
    one, other = (
        [np.load(x) for x in sorted((run.path / "samples").glob("*.npz"))]
        for run in (straight, killed)
    )
    assert len(one) == len(other) == 2
    for a, b in zip(one, other, strict=True):
        assert all(np.array_equal(a[key], b[key]) for key in a.files)


def test_a_run_leaves_all_that_describes_it(straight):
    run = straight.path
    found = set(contents(run))
    events = {name for name in found if name.startswith("tensorboard/events.out")}
    assert len(events) == 1
    assert found - events == {
        ".lock",
        "checkpoints/step-00000003/state.data-00000-of-00001",
        "checkpoints/step-00000003/state.index",
        "checkpoints/step-00000003/state.json",
        "checkpoints/step-00000006/state.data-00000-of-00001",
        "checkpoints/step-00000006/state.index",
        "checkpoints/step-00000006/state.json",
        "command.txt",
        "config.yaml",
        "content.yaml",
        "pictures.txt",
        "generator.keras",
        "log.jsonl",
        "loss.png",
        "progress.png",
        "samples/step-00000004.npz",
        "samples/step-00000004.png",
        "samples/step-00000006.npz",
        "samples/step-00000006.png",
    }
    for name in ("generator.keras", "loss.png", "progress.png", "log.jsonl"):
        assert f"  {run / name}  " in straight.text
    assert f"--model {run} --output restored_by_{run.name}\n" in straight.text
    assert "validation PSNR" in straight.text
    assert steps_of(run) == steps_of(run, "psnr") == [2, 4, 6]
    last = [record for record in runs.read_log(run) if "generator" in record][-1]
    assert set(last) == {
        *("step", "epoch", "learning_rate", "generator", "content"),
        *("adversarial", "critic", "penalty"),
    }


def test_tensorboard_has_every_number_of_the_log_and_the_samples(straight):
    (path,) = (straight.path / "tensorboard").iterdir()
    scalars, pictures, texts = {}, set(), {}
    for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        event = Event.FromString(data)
        for value in event.summary.value:
            tensor = tf.make_ndarray(value.tensor)
            if value.metadata.plugin_data.plugin_name == "scalars":
                scalars[event.step, value.tag] = float(tensor)
            elif value.metadata.plugin_data.plugin_name == "text":
                texts[event.step, value.tag] = tensor.item().decode()
            else:
                pictures.add((event.step, value.tag))
    groups = {"learning_rate": "training"}
    groups |= dict.fromkeys(
        ("psnr", "ssim", "psnr_blurred", "ssim_blurred"), "validation"
    )
    logged = {
        (record["step"], f"{groups.get(name, 'loss')}/{name}"): number
        for record in runs.read_log(straight.path)
        for name, number in record.items()
        if name not in ("step", "epoch")
    }
    assert {tag.split("/")[0] for _, tag in logged} == {
        "training",
        "validation",
        "loss",
    }
    assert scalars.keys() == logged.keys()
    assert all(np.isclose(scalars[key], logged[key], rtol=1e-6) for key in logged)
    assert pictures == {(s, f"samples/{n}") for s in (4, 6) for n in (0, 1)}
    (text,) = texts.values()
    config = (straight.path / "config.yaml").read_text()
    assert texts.keys() == {(0, "config")} and textwrap.dedent(text) == config


def test_the_validation_in_the_log_is_that_of_the_saved_generator(straight):
    config = configs.load(straight.path / "config.yaml")
    records = [x for x in runs.read_log(straight.path) if "psnr" in x]
    best = max(records, key=lambda record: record["psnr"])
    generator = keras.models.load_model(straight.path / "generator.keras")
    validation = Validation(
        open_source(config).validation, degradation(config.blur, 7), 7
    )
    measured = validation.measure(Restorer(generator).restore)
    for name, value in measured.items():
        assert best[name] == pytest.approx(value, abs=1e-3), name


def test_a_finished_run_says_so_and_changes_nothing(straight, experiment):
    before = contents(straight.path)
    result = invoke("--config", experiment, "--run", straight.path)
    assert result.code == 0
    assert f"{straight.path}: finished at step 6; nothing to do" in result.text
    assert contents(straight.path) == before


def test_a_changed_config_is_refused_names_its_keys_and_changes_nothing(
    straight, experiment
):
    before = contents(straight.path)
    changes = ("--set", "train.ema=0.9", "--set", "seed=1")
    result = invoke("--config", experiment, "--run", straight.path, *changes)
    assert result.code == 2
    assert "differs in: seed, train.ema" in result.text
    assert "Traceback" not in result.text
    result = invoke(
        "--config", experiment, "--run", straight.path, "--set", "train.steps=5"
    )
    assert result.code == 2 and "differs in: train.steps" in result.text
    assert contents(straight.path) == before


def test_nan_ends_a_training_with_1_and_the_loss_and_step_and_no_later_checkpoint(
    tmp_path,
):
    path = config_file(
        tmp_path,
        data={"validation": 0},
        model={"blocks": 0},
        loss={"adversarial": "none"},
        train={"learning_rate": 3e38},
        every={"log": 4, "checkpoint": 1},
    )
    result = invoke("--config", path, "--run", tmp_path / "run")
    assert result.code == 1, result.text
    assert "the loss 'content' became NaN or infinite in step 2" in result.text
    assert "train.learning_rate" in result.text and "Traceback" not in result.text
    assert checkpoints(tmp_path / "run") == [1]
    assert steps_of(tmp_path / "run") == []


# The loop around the step, with steps that cost nothing.


@pytest.fixture
def drawn(monkeypatch):
    """Steps that add their number to every loss and 0.001 to every EMA weight.

    Returns what each of them saw: (step, batch), the content loss and the total.
    """
    seen = SimpleNamespace(batches=[], content=None, total=None, after=lambda step: 0)

    def make_train_step(config, state, content, how, total, strategy, lengthened):
        seen.content, seen.total, seen.state = content, total, state
        seen.lengthened = lengthened

        def step(batch):
            seen.batches.append({key: value.numpy() for key, value in batch.items()})
            state.step.assign_add(1)
            state.sums.assign_add(
                tf.fill(state.sums.shape, tf.cast(state.step, tf.float32))
            )
            for weight in state.average.weights:
                weight.assign(weight + 0.001)
            seen.after(int(state.step))

        return step

    monkeypatch.setattr(training, "make_train_step", make_train_step)
    return seen


@pytest.fixture
def quick(drawn, monkeypatch):
    """The same without figures, which take longer than all the rest."""
    monkeypatch.setattr(plots, "save_samples", lambda *_: None)
    monkeypatch.setattr(plots, "redraw", lambda *_: None)
    return drawn


def quick_run(run, *changes, **sections):
    """Goes on in a run with the tiniest config."""
    sections["data"] = {"validation": 0} | sections.get("data", {})
    sections["loss"] = {"adversarial": "none"} | sections.get("loss", {})
    sections["model"] = {"blocks": 0}
    path = config_file(".", **sections)
    return invoke("--config", path, "--run", run, *changes)


def fill_every_source(root):
    photos(root / "photos", 4)
    paired(root / "pairs", 4)
    for number in range(4):
        picture = photo(40, 44, number)
        for name, other in (("sharp", picture), ("blur", softened(picture))):
            save(root / "tfds/downloads/manual/train/A" / name / f"{number}.png", other)


@pytest.mark.parametrize(
    ("data", "is_paired"),
    [
        ({"source": "plates"}, False),
        ({"source": "plates", "count": None}, False),
        ({"source": "folder", "path": "photos"}, False),
        ({"source": "pairs", "path": "pairs"}, True),
        ({"source": "tfds", "path": "tfds", "name": "gopro_deblur"}, True),
        (
            {
                "source": "mix",
                "mix": [
                    {"weight": 1, "source": "pairs", "path": "pairs"},
                    {"weight": 1, "source": "tfds", "path": "tfds"}
                    | {"name": "gopro_deblur"},
                ],
            },
            True,
        ),
    ],
    ids=["plates", "endless plates", "folder", "pairs", "tfds", "mix"],
)
def test_each_source_gives_batches_and_validation_pictures(
    tmp_path, quick, data, is_paired
):
    fill_every_source(tmp_path)
    result = quick_run(
        Path("run"), data=data | {"validation": 1}, train={"steps": 2}, every={"log": 1}
    )
    assert result.code == 0, result.text
    assert steps_of(Path("run")) == [1, 2] and steps_of(Path("run"), "psnr") == [2]
    assert [batch["position"].tolist() for batch in quick.batches] == [[0, 1], [2, 3]]
    for batch in quick.batches:
        assert batch["sharp"].shape == batch["blurred"].shape == (2, 32, 32, 3)
        assert batch["sharp"].dtype == batch["blurred"].dtype == np.uint8
        assert batch["paired"].tolist() == [is_paired] * 2
        if is_paired:
            assert energy(batch["blurred"][0]) < energy(batch["sharp"][0])
    (record,) = [x for x in runs.read_log(Path("run")) if "psnr" in x]
    assert record["psnr_blurred"] < 60


def test_a_longer_training_goes_on_where_the_shorter_one_ended(quick):
    run, every = Path("run"), {"log": 4, "checkpoint": 3}
    assert quick_run(run, every=every, train={"steps": 6}).code == 0
    assert quick.lengthened == () and not (run / "lengthened.jsonl").exists()
    result = quick_run(run, every=every, train={"steps": 9})
    assert result.code == 0 and "run: lengthened from 6 to 9 steps" in result.text
    assert len(quick.batches) == 9 and quick.total == 9
    positions = [batch["position"].tolist() for batch in quick.batches]
    assert positions == [[2 * n, 2 * n + 1] for n in range(9)]
    assert checkpoints(run) == [6, 9]
    # Each line is the mean over the steps since the line before it.
    logged = [(x["step"], x["content"]) for x in runs.read_log(run)]
    assert logged == [(4, 2.5), (6, 5.5), (8, 7.5), (9, 9.0)]
    assert (run / "command.txt").read_text().count("command: ") == 2
    assert configs.load(run / "config.yaml").train.steps == 9


def test_what_was_lengthened_is_the_same_after_a_stop(quick):
    run, every = Path("run"), {"checkpoint": 2}
    assert quick_run(run, every=every, train={"steps": 4}).code == 0

    def stop(step):
        if step == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    quick.after = stop
    assert quick_run(run, every=every, train={"steps": 9}).code == 143
    assert quick.lengthened == ((4, 4),)
    result = quick_run(run, every=every, train={"steps": 9})
    assert result.code == 0 and "lengthened from" not in result.text
    assert quick.lengthened == ((4, 4),)
    assert quick_run(run, every=every, train={"steps": 11}).code == 0
    assert quick.lengthened == ((4, 4), (9, 9))


def test_other_intervals_after_a_stop_keep_the_means_of_the_log_right(quick):
    def stop(step):
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    run, quick.after = Path("run"), stop
    assert quick_run(run, every={"log": 2}).code == 143
    assert quick_run(run, every={"log": 5}).code == 0
    logged = [(x["step"], x["content"]) for x in runs.read_log(run)]
    assert logged == [(2, 1.5), (5, 4.0), (6, 6.0)]


def test_the_best_generator_is_kept_across_a_restart(quick, monkeypatch):
    scores = {2: 30.0, 4: 20.0, 6: 29.0, 8: 31.0}

    def measure(self, generator):
        score = scores[int(quick.state.step)]
        names = ("psnr", "ssim", "psnr_blurred", "ssim_blurred")
        return dict.fromkeys(names, score)

    monkeypatch.setattr(Validation, "measure", measure)
    run, every = Path("run"), {"validate": 2, "checkpoint": 2, "sample": 100}
    data = {"validation": 1}
    kept = []
    for steps in (2, 4, 8):
        result = quick_run(run, data=data, every=every, train={"steps": steps})
        assert result.code == 0
        kept.append((run / "generator.keras").read_bytes())
    assert kept[0] == kept[1] != kept[2]
    assert [x["psnr"] for x in runs.read_log(run) if "psnr" in x] == list(
        scores.values()
    )
    best = keras.models.load_model(run / "generator.keras").get_weights()
    now = quick.state.average.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(best, now, strict=True))


def test_without_validation_pictures_the_newest_generator_is_saved(quick):
    assert quick_run(Path("run"), every={"validate": 4}).code == 0
    saved = keras.models.load_model("run/generator.keras").get_weights()
    now = quick.state.average.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(saved, now, strict=True))


def test_a_training_ends_at_the_smaller_of_steps_and_epochs(quick):
    result = quick_run(Path("run"), data={"count": 5}, train={"steps": 50, "epochs": 2})
    assert result.code == 0
    assert len(quick.batches) == 5  # 2 epochs of 5 plates, 2 a step


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_stop_writes_a_checkpoint_and_exits_with_the_signals_code(
    quick, number, code
):
    def stop(step):
        if step == 4:
            os.kill(os.getpid(), number)

    before, quick.after = signal.getsignal(number), stop
    result = quick_run(Path("run"))
    assert result.code == code
    assert "stopped at step 4; run the same command again to resume" in result.text
    assert checkpoints(Path("run")) == [3, 4]
    assert signal.getsignal(number) == before
    assert quick_run(Path("run")).code == 0
    assert len(quick.batches) == 6


def test_a_stop_in_the_last_step_lets_the_training_finish(drawn):
    def stop(step):
        if step == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    drawn.after = stop
    assert quick_run(Path("run")).code == 0
    assert Path("run/loss.png").exists()


def test_weights_that_are_not_finite_are_not_written(quick):
    def spoil(step):
        if step == 5:
            quick.state.generator.weights[0].assign(
                np.full(quick.state.generator.weights[0].shape, np.nan)
            )

    quick.after = spoil
    result = quick_run(Path("run"))
    assert result.code == 1 and "a weight became NaN" in result.text
    assert checkpoints(Path("run")) == [3]


@pytest.mark.parametrize("how", ["a weight", "a loss"])
def test_nan_is_found_before_samples_are_drawn(drawn, how):
    def spoil(step):
        if step == 2 and how == "a loss":
            drawn.state.first_bad.assign([2, 0])
        if step == 2:
            weight = drawn.state.average.weights[0]
            weight.assign(np.full(weight.shape, np.nan))

    drawn.after = spoil
    every = {"log": 5, "sample": 2, "validate": 5, "checkpoint": 5}
    result = quick_run(Path("run"), data={"validation": 1}, every=every)
    assert result.code == 1, result.text
    assert f"error: {'the loss' if how == 'a loss' else how}" in result.text
    assert "in step 2; the last checkpoint" in result.text
    assert not Path("run/samples").exists()


def test_a_worker_that_is_not_the_chief_changes_nothing_in_the_folder(
    quick, monkeypatch
):
    run = Path("run")
    assert quick_run(run, train={"steps": 3}).code == 0
    (run / "checkpoints" / ".partial-00000004").mkdir()
    temporary_name(run / "checkpoints" / "step-00000004").mkdir()
    before = contents(run), sorted((run / "checkpoints").iterdir())

    class Follower(Workers):
        def __init__(self, strategy):
            super().__init__(strategy)
            self.chief = False

    monkeypatch.setattr(training, "Workers", Follower)
    result = quick_run(run, train={"steps": 6})
    assert result.code == 0, result.text
    assert len(quick.batches) == 6
    assert (contents(run), sorted((run / "checkpoints").iterdir())) == before


def test_the_chief_removes_what_a_killed_process_left(quick):
    partial = temporary_name(Path("run/checkpoints/step-00000004"))
    partial.mkdir(parents=True)
    assert quick_run(Path("run")).code == 0
    assert not partial.exists()


def test_a_run_whose_set_up_fails_gets_no_config(quick, monkeypatch):
    def fail(*_, **__):
        raise DataError("no kernels")

    with monkeypatch.context() as patched:
        patched.setattr(training, "degradation", fail)
        result = quick_run(Path("run"))
    assert result.code == 2
    assert "error: no kernels" in result.text
    assert set(contents("run")) == {".lock"}
    # So the same folder takes another config.
    assert quick_run(Path("run"), train={"ema": 0.5}).code == 0


@pytest.mark.parametrize("run", ["notes.txt", "notes.txt/run"])
def test_a_run_that_cannot_be_written_is_found_before_the_work(
    tmp_path, monkeypatch, run
):
    (tmp_path / "notes.txt").write_text("")
    path = config_file(tmp_path)
    monkeypatch.setattr(training, "open_source", None)  # the first piece of work
    result = invoke("--config", path, "--run", run)
    assert result.code == 2
    (line,) = result.text.splitlines()
    assert line.startswith(f"error: {run}: cannot be written")


def test_a_second_training_in_the_same_folder_is_refused(quick):
    with runs.locked(Path("run")):
        result = quick_run(Path("run"))
    assert result.code == 2 and "another process is training" in result.text


def test_a_damaged_checkpoint_is_an_error_of_one_line(quick):
    assert quick_run(Path("run")).code == 0
    data = Path("run/checkpoints/step-00000006/state.data-00000-of-00001")
    data.write_bytes(data.read_bytes()[:500])
    result = quick_run(Path("run"), train={"steps": 9})
    assert result.code == 2 and "Traceback" not in result.text
    assert "error: run/checkpoints/step-00000006: cannot be restored" in result.text


@pytest.mark.parametrize(
    ("name", "run"),
    [("config.yaml", "runs/small"), ("mine.yaml", "runs/mine")],
)
def test_the_run_is_named_after_the_experiment(tmp_path, quick, name, run):
    folder = tmp_path / "small"
    folder.mkdir()
    path = config_file(folder, name, data={"validation": 0})
    assert invoke("--config", path, "--set", "train.steps=1").code == 0
    assert (tmp_path / run / "log.jsonl").exists()


def test_a_folder_that_tensorflow_cannot_read_from_is_refused_at_the_start(quick):
    result = quick_run(Path("[bold] run [/x]"))
    assert result.code == 2
    assert "error: [bold] run [/x]: the path of a run may have none of" in result.text
    assert not Path("[bold] run [").exists()


# The perceptual loss without its weights.


@pytest.fixture
def vgg19_missing(monkeypatch):
    """Keras finds no ImageNet weights, and nobody waits for a network."""

    def build(include_top, weights, input_shape=None):
        if weights is not None:
            raise Exception("URL fetch failure")
        layers = [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(1, 1, name="block3_conv3"),
        ]
        return keras.Sequential(layers)

    monkeypatch.setattr(keras.applications, "VGG19", build)


def test_without_the_weights_of_vgg19_a_training_stops_and_says_the_ways_out(
    quick, vgg19_missing
):
    result = quick_run(Path("run"), loss={"content": {"vgg19": 100.0}})
    assert result.code == 2 and "Traceback" not in result.text
    assert "Two ways out" in result.text
    for way in ("URL fetch failure", "loss.vgg19_weights=FILE", "if_unavailable="):
        assert way in result.text
    # The folder is free for one of the ways out.
    assert quick_run(Path("run"), loss={"content": {"l1": 1.0}}).code == 0


def test_a_substitute_for_vgg19_is_announced_recorded_and_kept(
    quick, vgg19_missing, monkeypatch
):
    run = Path("run")
    loss = {"content": {"vgg19": 100.0}, "if_unavailable": {"l1": 2.0}}
    result = quick_run(run, loss=loss)
    assert result.code == 0
    assert "WARNING" in result.text and "not the paper's loss" in result.text
    recorded = yaml.safe_load((run / "content.yaml").read_text())
    assert recorded["used"] == {"l1": 2.0}
    assert "URL fetch failure" in recorded["why"]
    assert configs.load(run / "config.yaml").loss.content == {"vgg19": 100.0}
    # Later the weights are there, but the run stays as it is.
    monkeypatch.setattr(keras.applications, "VGG19", None)
    result = quick_run(run, loss=loss, train={"steps": 7})
    assert result.code == 0
    assert "continues with its substitute" in result.text
    assert float(quick.content(tf.ones([1, 4, 4, 3]), tf.zeros([1, 4, 4, 3]))) == 2.0
    assert yaml.safe_load((run / "content.yaml").read_text()) == recorded


def test_a_run_that_began_on_vgg19_does_not_go_on_with_its_substitute(
    quick, vgg19_missing
):
    run = Path("run")
    loss = {"content": {"vgg19": 100.0}, "if_unavailable": {"l1": 2.0}}
    run.mkdir()
    write_content(run, {"vgg19": 100.0}, "as in config.yaml")
    result = quick_run(run, loss=loss)
    assert result.code == 2 and "URL fetch failure" in result.text
    assert read_content(run) == {"vgg19": 100.0}


# Wrong usage.


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--set", "train.stpes=5"], "train.stpes: unknown key"),
        (["--set", "train.steps"], "must look like train.steps=1000"),
        (["--set", "train.steps=-1"], "train.steps:"),
        (["--epochs", "0"], "train.epochs:"),
        (["--set", "data.source=folder"], "--set data.path=DIR"),
        (
            ["--set", "data={source: folder, path: gone}"],
            "gone: there is no such folder",
        ),
        (["--set", "loss.vgg19_weights=v.npz", "--set", "loss.content={vgg19: 1}"], ""),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(tmp_path, arguments, expected):
    path = config_file(tmp_path)
    result = invoke("--config", path, "--run", "run", *arguments)
    assert result.code == 2
    (line,) = result.text.splitlines()
    assert line.startswith("error: ") and expected in line
    assert set(contents("run")) <= {".lock"}


def test_a_missing_config_and_an_unknown_option_exit_with_2():
    result = invoke("--config", "nowhere.yaml")
    assert result.code == 2
    assert result.text.startswith("error: nowhere.yaml: cannot be read")
    assert invoke("--steps", "5").code == 2


def test_small_pictures_are_a_warning_of_the_command_line_not_an_error(tmp_path, quick):
    photos(tmp_path / "photos", 3)
    save(tmp_path / "photos" / "tiny.png", photo(8, 8, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        result = quick_run(Path("run"), data={"source": "folder", "path": "photos"})
    assert result.code == 0
    assert "warning: 1 of 4 pictures" in result.text
    assert "tiny.png" in result.text


def test_a_damaged_picture_is_named_first_and_ends_no_training(tmp_path, quick):
    photos(tmp_path / "photos", 3)
    path = save(tmp_path / "photos" / "short.png", photo(60, 60, 0))
    path.write_bytes(path.read_bytes()[:2000])
    run, data = Path("run"), {"source": "folder", "path": "photos"}
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        result = quick_run(run, data=data)
    assert result.code == 0 and "Traceback" not in result.text
    told, _, _ = result.text.partition("photos/short.png: damaged or cut short")
    assert "warning: 1 of 4 pictures cannot be read" in told and "step" not in told
    # It is no part of the run: without it, the run goes on.
    path.unlink()
    result = quick_run(run, data=data)
    assert result.code == 0 and "nothing to do" in result.text


# What a dry run prints.


def test_a_dry_run_prints_config_models_and_data_and_creates_nothing(tmp_path):
    path = config_file(tmp_path, data={"count": 7}, train={"steps": None, "epochs": 3})
    before = contents(tmp_path)
    result = invoke("--config", path, "--dry-run", "--set", "data.batch=4")
    assert result.code == 0
    printed, _, facts = result.text.partition("\n\n")
    expected = tiny(data={"count": 7, "batch": 4}, train={"steps": None, "epochs": 3})
    assert configs.parse(yaml.safe_load(printed)) == expected
    state = new_state(expected)
    assert facts.splitlines() == [
        f"generator: {state.generator.count_params():,} parameters",
        f"critic: {state.critic.count_params():,} parameters",
        "data: 7 sharp pictures to train on, 2 to validate on",
        "steps: 6",
    ]
    assert contents(tmp_path) == before


def test_a_dry_run_lists_all_that_keeps_the_run_from_training(tmp_path, vgg19_missing):
    (tmp_path / "file").write_text("no folder")
    other = keras.Input((None, None, 3))
    keras.Model(other, keras.layers.ReLU()(other)).save(tmp_path / "other.keras")
    path = config_file(
        tmp_path,
        data={"source": "folder", "path": str(tmp_path / "photos")},
        loss={"content": {"vgg19": 100.0}},
        train={"start_from": str(tmp_path / "other.keras"), "strategy": "mirrored"},
    )
    before = contents(tmp_path)
    run = tmp_path / "file" / "run"
    result = invoke("--config", path, "--dry-run", "--run", run)
    assert result.code == 2 and "Traceback" not in result.text
    text = " ".join(result.text.split())
    for part in (
        "error: 5 things keep the training from it:",
        "- train.strategy mirrored: there is one device",
        f"- {run}: cannot be written (Not a directory",
        f"- {tmp_path}/photos: there is no such folder",
        f"- train.start_from {tmp_path}/other.keras: none of its layers fits",
        "VGG19's ImageNet weights, and they could not be downloaded (URL fetch failure",
    ):
        assert part in text, part
    assert contents(tmp_path) == before


def test_a_dry_run_names_pictures_that_cannot_be_decoded(tmp_path, quick):
    photos(tmp_path / "photos", 3)
    path = save(tmp_path / "photos" / "short.png", photo(60, 60, 0))
    path.write_bytes(path.read_bytes()[:2000])
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        result = quick_run(
            Path("run"), "--dry-run", data={"source": "folder", "path": "photos"}
        )
    assert "short.png: damaged or cut short" in result.text
    assert result.code == 0 and "data: 3 sharp pictures" in result.text
    assert not Path("run").exists()


def test_a_dry_run_of_a_run_that_is_there_says_where_it_would_go_on(tmp_path, quick):
    assert quick_run(Path("run"), train={"steps": 2}).code == 0
    before = contents("run")
    result = quick_run(Path("run"), "--dry-run", train={"steps": 7})
    assert result.code == 0, result.text
    assert "run: would go on after step 2" in result.text
    assert "run: lengthened from 2 to 7 steps" in result.text
    noted = Path("run/lengthened.jsonl")
    noted.write_text("garbage\n")
    result = quick_run(Path("run"), "--dry-run", train={"steps": 7})
    assert result.code == 2 and f"{noted}: line 1 does not say" in result.text
    noted.unlink()
    result = quick_run(Path("run"), "--dry-run", "--set", "seed=1", train={"steps": 7})
    assert result.code == 2 and "differs in: seed" in result.text
    with runs.locked(Path("run")):
        result = quick_run(Path("run"), "--dry-run", train={"steps": 7})
    assert result.code == 2 and "another process is training" in result.text
    assert contents("run") == before


def test_without_a_config_it_is_the_papers_experiment(vgg19_missing):
    result = invoke("--dry-run", "--epochs", "10")
    assert result.code == 2, result.text
    assert "if_unavailable={charbonnier: 50.0}" in result.text
    assert "generator: 11,378,179 parameters" in result.text
    assert "critic: 2,764,737 parameters" in result.text
    assert "data: 600 sharp pictures" in result.text
    assert "steps: 6,000" in result.text


@pytest.mark.parametrize(
    ("limits", "size", "batch", "steps"),
    [
        ({"steps": 10, "epochs": None}, 7, 1, 10),
        ({"steps": None, "epochs": 3}, 7, 1, 21),
        ({"steps": None, "epochs": 3}, 7, 2, 11),  # rounded up
        ({"steps": 10, "epochs": 3}, 7, 2, 10),
        ({"steps": 12, "epochs": 3}, 7, 2, 11),
        ({"steps": 12, "epochs": 3}, None, 2, 12),
        ({"steps": None, "epochs": 300}, 600, 1, 180_000),
    ],
)
def test_the_steps_are_the_smaller_of_steps_and_epochs(limits, size, batch, steps):
    config = tiny(data={"batch": batch}, train=limits)
    assert total_steps(config, SimpleNamespace(size=size)) == steps


def test_endless_data_need_steps():
    config = tiny(train={"steps": None, "epochs": 3})
    with pytest.raises(DataError, match=r"endless: give train\.steps"):
        total_steps(config, SimpleNamespace(size=None))


# Validation on whole pictures.


def psnr(one, other):
    error = np.mean((one.astype(np.float64) - other) ** 2)
    return 10 * np.log10(255**2 / error)


def ssim(one, other):
    _, places = structural_similarity(
        one, other, channel_axis=2, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, data_range=255, full=True,
    )  # fmt: skip
    return places[5:-5, 5:-5].mean()


def test_the_validation_is_the_mean_over_whole_pictures(tmp_path):
    for number, size in enumerate([(33, 41), (48, 64), (70, 50)]):
        sharp = photo(*size, number)
        save(tmp_path / "sharp" / f"{number}.png", sharp)
        save(tmp_path / "blurred" / f"{number}.png", softened(sharp))
    config = tiny(data={"source": "pairs", "path": str(tmp_path), "validation": 2})
    items = open_source(config).validation
    assert len(items) == 2
    generator = new_state(config).average
    measured = Validation(items, None, 0).measure(Restorer(generator).restore)
    rows = []
    for item in items:
        blurred, sharp = (
            images.read_rgb(tmp_path / folder / item.name)
            for folder in ("blurred", "sharp")
        )
        batch = blurred[None].astype(np.float32) / 127.5 - 1
        restored = generator(batch, training=False).numpy()[0]
        restored = np.rint((restored + 1) * 127.5).clip(0, 255).astype(np.uint8)
        rows.append(
            [
                psnr(restored, sharp),
                ssim(restored, sharp),
                psnr(blurred, sharp),
                ssim(blurred, sharp),
            ]
        )
    names = ("psnr", "ssim", "psnr_blurred", "ssim_blurred")
    assert tuple(measured) == names
    assert np.allclose(list(measured.values()), np.mean(rows, 0), atol=1e-3)


def test_validation_pictures_are_blurred_alike_every_time(tmp_path):
    config = tiny(data={"validation": 3}, blur={"noise": [1, 4]})
    items = open_source(config).validation
    how = degradation(config.blur, 0)

    one, two = (list(Validation(items, how, 0).triplets(np.copy)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    other = list(Validation(items, how, 1).triplets(np.copy))
    assert not np.array_equal(one[0].blurred, other[0].blurred)
    # Each picture has its own kernel and noise, the same whatever comes before it.
    (first,) = Validation(items, how, 0).triplets(np.copy, 1)
    assert np.array_equal(first.blurred, one[0].blurred)


def test_equal_pictures_do_not_make_the_validation_infinite():
    picture = photo(32, 32, 0)
    equal = SimpleNamespace(load=lambda: (picture, picture))
    unequal = SimpleNamespace(load=lambda: (softened(picture), picture))

    expected = psnr(softened(picture), picture)
    measured = Validation([equal, unequal], None, 0).measure(np.copy)
    assert measured["psnr"] == pytest.approx(expected)
    assert Validation([equal], None, 0).measure(np.copy)["psnr"] == 100.0


@pytest.mark.skipif(
    not (REFERENCE / "gopro").is_dir(), reason="needs ../shared/data/gopro"
)
def test_a_real_pair_of_the_gopro_set_is_validated_whole(tmp_path, quick, monkeypatch):
    for name, folder in (("blur", "blurred"), ("sharp", "sharp")):
        (tmp_path / "pairs" / folder).mkdir(parents=True)
        for number in ("00", "05"):
            target = tmp_path / "pairs" / folder / f"{number}.png"
            target.symlink_to(REFERENCE / "gopro" / f"{name}_{number}.png")
    drawn = []
    monkeypatch.setattr(
        plots,
        "save_samples",
        lambda run, step, triplets: drawn.extend(triplets),
    )
    data = {"source": "pairs", "path": "pairs", "validation": 1, "crop": [64, 64]}
    result = quick_run(Path("run"), data=data, train={"steps": 1})
    assert result.code == 0, result.text
    (triplet,) = drawn
    assert {picture.shape for picture in triplet} == {(720, 1280, 3)}
    (record,) = [x for x in runs.read_log(Path("run")) if "psnr" in x]
    for key, one in (("", triplet.restored), ("_blurred", triplet.blurred)):
        expected = psnr(one, triplet.sharp), ssim(one, triplet.sharp)
        measured = record[f"psnr{key}"], record[f"ssim{key}"]
        assert measured == pytest.approx(expected, abs=1e-6)
    assert 15 < record["psnr_blurred"] < 40


def test_a_training_starts_from_the_weights_of_another(tmp_path, quick):
    first = quick_run(Path("first"), train={"steps": 1})
    assert first.code == 0, first.text
    source = open_model(Path("first/generator.keras"))
    for layer in source.layers:
        layer.set_weights([x + 0.5 for x in layer.get_weights()])
    source.save(tmp_path / "start.keras")
    seen = []
    quick.after = lambda step: seen.append(quick.state.generator.get_weights())
    second = quick_run(
        Path("second"),
        train={"steps": 1, "start_from": str(tmp_path / "start.keras")},
    )
    assert second.code == 0, second.text
    assert "start.keras: the weights of 6 of 6 layers" in second.text
    for one, other in zip(seen[-1], source.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nothing", "model nothing: is no shipped model, run or file"),
        ("plates", "train.start_from plates: none of its layers fits this generator"),
    ],
)
def test_a_start_that_does_not_fit_is_an_error_before_the_first_step(
    quick, name, expected
):
    result = quick_run(Path("run"), train={"steps": 1, "start_from": name})
    assert result.code == 2
    assert expected in " ".join(result.text.split())
    assert not Path("run/config.yaml").exists()
