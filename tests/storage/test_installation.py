"""The command that installs an extra works where the package came from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deblurgan_tf.storage import installation


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout, in whose folder we are; this process's Python is `python`."""
    place = tmp_path / "my code"
    (place / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "setup.cfg"):
        (place / name).touch()
    monkeypatch.setattr(installation, "HERE", place)
    monkeypatch.setattr(installation.shutil, "which", lambda name: sys.executable)
    monkeypatch.chdir(place)
    return place


def test_in_a_checkout_with_its_environment(checkout, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(checkout / ".venv"))
    assert installation.install_command("ocr") == "make install EXTRAS=ocr"
    monkeypatch.chdir(tmp_path)
    wanted = f"make -C '{checkout}' install EXTRAS=ocr"
    assert installation.install_command("ocr") == wanted


def test_in_a_checkout_with_another_environment(checkout):
    assert installation.install_command("ocr") == "python -m pip install -e '.[ocr]'"


def test_of_a_wheel(checkout, monkeypatch):
    (checkout / "Makefile").unlink()
    wanted = "python -m pip install 'deblurgan_tf[ocr]'"
    assert installation.install_command("ocr") == wanted
    # An environment that is not active: its interpreter is named.
    monkeypatch.setattr(installation.shutil, "which", lambda name: "/usr/bin/python")
    monkeypatch.setattr(sys, "executable", str(checkout / ".venv/bin/python"))
    wanted = ".venv/bin/python -m pip install 'deblurgan_tf[ocr]'"
    assert installation.install_command("ocr") == wanted


def test_a_path_below_the_folder_is_shown_from_it(checkout):
    assert installation.shown(checkout / "a" / "b.png") == Path("a/b.png")
    assert installation.shown(Path("/elsewhere/b.png")) == Path("/elsewhere/b.png")
