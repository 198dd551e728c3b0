"""An actor that holds a model, restores batch after batch, and commits each."""

from __future__ import annotations

import errno
import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from deblurgan_tf.batching import columns, manifest
from deblurgan_tf.batching.restoring import fail, restore_all
from deblurgan_tf.batching.stores import WORK, open_place
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.errors import DataError
from deblurgan_tf.restoring.pipeline import check_format
from deblurgan_tf.storage.leftovers import temporary_folder

if TYPE_CHECKING:
    from deblurgan_tf.inference.restorer import Restorer

ATTEMPTS = 3
"""How often a batch is begun whose workers die; after that each of its pictures alone
is begun as often."""
WRITERS = 4  # threads: the answer of a store takes long, sending the bytes does not
DATA_FOLDER = "pictures"
"""The folder of OUTPUT with the Parquet parts of restored pictures."""
_DEADLY = (
    f"{ATTEMPTS} workers died of it (too little memory, or a decoder that crashed); "
    "leave it out or convert it"
)
_NAME_IS_REFUSED = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EINVAL)


@dataclass(frozen=True)
class Task:
    """What an actor needs to know; the same for all actors of a run.

    run: the number of the run, see `manifest.Manifest.next_run`.
    options: precision, tta and tile, as `restorer.Restorer` takes them.
    cpus: threads of an actor. batch: pictures that are committed together, at most.
    bytes_column, path_column: of Parquet data sets, see `columns`; bytes_column is None
    where the results are files.
    """

    run: int
    output: str
    options: dict[str, Any]
    cpus: int
    batch: int
    bytes_column: str | None
    path_column: str = columns.PATH


class Worker:
    """Takes blocks of `reading.BLOCK`, gives rows of `manifest.SCHEMA`."""

    def __init__(self, model: bytes, task: Task) -> None:
        """Loads `model`, the contents of a .keras file, which may be on one machine."""
        self.task = task
        self.output = open_place(task.output)
        self.restorer = _restorer(model, task)

    def __call__(self, block: pa.Table) -> pa.Table:
        """Restores and commits a block in batches.

        Raises DataError where OUTPUT cannot be written to: the next batch would fail
        too.
        """
        step = self.task.batch
        parts = [
            self._batch(block.slice(start, step))
            for start in range(0, len(block), step)
        ]
        return pa.concat_tables(parts) if parts else manifest.table([])

    def _batch(self, block: pa.Table) -> pa.Table:
        data = _data(block, self.task.bytes_column)
        lines = block.select(["path", "name", "size", "mtime", "error"]).to_pylist()
        rows = [_row(line, content) for line, content in zip(lines, data, strict=True)]
        inputs = [(row["path"], row["input_sha256"] or "") for row in rows]
        name = manifest.batch_name(self.task.run, inputs)
        # A worker may have been killed after its commit, before it gave the rows.
        earlier = manifest.committed(self.output, name)
        if earlier is not None:
            return earlier
        attempts = self._attempts(name)
        if attempts == ATTEMPTS and len(block) > 1:
            # It is not known which of them kills workers, so each is a batch alone.
            return pa.concat_tables(
                [self._batch(block.slice(n, 1)) for n in range(len(block))]
            )
        try:
            if attempts == ATTEMPTS:
                fail(rows[0], f"{lines[0]['name']}: {_DEADLY}")
            elif self.task.bytes_column is None:
                self._begin(name, attempts)
                self._files(lines, data, rows)
            else:
                self._begin(name, attempts)
                self._parquet(name, block, lines, data, rows)
            now = datetime.now(UTC)
            written = {"finished": now, "run": self.task.run}
            table = manifest.table(row | written for row in rows)
            manifest.commit(self.output, name, table)
        except OSError as error:
            raise DataError(
                f"{self.output.name}: cannot be written to ({error}); check its rights "
                "and its space, and give the same command again"
            ) from error
        return table

    def _attempts(self, name: str) -> int:
        """How often this run has begun this batch; each of those workers died."""
        count = 0
        while count < ATTEMPTS and self.output.holds(_mark(name, count)):
            count += 1
        return count

    def _begin(self, name: str, attempts: int) -> None:
        self.output.write(_mark(name, attempts), b"")

    def _files(
        self,
        lines: list[dict[str, Any]],
        data: list[bytes | None],
        rows: list[dict[str, Any]],
    ) -> None:
        """Writes each restored picture to its path, and fills in the rows."""
        writing: list[tuple[dict[str, Any], Future[None]]] = []
        with ThreadPoolExecutor(WRITERS) as writers:

            def write(number: int, restored: bytes) -> None:
                row = rows[number]
                row["output"] = row["path"]
                future = writers.submit(self.output.write, row["path"], restored)
                writing.append((row, future))

            restore_all(lines, data, rows, self.restorer, write, check_format)
        for row, future in writing:
            try:
                future.result()
            except OSError as error:
                if error.errno not in _NAME_IS_REFUSED:
                    raise
                fail(row, f"{row['path']}: cannot be a name in OUTPUT ({error})")

    def _parquet(
        self,
        name: str,
        block: pa.Table,
        lines: list[dict[str, Any]],
        data: list[bytes | None],
        rows: list[dict[str, Any]],
    ) -> None:
        """Writes one Parquet file of the restored pictures, with all their columns."""
        results: list[bytes | None] = [None] * len(rows)

        def keep(number: int, restored: bytes) -> None:
            results[number] = restored
            place = folders[number]
            rows[number]["output"] = "/".join(
                x for x in (DATA_FOLDER, place, name) if x
            )

        folders = block["folder"].to_pylist()
        restore_all(lines, data, rows, self.restorer, keep)
        outputs = pa.array([row.get("output") for row in rows], pa.string())
        for output in pc.unique(outputs.drop_null()).to_pylist():
            here = pc.fill_null(pc.equal(outputs, output), False)
            table = _with_bytes(block, self.task, results).filter(here)
            self.output.write(output, manifest.parquet(table))


