"""The power fails: a result that is recorded is whole."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers.disk import recorded_calls

from deblurgan_tf import images
from deblurgan_tf.restoring.inputs import Job
from deblurgan_tf.restoring.outcomes import Outcome
from deblurgan_tf.restoring.pipeline import Pipeline
from deblurgan_tf.restoring.records import FILE, Recipe, Records


def restore(inputs: Path, output: Path) -> list[Path]:
    """What `predict` does with six pictures, without a model.

    Returns the results in the order of their records.
    """
    inputs.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    jobs = []
    for number in range(6):
        source = inputs / f"{number}.png"
        images.write(source, images.Picture(pixels, format="PNG"))
        jobs.append(Job(source, output / "new" / str(number % 2) / source.name))
    records = Records(output, Recipe("photos", "1234", {}))

    def record(outcome: Outcome) -> None:
        records.add(outcome.job, outcome.status)

    with Pipeline(jobs, record) as pipeline:
        for outcome in pipeline.outcomes(lambda pixels, _: pixels):
            assert outcome.error is None
    lines = (output / FILE).read_text().splitlines()
    return [output / json.loads(line)["result"] for line in lines]


def test_a_result_is_on_the_disk_with_its_folders_before_it_is_recorded(tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    with recorded_calls() as calls:
        results = restore(tmp_path / "in", output)
    written = ("fsync", str(output / FILE))
    records = [number for number, call in enumerate(calls) if call == written]
    for result, record in zip(results, records, strict=True):
        renamed = calls.index(("replace", str(result)))
        assert calls.index(("fsync", str(result.parent)), renamed) < record
        for folder in (output / "new", output):  # they hold the names of new folders
            assert calls.index(("fsync", str(folder))) < renamed


@contextlib.contextmanager
def mounted(image: Path, folder: Path):
    folder.mkdir()
    command = ["mount", "-o", "loop", str(image), str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a loop device cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
@pytest.mark.skipif(shutil.which("mkfs.ext4") is None, reason="needs mkfs.ext4")
def test_a_disk_whose_power_is_cut_has_every_result_whole(tmp_path):
    image, cut = tmp_path / "image", tmp_path / "cut"
    with open(image, "wb") as file:
        file.truncate(16 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    with mounted(image, tmp_path / "disk") as disk:
        results = restore(tmp_path / "in", disk)
        (disk / "unsynced").write_bytes(b"x" * 5000)
        shutil.copyfile(image, cut)  # what the disk has when the power fails
        names = [result.relative_to(disk) for result in results]
    with mounted(cut, tmp_path / "after") as disk:
        unsynced = disk / "unsynced"
        assert not unsynced.exists() or unsynced.stat().st_size == 0
        assert (disk / FILE).read_text().count("\n") == len(names)
        for name in names:
            images.read(disk / name)
