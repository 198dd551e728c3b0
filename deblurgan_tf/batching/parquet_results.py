"""Makes the restored Parquet parts hold the rows that the manifest names, no others."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deblurgan_tf.batching import columns, manifest
from deblurgan_tf.batching.stores import Place
from deblurgan_tf.batching.worker import DATA_FOLDER


def clean(
    output: Place, last: pa.Table, replaced: pa.Table, path_column: str
) -> list[str]:
    """Removes rows and parts that no row of the manifest names.

    Such rows are pictures that were restored again later; such parts are left by a
    batch that was killed before its commit. last, replaced: see `manifest.Manifest`.
    Returns the names of the parts that were removed or written anew. Call it before
    `manifest.compact`, after which the replaced rows are not known.
    """
    named = set(pc.unique(last["output"]).to_pylist())
    stale = set(pc.unique(replaced["output"]).to_pylist()) & named - {None}
    changed = []
    for info in output.find(DATA_FOLDER):
        name = info.path.removeprefix(output.path).lstrip("/")
        if info.is_file and name not in named:
            output.delete(name)
            changed.append(name)
    for name in sorted(stale):
        here = last.filter(pc.equal(last["output"], name))["path"]
        if _keep_rows(output, name, path_column, here.to_pylist()):
            changed.append(name)
    return changed


def _keep_rows(
    output: Place, name: str, path_column: str, paths: Iterable[str]
) -> bool:
    table = pq.read_table(io.BytesIO(output.read(name)))
    place = columns.column(table.schema, path_column)
    assert place is not None  # the worker adds one where there is none
    here = columns.values(table, place).cast(pa.string())
    kept = table.filter(pc.is_in(here, pa.array(paths, pa.string())))
    if len(kept) == len(table):
        return False
    output.write(name, manifest.parquet(kept))
    return True
