"""The built wheel holds all it needs: it is installed elsewhere and run there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from helpers.places import ROOT


def run(*command, **options):
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, **options
    )


def test_an_installed_wheel_trains_from_any_folder(tmp_path):
    # Built from a copy: setuptools leaves a build folder beside the sources.
    source = tmp_path / "source"
    for part in ("deblurgan_tf", "experiments", "assets"):
        shutil.copytree(ROOT / part, source / part)
    for part in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, source)
    built = run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
        *("--no-build-isolation", "--wheel-dir", tmp_path, source),
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("deblurgan_tf-*.whl")
    place = tmp_path / "installed"
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
        *("--target", place, wheel),
        check=True,
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    # The environment's own installation stays, but this one comes first.
    environment = os.environ | {"PYTHONPATH": str(place)}
    found = run(
        *(sys.executable, "-c", "import deblurgan_tf; print(deblurgan_tf.__file__)"),
        cwd=elsewhere,
        env=environment,
    )
    assert Path(found.stdout.strip()).is_relative_to(place)
    # No --config: the shipped experiment, and plates drawn with the shipped fonts.
    planned = run(
        *(sys.executable, "-m", "deblurgan_tf.train", "--dry-run"),
        *("--set", "data.validation=2"),
        # VGG19 is not downloaded for a test.
        *("--set", "loss.content={charbonnier: 1.0}"),
        cwd=elsewhere,
        env=environment,
    )
    assert planned.returncode == 0, planned.stderr
    assert "generator: 11,378,179 parameters" in planned.stdout
    assert "critic: 2,764,737 parameters" in planned.stdout
    assert "600 sharp pictures to train on, 2 to validate on" in planned.stdout
    assert "steps: 180,000" in planned.stdout
    assert list(elsewhere.iterdir()) == []
