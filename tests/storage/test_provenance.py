"""Where a number comes from is known without an installed package, too."""

from __future__ import annotations

import importlib.metadata

import numpy as np

from deblurgan_tf import __version__
from deblurgan_tf.storage import provenance


def test_versions_are_those_of_the_installed_packages():
    assert provenance.version("numpy") == np.__version__


def test_a_package_that_is_not_installed_has_no_version_and_is_no_error(monkeypatch):
    assert provenance.version("no-such-package") == "not installed"

    # As in a checkout that was never installed.
    def unknown(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata.Distribution, "from_name", unknown)
    assert provenance.version("deblurgan_tf") == __version__
    assert provenance.version("numpy") == "not installed"


def test_of_several_packages_those_that_are_not_installed_are_left_out():
    found = provenance.versions("deblurgan_tf", "numpy", "no-such-package")
    assert found == {"deblurgan_tf": __version__, "numpy": np.__version__}
