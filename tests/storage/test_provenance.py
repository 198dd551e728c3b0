"""Versions of libraries, whatever distribution they came from."""

import importlib.metadata

import deblurgan_tf
from deblurgan_tf.storage import provenance


def test_versions_are_those_of_the_metadata_and_missing_ones_are_left_out():
    found = provenance.versions("numpy", "no-such-distribution")
    assert found == {"numpy": importlib.metadata.version("numpy")}


def test_our_own_version_needs_no_metadata(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(provenance, "version", missing)
    found = provenance.versions("deblurgan_tf", "numpy", *provenance.OPENCV)
    assert found == {"deblurgan_tf": deblurgan_tf.__version__}
