"""The processes that the work is done on: a Ray of this machine, or a cluster."""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from logging import StreamHandler
from typing import Any

from deblurgan_tf.errors import UsageError


def check_extra() -> None:
    """Raises UsageError where the extra is missing."""
    if any(importlib.util.find_spec(name) is None for name in ("ray", "pyarrow")):
        raise UsageError(
            "restoring on Ray needs the extra ray; install it with "
            "pip install 'deblurgan_tf[ray]'"
        )


def count_actors(actors: int | None, cpus_per_actor: int, cpus: int, most: int) -> int:
    """How many actors: as told, or as many as have their CPUs; at most `most`."""
    return max(1, min(actors or cpus // cpus_per_actor, most))


@contextmanager
def connected(address: str | None, cpus: int | None) -> Iterator[int]:
    """Connects to the cluster at `address`, or starts a Ray of this machine that ends
    with the block; gives the number of CPUs it has now.

    cpus: what the Ray of this machine may think it has; None for what there is.
    Raises UsageError where the cluster is not reached.
    """
    # Read when Ray is imported. Its own log of the core names what it can mend.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if address is None:
        # Ray's workers are nicer than others (15): they are all there is here.
        os.environ.setdefault("RAY_worker_niceness", "0")
    import ray
    import ray.data

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        _check_answers(address)
        if address is None:
            # Named, because RAY_ADDRESS would else be joined.
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(
            f"--address {address}: no cluster is reached there ({reason}); start one "
            "with ray start --head, or leave the option out for a Ray of this machine"
        ) from error
    # The files of its log stay; this command tells what there is to tell.
    told = logging.getLogger("ray.data")
    told.handlers = [x for x in told.handlers if not isinstance(x, StreamHandler)]
    try:
        yield int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


def _check_answers(address: str | None) -> None:
    """Raises OSError where nobody listens: Ray would try for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()
