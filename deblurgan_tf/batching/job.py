"""One run of the command: finds what is left, restores it and compacts the manifest."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import deblurgan_tf
from deblurgan_tf import images
from deblurgan_tf.batching import (
    cluster,
    listing,
    locks,
    manifest,
    parquet_results,
    parquet_rows,
    planning,
    settings,
)
from deblurgan_tf.batching.stores import Place, check_apart, open_place
from deblurgan_tf.batching.worker import Task
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.terminal import console, counting_bar, say
from deblurgan_tf.errors import DataError, UsageError

UNITS_AT_ONCE = 10_000
"""Portions that Ray Data is given at a time: it keeps a few kilobytes of each. The
actors, which load the model in seconds, start anew for the next of them."""
REPORT_EVERY = 60.0  # seconds between two lines of progress, where there is no bar
SHOWN_FAILURES = 50  # lines; the manifest has all failures


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


def run(job: Job) -> Counter[str]:
    """Restores what is left of a job.

    Returns how many pictures are `restored`, restored `before`, and `failed`. Raises a
    UserError for a job that cannot be begun: of the model, the inputs, the stores, the
    cluster, or another command that works on OUTPUT; and WorkFailed for one that cannot
    be ended.
    """
    inputs = [open_place(uri) for uri in job.inputs]
    output = open_place(job.output)
    check_apart(inputs, output)
    with locks.locked(output) as check_lock:
        listed, parquet = _listed(job, inputs)
        import_tensorflow()
        from deblurgan_tf.models import files as model_files

        model = model_files.find(job.model).read_bytes()
        wanted = _settings(job, model, parquet)
        begun = settings.agreed(output, wanted)
        if begun not in (None, wanted.deblurgan_tf):
            say(
                f"{output.name} was begun with deblurgan_tf {begun}; version "
                f"{wanted.deblurgan_tf} goes on"
            )
        known = manifest.load(output)
        plan = planning.plan(listed, known.last, job.retry_failed)
        counts = Counter(before=plan.restored, failed=len(plan.failed))
        if len(plan.left):
            _check_model(job)
            if begun is None:
                settings.write(output, wanted)
            output.sweep()
            task = _task(job, known.next_run(), parquet)
            for status in _restored(job, plan.left, model, task, check_lock):
                counts[status] += 1
            known = manifest.load(output)
            for line in _notices(known.last, task.run, files=not parquet):
                say(line)
        if parquet:
            parquet_results.clean(output, known.last, known.replaced, job.path_column)
        manifest.compact(output, known.last, known.names)
        output.sweep()
    if len(plan.failed):
        say(
            f"{len(plan.failed)} failed before and were not tried again, "
            f"{plan.failed['path'][0]} first; --retry-failed tries them again"
        )
    return counts


def _notices(rows: pa.Table, run: int, files: bool) -> Iterator[str]:
    """Lines about the pictures of a run: names that do not fit, what was left out.

    files: the results are files, so that the paths are names of files.
    """
    restored = pc.equal(rows["status"], "restored")
    done = rows.filter(pc.and_(pc.equal(rows["run"], run), restored))
    paths = done["path"].to_pylist()
    if files:
        formats = done["format"].to_pylist()
        known = (
            (path, kind) for path, kind in zip(paths, formats, strict=True) if kind
        )
        notice = images.otherwise_named(known, len(done), written=True)
        if notice is not None:
            yield notice
    notices = done["notices"].to_pylist()
    yield from images.alike(
        (path, text.split("\n"))
        for path, text in zip(paths, notices, strict=True)
        if text
    )


def _settings(job: Job, model: bytes, parquet: bool) -> settings.Settings:
    return settings.Settings(
        model=job.model,
        model_sha256=hashlib.sha256(model).hexdigest(),
        **job.options,
        parquet=parquet,
        path_column=job.path_column,
        bytes_column=job.bytes_column,
        deblurgan_tf=deblurgan_tf.__version__,
    )


def _task(job: Job, run: int, parquet: bool) -> Task:
    return Task(
        run=run,
        output=_absolute(job.output),
        options=job.options,
        cpus=job.cpus_per_actor,
        batch=job.batch,
        bytes_column=job.bytes_column if parquet else None,
        path_column=job.path_column,
    )


def _listed(job: Job, inputs: list[Place]) -> tuple[pa.Table, bool]:
    """Rows of listing.SCHEMA, and whether they are rows of Parquet files."""
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
        _say_left_out(place, files, parquet)
        closed = [x for x in files if x["file"].endswith("/")]
        if parquet and closed:  # its rows cannot fail one by one
            raise DataError(f"{place.spell(closed[0]['file'])}: {closed[0]['error']}")
        if parquet:
            names = job.path_column, job.bytes_column
            tables.append(parquet_rows.rows(place, number, files, *names))
        else:
            tables.append(listing.pictures(place, number, files))
    return listing.checked(tables, inputs, files=not parquet), parquet


def _say_left_out(place: Place, files: list[dict[str, Any]], parquet: bool) -> None:
    """Says which files of an input are neither read nor plainly something else."""
    names = [line["file"] for line in files if not line["file"].endswith("/")]
    of_other_kind = listing.of_kind(names, parquet=not parquet)
    if of_other_kind and parquet:
        say(
            f"{place.name}: {len(of_other_kind)} picture files are left out; without "
            "--parquet they are restored instead of the Parquet files"
        )
    elif of_other_kind:
        say(
            f"{place.name}: {len(of_other_kind)} Parquet files are left out; --parquet "
            "restores these instead of the picture files"
        )
    notice = images.left_out(
        [place.spell(name) for name in names if images.passed_over(name)]
    )
    if notice is not None and not parquet:
        say(notice, "yellow")


def _check_model(job: Job) -> None:
    """Raises what `restorer.load` raises, before any process is started."""
    from deblurgan_tf.inference.restorer import load

    load(job.model, **job.options)


def _restored(
    job: Job, left: pa.Table, model: bytes, task: Task, check_lock: locks.Check
) -> Iterator[str]:
    """Yields the status of each picture, once its batch is committed."""
    cpus = None
    if job.address is None and job.actors is not None:
        cpus = job.actors * job.cpus_per_actor
    with cluster.connected(job.address, cpus) as there, _progress(len(left)) as advance:
        if job.address is None and there < job.cpus_per_actor:
            raise UsageError(
                f"--cpus-per-actor {job.cpus_per_actor}: this machine has {there}, and "
                "Ray would wait for more; give fewer"
            )
        from deblurgan_tf.batching import execution

        units = list(planning.units(left, job.batch))
        inputs = [_absolute(uri) for uri in job.inputs]
        actors = cluster.count_actors(job.actors, job.cpus_per_actor, there, len(units))
        for start in range(0, len(units), UNITS_AT_ONCE):
            chosen = units[start : start + UNITS_AT_ONCE]
            for table in execution.execute(chosen, inputs, model, task, actors):
                for row in table.select(["status", "error"]).to_pylist():
                    advance(row)
                    yield row["status"]
                check_lock()


def _absolute(uri: str) -> str:
    place = open_place(uri)
    return uri if "://" in uri else place.path


@contextmanager
def _progress(total: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Shows failures, and a bar or, without a terminal, a line each minute.

    Gives a function that is called with each picture's status and error.
    """
    bar = counting_bar("restoring")
    done, failures, reported = 0, 0, time.monotonic()
    with bar:
        task = bar.add_task("", total=total)

        def advance(row: dict[str, Any]) -> None:
            nonlocal done, failures, reported
            done += 1
            bar.update(task, completed=done)
            if row["status"] == "failed":
                failures += 1
                if failures <= SHOWN_FAILURES:
                    say(f"failed: {row['error']}", "red")
                if failures == SHOWN_FAILURES:
                    say("further failures are in the manifest only")
            if not console.is_terminal and time.monotonic() - reported > REPORT_EVERY:
                reported = time.monotonic()
                say(f"{done} of {total} done, {failures} of them failed")

        yield advance
