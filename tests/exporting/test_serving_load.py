"""2,000 requests to the shipped model, exported: `make test-load` shows the figures."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from helpers.places import ROOT

pytest.importorskip("tensorflow_serving", reason="needs the extra serve")
LOAD = ROOT / "tests" / "helpers" / "serving_load.py"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_answer_is_wrong_and_memory_stays_flat(tmp_path):
    export = [sys.executable, "-m", "deblurgan_tf.export", "--output", tmp_path]
    subprocess.run([*export, "--model", "plates_quick"], check=True)
    # A process of its own: what the tests hold is not the model's memory. glibc gives
    # every thread a heap to grow; two for all of them leave what TensorFlow keeps.
    done = subprocess.run(
        [sys.executable, LOAD, tmp_path / "1", "--requests", "2000"],
        env=os.environ | {"MALLOC_ARENA_MAX": "2", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0
