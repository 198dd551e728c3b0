"""N replicas train as one does; nothing is lost with a worker that is gone."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from helpers.trainings import tiny
from helpers.workers import config_file, ended, free_ports, pair, start, wait_for

from deblurgan_tf.errors import ConfigError, WorkFailed
from deblurgan_tf.training import checkpoints
from deblurgan_tf.training import run_folder as runs
from deblurgan_tf.training.distribution import Workers, _is_chief, open_strategy

CLUSTER = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}

processes = pytest.mark.processes


def asked(monkeypatch, strategy, tf_config=None, batch=4):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if tf_config is not None:
        text = tf_config if isinstance(tf_config, str) else json.dumps(tf_config)
        monkeypatch.setenv("TF_CONFIG", text)
    return open_strategy(tiny(data={"batch": batch}, train={"strategy": strategy}))


# What is asked for, and what is there.


@pytest.mark.parametrize("strategy", ["one", "auto"])
def test_one_device_needs_no_strategy(strategy, monkeypatch):
    if tf.config.list_logical_devices("GPU"):
        pytest.skip("auto takes the GPUs of this machine")
    assert asked(monkeypatch, strategy) is None


def test_one_stays_one_whatever_the_environment_says(monkeypatch):
    assert asked(monkeypatch, "one", {"cluster": CLUSTER}) is None


def test_multi_worker_without_other_workers_shows_how_to_name_them(monkeypatch):
    alone = {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    for environment in (None, alone):
        with pytest.raises(ConfigError, match="names no other worker.*TF_CONFIG="):
            asked(monkeypatch, "multi_worker", environment)


@pytest.mark.parametrize("text", ["{", "[]", '{"task": 1}', '{"cluster": 3}'])
def test_a_tf_config_that_makes_no_sense_is_named(text, monkeypatch):
    with pytest.raises(ConfigError, match="TF_CONFIG cannot be understood"):
        asked(monkeypatch, "auto", text)


def test_mirrored_on_one_device_says_so(monkeypatch):
    if len(tf.config.list_logical_devices("GPU")) > 1:
        pytest.skip("this machine has several")
    with pytest.raises(ConfigError, match="there is one device"):
        asked(monkeypatch, "mirrored")


@pytest.mark.parametrize(
    ("cluster", "kind", "index", "expected"),
    [
        (["worker"], "worker", 0, True),
        (["worker"], "worker", 1, False),
        (["chief", "worker"], "chief", 0, True),
        (["chief", "worker"], "worker", 0, False),
    ],
)
def test_the_chief_is_the_chief_or_else_the_first_worker(
    cluster, kind, index, expected
):
    spec = SimpleNamespace(as_dict=lambda: {name: ["x:1"] for name in cluster})
    resolver = SimpleNamespace(task_type=kind, task_id=index, cluster_spec=lambda: spec)
    assert _is_chief(SimpleNamespace(cluster_resolver=resolver)) is expected
    assert _is_chief(None)


def test_a_process_that_trains_alone_agrees_with_itself():
    workers = Workers(None)
    workers.check_same("anything")
    assert workers.any(True) and not workers.any(False)
    with pytest.raises(tf.errors.UnavailableError), workers:
        # Only with peers is this the loss of one.
        raise tf.errors.UnavailableError(None, None, "")


def with_peers():
    """Workers that have a strategy of several processes."""
    workers = Workers(None)
    workers.strategy = object()
    return workers


GRPC = "Additional GRPC error information from remote target /job:worker/task:1"


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.UnavailableError(None, None, "Collective ops is aborted by: ..."),
        tf.errors.DeadlineExceededError(None, None, "timeout"),
        tf.errors.InternalError(None, None, f"Stream removed\n{GRPC}"),
        tf.errors.InternalError(None, None, "Connection reset by peer"),
    ],
)
def test_a_worker_that_does_not_answer_is_reported_as_gone(error):
    with pytest.raises(WorkFailed, match="another worker is gone"), with_peers():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.InternalError(None, None, "cuDNN launch failure : input shape"),
        tf.errors.InternalError(
            None, None, "Failed to launch [[{{node /job:worker/replica:0/task:0}}]]"
        ),
        tf.errors.ResourceExhaustedError(None, None, "out of memory"),
        ValueError("a bug"),
    ],
)
def test_other_errors_of_a_worker_are_shown_as_they_are(error):
    with pytest.raises(type(error)) as caught, with_peers():
        raise error
    assert caught.value is error


# Several replicas.

MIRRORED = """
import sys, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from deblurgan_tf import config
from deblurgan_tf.training import loop as training
loaded = config.load(sys.argv[1], sys.argv[3:])
training.train(loaded, __import__("pathlib").Path(sys.argv[2]))
"""


def mirrored(config, run, *overrides):
    command = [sys.executable, "-c", MIRRORED, str(config), str(run), *overrides]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def variables(run, step=None):
    """Name -> array of the newest checkpoint, or of that of a step."""
    path = checkpoints.latest(run)
    if step is not None:
        path = run / "checkpoints" / f"step-{step:08d}"
    reader = tf.train.load_checkpoint(str(path / "state"))
    names = reader.get_variable_to_shape_map()
    found = {name: reader.get_tensor(name) for name in names if "OBJECT" not in name}
    return {name: np.asarray(value) for name, value in found.items()}


def check_gradients(one, other):
    """Equal gradients in the first step, to float32 rounding.

    Adam keeps a tenth or a half of the first gradient, and of its square a thousandth:
    what it makes of them is no measure, since it divides a gradient of rounding noise
    by its own size. Biases in front of an instance normalisation have such gradients.
    """
    moments = [name for name in one if "optimizer/_variables/" in name]
    assert len(moments) > 20
    largest = max(float(np.max(np.abs(one[name]))) for name in moments)
    for name in moments:
        assert np.allclose(one[name], other[name], rtol=1e-4, atol=5e-5 * largest), name


def check_outputs(one, other, mean=0.01):
    """The restored pictures after the last step differ by no grey level, on average by
    less than a hundredth of one. More steps enlarge the differences of rounding.
    """
    pictures = tf.random.stateless_uniform([2, 32, 32, 3], [1, 2], -1.0, 1.0)
    restored = [
        127.5 * tf.keras.models.load_model(run / "generator.keras")(pictures).numpy()
        for run in (one, other)
    ]
    difference = np.abs(restored[0] - restored[1])
    assert difference.mean() < mean and difference.max() < 0.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("strategies")


@pytest.fixture(scope="module")
def alone(folder):
    """Runs of one and of six steps in one process, and what they wrote."""
    for steps in (1, 6):
        config = config_file(folder / f"alone-{steps}.yaml", steps, "one")
        ((code, output),) = ended([start(config, folder / f"alone-{steps}")])
        assert code == 0, output
    return folder


@processes
@pytest.mark.timeout(600)
def test_two_replicas_on_one_machine_train_as_one(alone, tmp_path):
    for steps in (1, 6):
        config = config_file(tmp_path / "c.yaml", steps, "mirrored")
        result = mirrored(config, tmp_path / f"run-{steps}")
        assert result.returncode == 0, result.stderr
    check_gradients(variables(alone / "alone-1"), variables(tmp_path / "run-1"))
    check_outputs(alone / "alone-6", tmp_path / "run-6")
    logs = [runs.read_log(x) for x in (alone / "alone-6", tmp_path / "run-6")]
    for one, other in zip(*logs, strict=True):
        # The critic's own bias has no gradient but rounding, see check_gradients.
        for name in ("adversarial", "generator"):
            assert (one.pop(name, None) is None) == (other.pop(name, None) is None)
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)


@processes
@pytest.mark.timeout(600)
def test_a_batch_that_replicas_cannot_share_is_refused(tmp_path):
    config = config_file(tmp_path / "c.yaml", 1, "mirrored")
    result = mirrored(config, tmp_path / "run", "data.batch=3")
    assert "data.batch 3 cannot be shared by 2 replicas" in result.stderr


@processes
@pytest.mark.timeout(600)
def test_two_processes_train_as_one_and_only_the_chief_writes(alone, folder):
    for steps in (1, 6):
        config = config_file(folder / f"pair-{steps}.yaml", steps, "multi_worker")
        for code, output in ended(pair(config, folder / f"pair-{steps}")):
            assert code == 0, output
            assert not re.search("^(?![IWE][0-9]{4}).*error", output, re.I | re.M)
    check_gradients(variables(alone / "alone-1"), variables(folder / "pair-1"))
    check_outputs(alone / "alone-6", folder / "pair-6")
    log = runs.read_log(folder / "pair-6")
    assert [x["step"] for x in log if "generator" in x] == [2, 4, 6]
    command = (folder / "pair-6" / "command.txt").read_text()
    assert command.count("command:") == 1


@pytest.fixture(scope="module")
def whole(folder):
    """A run of forty steps by two workers that nobody killed."""
    config = config_file(folder / "whole.yaml", 40, "multi_worker")
    for code, output in ended(pair(config, folder / "whole")):
        assert code == 0, output
    return folder / "whole"


@processes
@pytest.mark.timeout(600)
@pytest.mark.parametrize("victim", [0, 1], ids=["the chief", "a worker"])
def test_a_killed_worker_stops_all_and_the_same_command_loses_nothing(
    victim, whole, tmp_path
):
    config, run = config_file(tmp_path / "c.yaml", 40, "multi_worker"), tmp_path / "run"
    both = pair(config, run)
    wait_for(run / "checkpoints" / "step-00000004", both)
    both[victim].send_signal(signal.SIGKILL)
    results = ended(both)
    assert results[victim][0] == -signal.SIGKILL, "it was done before it was killed"
    code, output = results[1 - victim]
    assert code == 1, output
    assert "another worker is gone" in output and "Traceback" not in output
    assert 4 <= checkpoints.step_of(checkpoints.latest(run)) < 40

    for code, output in ended(pair(config, run)):
        assert code == 0, output
    one, other = variables(whole), variables(run)
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name]), name
    assert runs.read_log(whole) == runs.read_log(run)


@processes
@pytest.mark.timeout(600)
def test_one_workers_sigterm_stops_all_with_a_checkpoint(folder):
    config = config_file(folder / "term.yaml", 4000, "multi_worker")
    run = folder / "term"
    both = pair(config, run)
    wait_for(run / "checkpoints" / "step-00000002", both)
    both[1].send_signal(signal.SIGTERM)
    results = ended(both)
    assert [code for code, _ in results] == [143, 143], results
    reached = checkpoints.step_of(checkpoints.latest(run))
    for _, output in results:
        assert f"stopped at step {reached:,}" in output


@processes
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", [1, 2])
def test_a_training_goes_on_with_another_number_of_workers(first, whole, tmp_path):
    config, run = config_file(tmp_path / "c.yaml", 40, "auto"), tmp_path / "run"

    def begin(count):
        return pair(config, run) if count == 2 else [start(config, run)]

    begun = begin(first)
    wait_for(run / "checkpoints" / "step-00000004", begun)
    begun[0].send_signal(signal.SIGTERM)
    assert {code for code, _ in ended(begun)} == {143}
    reached = checkpoints.step_of(checkpoints.latest(run))
    assert 4 <= reached < 40
    for code, output in ended(begin(3 - first)):
        assert code == 0, output
    check_outputs(whole, run, mean=0.1)
    steps = [[line["step"] for line in runs.read_log(x)] for x in (whole, run)]
    assert steps[0] == steps[1]


@processes
@pytest.mark.timeout(600)
def test_workers_that_were_not_given_the_same_are_refused(folder, tmp_path):
    ports = free_ports(2)
    both = [
        start(
            config_file(tmp_path / f"{index}.yaml", 2 + index, "multi_worker"),
            tmp_path / "run",
            index,
            ports,
        )
        for index in range(2)
    ]
    for code, output in ended(both):
        assert code == 1, output
        assert "do not have the same config" in output
