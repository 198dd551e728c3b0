"""Real processes that train together on this machine, by TF_CONFIG."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import yaml

from helpers.trainings import values

# Four samples a step, of which each of two replicas takes two.
SHARED = {
    "data": {"batch": 4, "count": 8, "validation": 2},
    "model": {"dropout": 0.5, "blocks": 2},
    "every": {"log": 2, "sample": 12, "validate": 6, "checkpoint": 2},
}


def config_file(path: Path, steps: int, strategy: str, **train) -> Path:
    changed = {"steps": steps, "strategy": strategy, "clip_norm": 1.0} | train
    path.write_text(yaml.safe_dump(values(train=changed, **SHARED)))
    return path


def start(config: Path, run: Path, index: int = 0, ports: list[int] | None = None):
    """One process of a training: alone, or worker `index` of those on the ports."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_CONFIG", None)
    if ports is not None:
        cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
        task = {"type": "worker", "index": index}
        environment["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    command = [sys.executable, "-m", "deblurgan_tf.train"]
    return subprocess.Popen(
        [*command, "--config", str(config), "--run", str(run)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def pair(config: Path, run: Path):
    """Two workers, the chief first."""
    ports = free_ports(2)
    return [start(config, run, index, ports) for index in range(2)]


def ended(processes) -> list[tuple[int, str]]:
    """(exit code, output) of each; none is left running."""
    try:
        outputs = [process.communicate(timeout=200)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(p.returncode, x) for p, x in zip(processes, outputs, strict=True)]


def wait_for(path: Path, processes, seconds: float = 150.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert all(p.poll() is None for p in processes), ended(processes)
        assert time.monotonic() < end, f"{path} does not come"
        time.sleep(0.05)
