"""SIGTERM and Ctrl-C as a command meets them: in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from deblurgan_tf.cli.stopping import stoppable

PROGRAM = """
import time
from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.stopping import stoppable

app = App()

@app.command()
def work() -> None:
    with stoppable("stopped; run it again"):
        try:
            print("begun", flush=True)
            time.sleep(60)
        finally:
            print("cleaned up", flush=True)

app()
"""


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (signal.SIGTERM, 143, ""),
        (signal.SIGINT, 130, "stopped; run it again\n"),
    ],
)
def test_a_signal_ends_a_command_after_its_clean_up(number, code, message):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, "cleaned up\n", message)


def test_the_handler_from_before_comes_back():
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(SystemExit) as ended, stoppable():
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


PIPES = """
import sys, time
from pathlib import Path
from deblurgan_tf.cli.stopping import stoppable
from deblurgan_tf.restoring.inputs import gather
from deblurgan_tf.restoring.pipeline import Pipeline

root = Path(sys.argv[1])
with stoppable():
    with Pipeline(gather([str(root / "in")], root / "out")) as pipeline:
        for outcome in pipeline.outcomes(lambda pixels, outcome: None):
            print(outcome.job.source.name, outcome.status, flush=True)
        print("waiting", flush=True)
        time.sleep(60)
"""


def test_the_first_sigterm_ends_a_command_whose_folder_holds_pipes(tmp_path):
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").symlink_to("/dev/zero")
    process = subprocess.Popen(
        [sys.executable, "-c", PIPES, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    said = [process.stdout.readline() for _ in range(3)]
    assert said == ["a.png failed\n", "b.png failed\n", "waiting\n"]
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "")
