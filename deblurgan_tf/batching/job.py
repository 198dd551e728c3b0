"""One run of the command: what is left, done, and the manifest made whole."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

import deblurgan_tf
from deblurgan_tf.batching import (
    cluster,
    listing,
    manifest,
    parquet_results,
    parquet_rows,
    planning,
    settings,
)
from deblurgan_tf.batching.stores import Place, check_apart, open_place
from deblurgan_tf.batching.worker import Task
from deblurgan_tf.cli.terminal import console, counting_bar, say
from deblurgan_tf.errors import DataError, UsageError

UNITS_AT_ONCE = 10_000
"""Portions that Ray Data is given at a time: it keeps a few kilobytes of each. The
actors, which load the model in seconds, start anew for the next of them."""
TOLD_EVERY = 60.0  # seconds, where there is no bar
TOLD_FAILURES = 50  # lines; the manifest has them all


@dataclass(frozen=True)
class Job:
    """The command line; see `batch.main`."""

    inputs: tuple[str, ...]
    output: str
    model: str
    options: dict[str, Any]
    parquet: bool
    path_column: str
    bytes_column: str
    retry_failed: bool
    actors: int | None
    cpus_per_actor: int
    batch: int
    address: str | None


def run(job: Job, on_connected: Callable[[], object]) -> Counter[str]:
    """Does what is left of a job; returns how many pictures are restored, restored
    before, and failed.

    on_connected: is called when Ray has put its own handlers of signals in place.
    Raises ValueError (its own kinds, and those of a model) for a job that cannot be
    begun, and WorkFailed for one that stopped.
    """
    inputs = [open_place(uri) for uri in job.inputs]
    output = open_place(job.output)
    check_apart(inputs, output)
    listed, parquet = _listed(job, inputs)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # notices of CPU features
    from deblurgan_tf.models import files as model_files

    model = model_files.find(job.model).read_bytes()
    wanted = settings.Settings(
        model=job.model,
        model_sha256=hashlib.sha256(model).hexdigest(),
        **job.options,
        parquet=parquet,
        path_column=job.path_column,
        bytes_column=job.bytes_column,
        deblurgan_tf=deblurgan_tf.__version__,
    )
    begun = settings.agreed(output, wanted)
    if begun not in (None, wanted.deblurgan_tf):
        say(
            f"{output.name} was begun with deblurgan_tf {begun}; going on with this one"
        )
    last, replaced, names = manifest.load(output)
    plan = planning.plan(listed, last, job.retry_failed)
    counts = Counter(before=plan.restored, failed=len(plan.failed))
    if len(plan.left):
        _check_model(job)
        if begun is None:
            settings.write(output, wanted)
        output.sweep()
        for status in _work(job, plan.left, model, parquet, on_connected):
            counts[status] += 1
        last, replaced, names = manifest.load(output)
    if parquet:
        parquet_results.clean(output, last, replaced, job.path_column)
    manifest.compact(output, last, names)
    output.sweep()
    if len(plan.failed):
        say(
            f"{len(plan.failed)} failed before and were left at that, "
            f"{plan.failed['path'][0]} first; --retry-failed tries them again"
        )
    return counts


def _listed(job: Job, inputs: list[Place]) -> tuple[pa.Table, bool]:
    """(rows of listing.SCHEMA, whether they are rows of Parquet files)"""
    found = [list(listing.files_of(place)) for place in inputs]
    kinds = [
        job.parquet or listing.is_parquet(place, (line["file"] for line in files))
        for place, files in zip(inputs, found, strict=True)
    ]
    if len(set(kinds)) > 1:
        raise DataError(
            f"{inputs[kinds.index(True)].name} is a Parquet data set, and "
            f"{inputs[kinds.index(False)].name} holds picture files; give them to two "
            "commands with different OUTPUT"
        )
    parquet, tables = kinds[0], []
    for number, (place, files) in enumerate(zip(inputs, found, strict=True)):
        if parquet:
            columns = job.path_column, job.bytes_column
            tables.append(parquet_rows.rows(place, number, files, *columns))
            continue
        tables.append(listing.pictures(place, number, files))
        left_out = sum(line["file"].endswith(".parquet") for line in files)
        if left_out:
            say(
                f"{place.name}: {left_out} Parquet files are left out; --parquet takes "
                "these instead of the pictures"
            )
    return listing.checked(tables, inputs, files=not parquet), parquet


def _check_model(job: Job) -> None:
    """Raises what `restorer.load` raises, before any process is started."""
    from deblurgan_tf.inference.restorer import load

    load(job.model, **job.options)


def _work(
    job: Job,
    left: pa.Table,
    model: bytes,
    parquet: bool,
    on_connected: Callable[[], object],
) -> Iterator[str]:
    """Yields the status of each picture, once its batch is committed."""
    cpus = None
    if job.address is None and job.actors is not None:
        cpus = job.actors * job.cpus_per_actor
    with cluster.connected(job.address, cpus) as there, _progress(len(left)) as advance:
        on_connected()
        if job.address is None and there < job.cpus_per_actor:
            raise UsageError(
                f"--cpus-per-actor {job.cpus_per_actor}: this machine has {there}, and "
                "Ray would wait for more; give fewer"
            )
        from deblurgan_tf.batching import execution

        units = list(planning.units(left, job.batch))
        task = Task(
            run=secrets.token_hex(8),
            output=_absolute(job.output),
            options=job.options,
            cpus=job.cpus_per_actor,
            batch=job.batch,
            bytes_column=job.bytes_column if parquet else None,
        )
        inputs = [_absolute(uri) for uri in job.inputs]

        actors = cluster.count_actors(job.actors, job.cpus_per_actor, there, len(units))
        for start in range(0, len(units), UNITS_AT_ONCE):
            chosen = units[start : start + UNITS_AT_ONCE]
            for table in execution.execute(chosen, inputs, model, task, actors):
                for row in table.select(["status", "error"]).to_pylist():
                    advance(row)
                    yield row["status"]


def _absolute(uri: str) -> str:
    place = open_place(uri)
    return uri if "://" in uri else place.path


@contextmanager
def _progress(total: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Shows the bar, or a line a minute without a terminal; tells of failures."""
    bar = counting_bar("restoring")
    done, failures, told = 0, 0, time.monotonic()
    with bar:
        task = bar.add_task("", total=total)

        def advance(row: dict[str, Any]) -> None:
            nonlocal done, failures, told
            done += 1
            bar.update(task, completed=done)
            if row["status"] == "failed":
                failures += 1
                if failures <= TOLD_FAILURES:
                    say(f"failed: {row['error']}", "red")
                if failures == TOLD_FAILURES:
                    say("further failures are in the manifest alone")
            if not console.is_terminal and time.monotonic() - told > TOLD_EVERY:
                told = time.monotonic()
                say(f"{done} of {total} done, {failures} of them failed")

        yield advance
