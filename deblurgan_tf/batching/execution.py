"""The run on Ray Data: tasks read the pictures' bytes, actors restore and commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import ray
from ray.data import (
    ActorPoolStrategy,
    DataContext,
    ExecutionResources,
    TaskPoolStrategy,
)

from deblurgan_tf.batching import planning
from deblurgan_tf.batching.reading import read_files, read_rows
from deblurgan_tf.batching.worker import Task, Worker
from deblurgan_tf.errors import WorkFailed

IN_FLIGHT = 2  # portions of an actor: one that it works on, one that waits


def execute(
    units: Iterable[pa.Table],
    inputs: list[str],
    model: bytes,
    task: Task,
    actors: int,
    worker: type[Worker] = Worker,
) -> Iterator[pa.Table]:
    """Restores portions (rows of listing.SCHEMA).

    Yields rows of manifest.SCHEMA of batches that are committed, in the order in which
    they end.

    Memory is bounded: each actor has IN_FLIGHT portions of at most BATCH_BYTES (or one
    larger picture), and as many wait to be taken. Where a worker dies, Ray starts
    another and gives it the same portion. Raises WorkFailed where the workers
    cannot start or OUTPUT cannot be written to.
    """
    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    # A row group is handed to the actors in pieces of this size, a portion whole.
    context.target_max_block_size = planning.BATCH_BYTES
    waiting = 2 * IN_FLIGHT * actors * planning.BATCH_BYTES
    context.execution_options.resource_limits = ExecutionResources(
        object_store_memory=max(waiting, 256 << 20)
    )
    read: Any = partial(read_files, inputs=inputs)
    if task.bytes_column is not None:
        read = partial(read_rows, inputs=inputs, batch=task.batch)
    with DataContext.current(context):
        tables = list(units)
        dataset = ray.data.from_arrow(tables)
        # Reading waits for disks and networks, so the CPUs are left to the actors.
        fetched = dataset.map_batches(
            read,
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=0,
            # Ray warns of more tasks than there are portions.
            compute=TaskPoolStrategy(size=min(max(2, actors // 2), len(tables) or 1)),
        )
        restored = fetched.map_batches(
            worker,
            fn_constructor_args=(model, task),
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=task.cpus,
            compute=ActorPoolStrategy(
                size=actors, max_tasks_in_flight_per_actor=IN_FLIGHT
            ),
        )
    try:
        yield from restored.iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=0
        )
    except ray.exceptions.RayError as error:
        raise WorkFailed(_reason(error)) from error


def _reason(error: Exception) -> str:
    """The message of what was raised in a worker, without Ray's traceback."""
    cause = getattr(error, "cause", None)
    return str(cause) if cause is not None else str(error).strip().splitlines()[-1]
