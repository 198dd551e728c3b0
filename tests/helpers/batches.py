"""What the tests of `batch` run and watch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

from deblurgan_tf.batching.worker import Worker

STARTED: list[subprocess.Popen] = []


def stop_all():
    """Ends what a test that failed has left."""
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)


class Deadly(Worker):
    """Dies of one picture, as a decoder that crashes would have it."""

    def _files(self, lines, data, rows):
        if any(line["path"] == "deadly.png" for line in lines):
            os.kill(os.getpid(), signal.SIGKILL)
        super()._files(lines, data, rows)


def begun(*arguments, **environment):
    """The command, in a process of its own."""
    known = {key: os.environ[key] for key in os.environ if key != "RAY_ADDRESS"}
    process = subprocess.Popen(
        [sys.executable, "-m", "deblurgan_tf.batch", *map(str, arguments)],
        env=known | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    STARTED.append(process)
    return process


def ended(process):
    """(exit code, what it said); warnings from our code fail the test."""
    said, _ = process.communicate(timeout=600)
    assert "Traceback" not in said, said
    ours = [line for line in said.splitlines() if "Warning: " in line]
    assert not [line for line in ours if "deblurgan_tf" in line], said
    return process.returncode, said


def run(*arguments, **environment):
    return ended(begun(*arguments, **environment))


def rows(output):
    """Path -> row of the manifest; fails where a path has two."""
    table = pq.read_table(Path(output) / "manifest").to_pylist()
    found = {row["path"]: row for row in table}
    assert len(found) == len(table)
    return found


def versions(folder):
    """Path -> what tells one version of a file from the next."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            try:
                status = os.stat(path)
            except FileNotFoundError:  # renamed or removed meanwhile
                continue
            key = os.path.relpath(path, folder)
            found[key] = (status.st_ino, status.st_mtime_ns)
    return found


def workers(process):
    """The processes of a local Ray that hold a model and descend from `process`."""
    parents, names = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text()
            names[int(entry.name)] = (entry / "cmdline").read_text()
        except OSError:
            continue
        parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])

    def descends(number):
        while number in parents:
            if number == process.pid:
                return True
            number = parents[number]
        return False

    return [
        number
        for number, name in names.items()
        if name.startswith("ray::") and "Worker" in name and descends(number)
    ]


def watch(process, output, until, then):
    """Looks at OUTPUT ten times a second until the command ends; when `until` of all
    versions seen is true, calls `then`, once. Returns path -> set of versions.
    """
    seen = {}
    while process.poll() is None:
        for path, version in versions(output).items():
            seen.setdefault(path, set()).add(version)
        if then is not None and until(seen):
            then()
            then = None
        time.sleep(0.1)
    assert then is None, "the command ended before that"
    return seen