def _mark(name: str, attempt: int) -> str:
    return f"{WORK}/{name}.{attempt}"


def _restorer(model: bytes, task: Task) -> Restorer:
    # Before TensorFlow's first operation: threads are fixed by then.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import_tensorflow()
    import tensorflow as tf

    from deblurgan_tf.devices import prepare_devices
    from deblurgan_tf.inference.restorer import Restorer
    from deblurgan_tf.models import files as model_files

    tf.config.threading.set_intra_op_parallelism_threads(task.cpus)
    prepare_devices()
    with temporary_folder() as folder:
        file = Path(folder, "generator.keras")
        file.write_bytes(model)
        return Restorer(model_files.open_model(file), **task.options)


def _data(block: pa.Table, bytes_column: str | None) -> list[bytes | None]:
    if bytes_column is None:
        return block["data"].to_pylist()
    if "row" not in block.column_names:  # a row group that could not be read
        return [None] * len(block)
    table = _rows(block)
    place = columns.bytes_column(table.schema, bytes_column)
    assert place is not None  # `parquet_rows.rows` has looked
    return columns.values(table, place).to_pylist()


def _row(line: dict[str, Any], content: bytes | None) -> dict[str, Any]:
    sha256 = None if content is None else hashlib.sha256(content).hexdigest()
    kept = {key: line[key] for key in ("path", "size", "mtime")}
    return kept | {"input_sha256": sha256, "status": "failed"}


def _rows(block: pa.Table) -> pa.Table:
    """The rows of Parquet in a block, with all columns; the metadata of their file."""
    table = pa.Table.from_struct_array(block["row"].combine_chunks())
    return table.replace_schema_metadata(block.schema.field("row").metadata)


def _with_bytes(block: pa.Table, task: Task, results: list[bytes | None]) -> pa.Table:
    """The rows with all their columns, and the results in place of the bytes.

    Names that rows were given by `parquet_rows.rows` become a column.
    """
    table = _rows(block)
    place = columns.bytes_column(table.schema, str(task.bytes_column))
    assert place is not None
    table = columns.replaced(table, place, results)
    given = columns.column(table.schema, task.path_column) is None
    if given and len(place) > 1:
        table = table.append_column(task.path_column, block["path"])
    return table
