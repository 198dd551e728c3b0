"""What commands import before they have work to do, and how long their help takes."""

import os
import statistics
import subprocess
import sys
import time

import pytest

from deblurgan_tf.deconvolution.sharpness import NOT_SHARP
from deblurgan_tf.evaluation.methods import BLIND, NAMES, NON_BLIND
from deblurgan_tf.preparation.limits import Limits

VERBS = (
    *("train", "predict", "evaluate", "prepare", "export", "demo", "convert"),
    *("benchmark", "batch"),
)
HEAVY = (
    *("tensorflow", "keras", "numpy", "scipy", "cv2", "PIL", "matplotlib", "yaml"),
    *("ray", "gradio", "torch", "rich"),
)
PROGRAM = f"""
import runpy, sys
verb, *sys.argv[1:] = sys.argv[1:]
status = 0
try:
    runpy.run_module(f"deblurgan_tf.{{verb}}", run_name="__main__")
except SystemExit as end:
    status = end.code
print(sorted(set({HEAVY}) & sys.modules.keys()), file=sys.stderr)
sys.exit(status)
"""


def _run(verb, *arguments):
    """(exit code, standard output, last line of standard error)."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, verb, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "100"},
    )
    return done.returncode, done.stdout, done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("verb", VERBS)
def test_help_and_wrong_usage_import_nothing_heavy(verb):
    code, out, imported = _run(verb, "--help")
    assert (code, imported) == (0, "[]")
    assert "Usage:" in out
    code, _, imported = _run(verb, "--no-such-option")
    assert (code, imported) == (2, "[]")


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        *(("prepare", name) for name in ("blur", "plates", "check", "pack")),
        *(("benchmark", name) for name in ("train", "predict", "blur", "data")),
    ],
)
def test_help_of_a_subcommand_imports_nothing_heavy(verb, command):
    code, out, imported = _run(verb, command, "--help")
    assert (code, imported) == (0, "[]")
    assert command in out


def test_help_takes_little_longer_than_its_libraries():
    def seconds(*arguments):
        begun = time.perf_counter()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        return time.perf_counter() - begun

    imports, helps = ("-c", "import typer, rich"), ("-m", "deblurgan_tf.predict")
    rounds = [(seconds(*imports), seconds(*helps, "--help")) for _ in range(3)]
    least, whole = (statistics.median(x) for x in zip(*rounds, strict=True))
    assert whole < 3 * least


def test_what_help_tells_is_what_the_modules_it_spares_do():
    assert ("blurred", "deblurgan", *NON_BLIND, *BLIND) == NAMES
    assert Limits().edge_width == NOT_SHARP
