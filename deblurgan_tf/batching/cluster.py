"""The processes that do the work: a Ray of this machine, or a cluster."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from logging import StreamHandler
from typing import Any

from deblurgan_tf.errors import MissingExtra, UsageError, first_line
from deblurgan_tf.storage.installation import install_command


def check_extra() -> None:
    """Raises MissingExtra where Ray is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("ray", "pyarrow")):
        raise MissingExtra(
            "restoring on Ray needs the extra ray; install it with "
            f"{install_command('ray')}"
        )


def count_actors(actors: int | None, cpus_per_actor: int, cpus: int, most: int) -> int:
    """How many actors there are: `actors`, else as many as the CPUs allow.

    At least 1 and at most `most`.
    """
    return max(1, min(actors or cpus // cpus_per_actor, most))


@contextmanager
def connected(address: str | None, cpus: int | None) -> Iterator[int]:
    """Connects to a cluster, or starts a Ray of this machine that ends with the block.

    address: of the cluster; None for a Ray of this machine. cpus: the number of CPUs
    that the Ray of this machine uses; None for all. Gives the number of CPUs that the
    cluster has now. Raises UsageError where the cluster is not reached.
    """
    # Read when Ray is imported. Its core also logs errors that it recovers from.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if address is None:
        # By default Ray's workers have a low priority (15). Here they do all the work.
        os.environ.setdefault("RAY_worker_niceness", "0")
    import ray
    import ray.data

    # Ray puts a handler of its own in place of ours.
    on_sigterm = signal.getsignal(signal.SIGTERM)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        _check_answers(address)
        if address is None:
            # Named, because otherwise Ray connects to RAY_ADDRESS.
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        reason = first_line(error)
        raise UsageError(
            f"--address {address}: no cluster is reached there ({reason}); start one "
            "with ray start --head, or leave the option out for a Ray of this machine"
        ) from error
    signal.signal(signal.SIGTERM, on_sigterm)
    # Ray's log files stay; on the terminal this command has its own messages.
    log = logging.getLogger("ray.data")
    log.handlers = [x for x in log.handlers if not isinstance(x, StreamHandler)]
    try:
        resources: Any = ray.cluster_resources  # comes without types
        yield int(resources().get("CPU", 1))
    finally:
        ray.shutdown()


def _check_answers(address: str | None) -> None:
    """Raises OSError where nothing listens: Ray would try for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()
