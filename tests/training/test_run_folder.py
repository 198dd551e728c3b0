"""A run's folder: what it stores, restores and refuses."""

from __future__ import annotations

import builtins
import contextlib
import errno
import importlib.metadata
import json
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from helpers.disk import recorded_calls
from helpers.trainings import tiny

from deblurgan_tf import __version__
from deblurgan_tf import config as configs
from deblurgan_tf.cli.progress import spoken
from deblurgan_tf.errors import RunError
from deblurgan_tf.storage.atomic import temporary_name, write_atomically
from deblurgan_tf.training import checkpoints, loop
from deblurgan_tf.training import run_folder as runs
from deblurgan_tf.training.checkpoints import Known
from deblurgan_tf.training.content import (
    choose_content,
    read_content,
    write_content,
)
from deblurgan_tf.training.learning_rate import lengthenings
from deblurgan_tf.training.records import Records
from deblurgan_tf.training.schedule import Due
from deblurgan_tf.training.state import new_state
from deblurgan_tf.training.writing import writing

# Files.


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "loss.png"
    path.write_text("old")

    def half(file):
        file.write_text("ne")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_atomically(path, half)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_keeps_the_suffix_and_replaces_the_old_file(tmp_path):
    path = tmp_path / "generator.keras"
    path.write_text("old")
    suffixes = []

    def write(file):
        suffixes.append(file.suffix)
        file.write_text("new")
        assert path.read_text() == "old"

    write_atomically(path, write)
    assert suffixes == [".keras"]
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def small_disk():
    """A context in which no file can grow beyond some bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextlib.contextmanager
    def limited(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


def test_a_checkpoint_that_cannot_be_written_is_one_line_and_leaves_the_old_ones(
    tmp_path, small_disk
):
    state = new_state(tiny())
    first = checkpoints.save(tmp_path, state, None)
    state.step.assign(5)
    with small_disk(1000), pytest.raises(RunError) as caught:
        checkpoints.save(tmp_path, state, None)
    text = str(caught.value)
    assert "step-00000005: cannot be written (" in text and "\n" not in text
    assert "File too large); mend it, and run the same command again" in text
    assert "{{" not in text and "[Op" not in text
    assert list((tmp_path / "checkpoints").iterdir()) == [first]
    assert checkpoints.save(tmp_path, state, None).name == "step-00000005"


def test_what_else_a_training_writes_fails_in_one_line_too(tmp_path, small_disk):
    config = tiny(loss={"adversarial": "none"})
    state = new_state(config)
    validation = SimpleNamespace(items=[])
    with Records(tmp_path, config, state, 9, validation, Known()) as records:
        with small_disk(10), pytest.raises(RunError, match=r"log\.jsonl: .*too large"):
            runs.append_log(tmp_path, {"step": 1, "text": "x" * 100})
        with (
            small_disk(10),
            pytest.raises(RunError, match=r"generator\.keras: .*large"),
        ):
            records.validate(1)
    assert not list(tmp_path.glob(".deblurgan-*"))


def test_a_full_disk_in_tensorflows_words_is_one_line(tmp_path):
    words = "{{function_node __wrapped__X}} /run/events; No space left on device [Op:X]"
    with pytest.raises(RunError) as caught, writing(tmp_path):
        raise tf.errors.ResourceExhaustedError(None, None, f"{words}\n\tmore")
    assert str(caught.value) == (
        f"{tmp_path}: cannot be written (/run/events; No space left on device); mend "
        "it, and run the same command again to resume"
    )


def test_a_tensorboard_folder_that_cannot_be_made_is_one_line(tmp_path):
    config = tiny(loss={"adversarial": "none"})
    (tmp_path / "tensorboard").touch()
    with pytest.raises(RunError, match=r"tensorboard: cannot be written \(") as caught:
        Records(tmp_path, config, new_state(config), 9, None, Known())
    assert "\n" not in str(caught.value)


# The config of a run.


@pytest.mark.parametrize("name", ["config.yaml", "pictures.txt"])
@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_run_with_checkpoints_that_lacks_what_guards_it_is_named(tmp_path, name, how):
    began(tmp_path, tiny())
    (tmp_path / name).unlink() if how == "gone" else (tmp_path / name).write_text("")

    def check():
        runs.check_unchanged(tmp_path, tiny())
        runs.check_same_pictures(tmp_path, ["a.png"])

    if how == "gone":
        runs.check_unchanged(tmp_path, tiny())
    (tmp_path / "checkpoints" / "step-00000004").mkdir(parents=True)
    with pytest.raises(RunError, match=f"{name}: is {how}.*; put the file back, or"):
        check()


def began(run, config):
    run.mkdir(exist_ok=True)
    runs.begin(run, config, [], ["train", "--set", "data.path=my photos"])


def test_a_run_describes_its_config_and_its_command(tmp_path):
    config = tiny()
    began(tmp_path, config)
    assert configs.load(tmp_path / "config.yaml") == config
    described = yaml.safe_load((tmp_path / "command.txt").read_text())
    assert described["command"] == "train --set 'data.path=my photos'"
    for key in ("deblurgan_tf", "commit", "tensorflow", "keras", "numpy", "python"):
        assert described[key], key
    assert "CPU" in described["devices"] or "NVIDIA" in described["devices"]


def test_a_checkout_that_is_not_installed_describes_itself_too(tmp_path, monkeypatch):
    def unknown(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata.Distribution, "from_name", unknown)
    began(tmp_path, tiny())
    described = yaml.safe_load((tmp_path / "command.txt").read_text())
    assert described["deblurgan_tf"] == __version__
    assert described["keras"] == keras.__version__


def test_each_command_of_a_run_is_added_to_the_earlier_ones(tmp_path):
    began(tmp_path, tiny())
    runs.begin(tmp_path, tiny(), [], ["train", "again"])
    text = (tmp_path / "command.txt").read_text()
    assert text.index("command: train --set") < text.index("command: train again")


def test_other_pictures_are_refused_and_named(tmp_path):
    names = ["training/b.png", "training/two\nlines.png", "validation/a\udcff.png"]
    runs.check_same_pictures(tmp_path, ["of a run that has not begun"])
    runs.begin(tmp_path, tiny(), names, ["train"])
    runs.check_same_pictures(tmp_path, names)
    with pytest.raises(RunError, match=r"1 new \(the first: training/c\.png\)"):
        runs.check_same_pictures(tmp_path, [*names, "training/c.png"])
    with pytest.raises(RunError, match=r"1 gone \(the first: training/b\.png\)"):
        runs.check_same_pictures(tmp_path, names[1:])


def test_a_changed_config_is_refused_and_the_keys_are_named(tmp_path):
    began(tmp_path, tiny())
    changed = tiny(
        seed=5,
        data={"flip": False},
        loss={"content": {"l1": 1.0}},
        train={"learning_rate": 1.0},
    )
    with pytest.raises(RunError) as caught:
        runs.check_unchanged(tmp_path, changed)
    named = str(caught.value).partition("differs in: ")[2].partition(". Give")[0]
    assert named.split(", ") == [
        "data.flip",
        "loss.content.charbonnier",
        "loss.content.l1",
        "seed",
        "train.learning_rate",
    ]
    assert "--run" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"every": {"log": 7, "sample": 8, "validate": 9, "checkpoint": 10}},
        {"train": {"steps": 7}},
        {"train": {"steps": 6, "epochs": 9}},
        {"train": {"steps": None, "epochs": 8}},
    ],
)
def test_other_intervals_and_a_longer_training_are_allowed(tmp_path, changes):
    began(tmp_path, tiny(train={"steps": 6, "epochs": 8}))
    changes = {"train": {}} | changes
    changes["train"] = {"steps": 6, "epochs": 8} | changes["train"]
    runs.check_unchanged(tmp_path, tiny(**changes))


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ({"steps": 6}, {"steps": 5}, "train.steps"),
        ({"steps": 6, "epochs": 8}, {"steps": 6, "epochs": 7}, "train.epochs"),
        ({"steps": None, "epochs": 8}, {"steps": 6, "epochs": 8}, "train.steps"),
    ],
)
def test_a_shorter_training_is_refused(tmp_path, before, after, key):
    began(tmp_path, tiny(train=before))
    with pytest.raises(RunError, match=f"differs in: {key}"):
        runs.check_unchanged(tmp_path, tiny(train=after))


def test_the_content_losses_that_are_used_are_remembered(tmp_path):
    assert read_content(tmp_path) is None
    write_content(tmp_path, {"charbonnier": 50.0}, "no network")
    assert read_content(tmp_path) == {"charbonnier": 50.0}
    assert "no network" in (tmp_path / "content.yaml").read_text()


@pytest.mark.parametrize(
    "text", [b"", b"[1]", b"used: {vgg20: 1}", b"used: {vgg19: -1}", b"\xff", b"a: ["]
)
def test_a_content_file_that_says_nothing_is_named_with_the_way_out(tmp_path, text):
    (tmp_path / "content.yaml").write_bytes(text)
    with pytest.raises(RunError, match=r"content\.yaml: .*; put the file back"):
        read_content(tmp_path)


def test_a_content_file_that_is_gone_is_missed_where_it_may_say_substitute(tmp_path):
    (tmp_path / "checkpoints" / "step-00000004").mkdir(parents=True)
    losses = {"content": {"charbonnier": 1.0}, "if_unavailable": {"l1": 1.0}}
    with pytest.raises(RunError, match=r"content\.yaml: is gone.* put the file back"):
        choose_content(tiny(loss=losses), tmp_path)
    # Made again: the config leaves no doubt.
    del losses["if_unavailable"]
    assert choose_content(tiny(loss=losses), tmp_path).weights == losses["content"]


# The log.


def test_the_log_is_on_the_disk_before_the_checkpoint_that_goes_on_from_it(
    tmp_path, states
):
    with recorded_calls() as calls:
        runs.append_log(tmp_path, {"step": 30})
        path = checkpoints.save(tmp_path, states[0], None)
    log = calls.index(("fsync", str(tmp_path / "log.jsonl")))
    assert log < calls.index(("fsync", str(tmp_path))) < len(calls)
    renamed = calls.index(("replace", str(path)))
    assert log < renamed
    synced = {name.rsplit("/")[-1] for _, name in calls[log:renamed]}
    assert {"state.json", "state.index", "state.data-00000-of-00001"} < synced
    assert calls[-1] == ("fsync", str(path.parent))


def test_losses_are_divided_by_the_steps_that_the_checkpoint_knows(tmp_path):
    # Whatever became of the log: that line was lost, or another was added.
    config = tiny(loss={"adversarial": "none"})
    state = new_state(config)
    validation = SimpleNamespace(items=[])
    for known, mean in ((Known(None, 4), 2.0), (Known(None, None), 6.0 / 7)):
        state.sums.assign(tf.fill(state.sums.shape, 6.0))
        with Records(tmp_path, config, state, 9, validation, known) as records:
            records.log(7)
        assert runs.read_log(tmp_path)[0]["content"] == pytest.approx(mean)
        runs.cut_log(tmp_path, 0)
    records.save_checkpoint()
    latest = checkpoints.latest(tmp_path)
    assert json.loads((latest / "state.json").read_text())["logged_at"] == 7


def test_a_log_is_cut_back_to_a_step_and_loses_half_a_line(tmp_path):
    records = [{"step": step, "generator": step / 3} for step in (2, 4, 6)]
    records.insert(2, {"step": 4, "psnr": 20.123456789012345})
    for record in records:
        runs.append_log(tmp_path, record)
    path = tmp_path / "log.jsonl"
    whole = path.read_bytes()
    with open(path, "ab") as file:
        file.write(b'{"step": 8, "gener')
    assert runs.read_log(tmp_path) == records
    runs.cut_log(tmp_path, 6)
    assert path.read_bytes() == whole
    runs.cut_log(tmp_path, 4)
    assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:3])
    runs.cut_log(tmp_path, 0)
    assert runs.read_log(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b"not JSON", b"[1]", b"{}", b'{"step": 1, "psnr": NaN}', b'{"step'],
)
def test_a_line_that_no_log_has_is_named_and_the_lines_after_it_stay(tmp_path, line):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"step": 2}\n' + line + b'\n\n{"step": 4}\n')
    with pytest.raises(RunError, match=r"log\.jsonl: line 2 is no .*; mend or remove"):
        runs.check_log(tmp_path)
    assert runs.read_log(tmp_path) == [{"step": 2}, {"step": 4}]


@pytest.mark.parametrize("end", [b"", b'{"step": 6, "gen', b"\0" * 40])
def test_what_a_killed_process_or_a_power_cut_leaves_behind_a_log_is_cut(tmp_path, end):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"step": 2}\n{"step": 4}\n' + end)
    runs.check_log(tmp_path)
    runs.cut_log(tmp_path, 4)
    assert path.read_bytes() == b'{"step": 2}\n{"step": 4}\n'


def test_a_run_without_a_log_has_an_empty_one(tmp_path):
    assert runs.read_log(tmp_path) == []
    runs.cut_log(tmp_path, 3)
    assert (tmp_path / "log.jsonl").read_text() == ""


def test_a_log_takes_no_nan(tmp_path):
    with pytest.raises(ValueError, match="Out of range float values"):
        runs.append_log(tmp_path, {"step": 1, "generator": float("nan")})
    assert runs.read_log(tmp_path) == []


@pytest.mark.parametrize("line", ["", '{"step": 4}', '{"step": "4", "total": 9}'])
def test_a_lengthening_that_is_not_known_is_named(tmp_path, line):
    (tmp_path / "lengthened.jsonl").write_text(f'{{"step": 2, "total": 4}}\n{line}\n')
    if not line:
        assert lengthenings(tmp_path, tiny(), None, 0) == ((2, 4),)
        return
    with pytest.raises(RunError, match=r"lengthened\.jsonl: line 2 .*file back"):
        lengthenings(tmp_path, tiny(), None, 0)


def test_the_last_checkpoint_is_written_before_the_figures(monkeypatch):
    done = []
    names = ("log", "validate", "draw_samples", "save_checkpoint", "draw_figures")
    records = MagicMock()
    for name in names:
        getattr(records, name).side_effect = lambda *_, name=name: done.append(name)
    records.__exit__.return_value = None
    schedule = SimpleNamespace(total=1, due=lambda *_: Due(True, True, True, True))
    state = SimpleNamespace(step=0)
    workers = SimpleNamespace(any=bool)
    monkeypatch.setattr(loop, "check_finite", lambda _: None)
    loop.run_steps(schedule, state, lambda _: None, iter([0]), workers, records)
    assert done == list(names)


# Checkpoints.


def variables(state):
    """Every variable of a state."""
    owners = [state.generator, state.average, state.generator_optimizer]
    if state.critic is not None:
        owners += [state.critic, state.critic_optimizer]
    found = [state.step, state.sums]
    for owner in owners:
        weights = owner.weights if hasattr(owner, "weights") else owner.variables
        found += [variable.value for variable in weights]
    return found


def scrambled(config, seed):
    """A state in which every number, the momenta too, is random."""
    state = new_state(config)
    rng = np.random.default_rng(seed)
    for variable in variables(state):
        if variable.dtype.is_floating:
            variable.assign(rng.random(variable.shape, np.float32))
        else:
            variable.assign(np.full(variable.shape, rng.integers(1, 1000)))
    return state


@pytest.fixture(scope="module")
def states():
    """Two states of one config, each with its own numbers."""
    return scrambled(tiny(), 1), scrambled(tiny(), 2)


@pytest.fixture
def saved(tmp_path, states):
    """A run with one checkpoint of the first state, and the checkpoint."""
    states[0].step.assign(30)
    return tmp_path, checkpoints.save(tmp_path, states[0], {"psnr": 21.5}, 20)


def test_a_checkpoint_restores_every_variable_to_the_last_bit(saved, states):
    run, path = saved
    first, second = ([value.numpy() for value in variables(x)] for x in states)
    momenta = states[0].generator_optimizer.variables
    assert len(momenta) >= 2 * len(states[0].generator.trainable_variables)
    changed = [not np.array_equal(a, b) for a, b in zip(first, second, strict=True)]
    assert all(changed)
    assert checkpoints.latest(run) == path
    assert checkpoints.step_of(path) == 30
    fresh = new_state(tiny())
    assert checkpoints.restore(path, fresh) == Known({"psnr": 21.5}, 20)
    for value, restored in zip(first, variables(fresh), strict=True):
        assert value.tobytes() == restored.numpy().tobytes()


def test_the_newest_two_checkpoints_are_kept(tmp_path, states):
    for step in (3, 6, 9, 10):
        states[0].step.assign(step)
        checkpoints.save(tmp_path, states[0], None)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-00000009", "step-00000010"]
    assert checkpoints.latest(tmp_path).name == "step-00000010"


def test_folders_of_the_user_are_no_checkpoints_and_stay(tmp_path, states):
    for name in ("step-backup", "step-backup2", "step-00000099.old", "mine"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    assert checkpoints.latest(tmp_path) is None
    for step in (3, 6, 100_000_000):
        states[0].step.assign(step)
        path = checkpoints.save(tmp_path, states[0], None)
        assert checkpoints.latest(tmp_path) == path
    assert len(list((tmp_path / "checkpoints").iterdir())) == 6


def half_a_checkpoint(run):
    """What a process that was killed while it saved leaves."""
    partial = temporary_name(run / "checkpoints" / "step-00000099")
    partial.mkdir(parents=True)
    (partial / "state.index").write_bytes(b"half")
    return partial


def test_half_a_checkpoint_is_never_taken_and_asking_removes_nothing(saved):
    # A worker that is not the chief asks too, while the chief removes or writes.
    run, path = saved
    partial = half_a_checkpoint(run)
    assert checkpoints.latest(run) == path
    assert partial.is_dir()


def test_what_a_killed_process_left_half_is_removed_and_never_taken(saved):
    run, path = saved
    half_a_checkpoint(run)
    (run / "samples").mkdir()
    for name in ("generator.keras", "samples/step-00000030.npz"):
        temporary_name(run / name).write_bytes(b"half")
    runs.remove_leftovers(run)
    assert checkpoints.latest(run) == path
    assert list((run / "checkpoints").iterdir()) == [path]
    assert {x.name for x in run.iterdir()} == {"checkpoints", "samples"}
    assert list((run / "samples").iterdir()) == []


def test_a_new_run_has_no_checkpoint(tmp_path):
    assert checkpoints.latest(tmp_path) is None


@pytest.mark.parametrize(
    "how",
    [
        *("cut short", "one bit", "garbage", "no index", "no state.json"),
        *("{}", "[]", "", "\xff", '{"best": {"psnr": "high"}}', '{"best": 5}'),
    ],
)
def test_a_damaged_checkpoint_is_named_with_the_way_out(saved, states, how):
    _, path = saved
    data = path / "state.data-00000-of-00001"
    if how == "cut short":
        data.write_bytes(data.read_bytes()[:1000])
    elif how == "one bit":
        values = bytearray(data.read_bytes())
        values[len(values) // 2] ^= 1
        data.write_bytes(values)
    elif how == "garbage":
        data.write_bytes(data.read_bytes()[::-1])
    elif how == "no index":
        (path / "state.index").unlink()
    elif how == "no state.json":
        (path / "state.json").unlink()
    else:
        (path / "state.json").write_text(how, encoding="latin1")
    with pytest.raises(RunError, match=f"{path}: cannot be restored") as caught:
        checkpoints.restore(path, states[1])
    assert "Remove this folder" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_disk_without_locks_is_named(tmp_path, monkeypatch):
    def flock(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(runs.fcntl, "flock", flock)
    with (
        pytest.raises(RunError, match=r"No locks available: .*\.lock\); choose"),
        runs.locked(tmp_path / "run"),
    ):
        pass


def test_an_error_without_words_is_told_too(saved, states, monkeypatch):
    def silent(self, path):
        raise AssertionError

    monkeypatch.setattr(tf.train.Checkpoint, "read", silent)
    with pytest.raises(RunError, match=r"cannot be restored \(Asser.*: AssertionErr"):
        checkpoints.restore(saved[1], states[1])


def test_a_run_lengthened_anew_before_a_lengthening_begins_with_its_rate(tmp_path):
    (tmp_path / "lengthened.jsonl").write_text('{"step": 4, "total": 4}\n')
    before, after = (tiny(train={"steps": steps}) for steps in (9, 12))
    (tmp_path / "config.yaml").write_text(configs.dump(before))
    source = SimpleNamespace(size=None)
    assert lengthenings(tmp_path, before, source, 2) == ((4, 4),)
    assert lengthenings(tmp_path, after, source, 2) == ((2, 4),)
    assert lengthenings(tmp_path, after, source, 6) == ((4, 4), (6, 9))


@pytest.mark.parametrize(
    "other",
    [
        {"model": {"width": 3}},
        {"model": {"blocks": 2}},
        {"model": {"blocks": 0}},
        {"loss": {"adversarial": "none"}},
    ],
)
def test_a_checkpoint_of_other_models_is_refused(saved, other):
    _, path = saved
    with pytest.raises(RunError, match=f"{path}: cannot be restored"):
        checkpoints.restore(path, new_state(tiny(**other)))


# One process at a time.

OTHER_PROCESS = """
import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(200)
"""


def test_a_second_process_is_refused_until_the_first_has_ended(tmp_path):
    command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        message = f"{tmp_path}: another process is training"
        with pytest.raises(RunError, match=message), runs.locked(tmp_path):
            pass
        other.kill()  # by SIGKILL: it cannot clean up
    # It is free again, and one holder of it keeps out the next.
    with (
        runs.locked(tmp_path),
        pytest.raises(RunError, match="another"),
        runs.locked(tmp_path),
    ):
        pass
    assert (tmp_path / ".lock").read_bytes() == b""


def test_a_path_in_which_tensorflow_finds_no_checkpoint_is_refused(tmp_path):
    with (
        pytest.raises(RunError, match="choose another folder"),
        runs.locked(tmp_path / "run [2]"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_path_below_a_file_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    for run in (tmp_path / "notes.txt", tmp_path / "notes.txt" / "run"):
        message = f"{run}: cannot be written .*choose another folder with --run"
        with pytest.raises(RunError, match=message), runs.locked(run):
            pass


@pytest.mark.parametrize("failing", [(Path, "mkdir"), (builtins, "open")])
def test_a_path_that_cannot_be_written_is_refused(tmp_path, monkeypatch, failing):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", "run")

    monkeypatch.setattr(*failing, refuse)
    with (
        pytest.raises(RunError, match=r"cannot be written \(Permission denied: run\)"),
        runs.locked(tmp_path / "run"),
    ):
        pass


def test_a_lock_makes_the_folder_and_is_released_after_an_error(tmp_path):
    run = tmp_path / "runs" / "new"
    with pytest.raises(KeyError), runs.locked(run):
        raise KeyError
    with runs.locked(run):
        assert run.is_dir()


# Times, as they are shown.


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0:00"),
        (59.4, "0:59"),
        (59.6, "1:00"),
        (65, "1:05"),
        (3599.7, "1:00:00"),
        (3700, "1:01:40"),
        (86399, "23:59:59"),
        (86400, "1 day, 0:00 h"),
        (2 * 86400 + 3 * 3600 + 5 * 60 + 59, "2 days, 3:05 h"),
    ],
)
def test_times_are_written_as_people_read_them(seconds, text):
    assert spoken(seconds) == text


def test_the_stored_best_is_plain_json(saved):
    _, path = saved
    stored = json.loads(Path(path / "state.json").read_text())
    assert stored == {"step": 30, "best": {"psnr": 21.5}, "logged_at": 20}
