"""Restore millions of pictures on Ray: `python -m deblurgan_tf.batch --help`."""

from __future__ import annotations

from typing import Annotated

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.options import Precision, Tile, Tta
from deblurgan_tf.cli.stopping import stoppable
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import UsageError
from deblurgan_tf.storage.model_names import chosen
from deblurgan_tf.storage.resources import AUTO_MODEL

# Ray, Arrow and TensorFlow take seconds to import, which --help does without. So they
# are imported inside `main`.
app = App()


@app.command(
    no_args_is_help=True,
    examples=(
        "python -m deblurgan_tf.batch photos --output restored",
        "python -m deblurgan_tf.batch s3://bucket/photos --output s3://bucket/restored "
        "--address auto",
        "python -m deblurgan_tf.batch plates.parquet --output restored --model plates "
        "--bytes-column image",
    ),
)
def main(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT... [OUTPUT]",
            help="folders of pictures, or Parquet data sets of their bytes: paths, or "
            "URIs such as s3://bucket/folder that pyarrow or fsspec open; the last one "
            "is OUTPUT, unless --output names it",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUTPUT",
            help="the folder or URI of the results and of their manifest",
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="auto, a shipped model's name, a run's folder or a .keras file"
        ),
    ] = AUTO_MODEL,
    tile: Tile = None,
    tta: Tta = False,
    precision: Precision = "float32",
    parquet: Annotated[
        bool,
        typer.Option(
            "--parquet",
            help="INPUT are Parquet data sets  [default: seen by their names and "
            "their files]",
        ),
    ] = False,
    path_column: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Parquet: the pictures' paths; a struct's field is STRUCT.FIELD",
        ),
    ] = "path",
    bytes_column: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Parquet: the picture files' bytes, or a struct with a field bytes",
        ),
    ] = "bytes",
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="try again the pictures that failed before"
        ),
    ] = False,
    actors: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="processes that hold the model  [default: what the CPUs allow]",
        ),
    ] = None,
    cpus_per_actor: Annotated[
        int, typer.Option(min=1, help="CPUs, and threads, of each of them")
    ] = 1,
    batch: Annotated[
        int,
        typer.Option(min=1, help="how many pictures are committed together, at most"),
    ] = 32,
    address: Annotated[
        str | None,
        typer.Option(
            envvar="RAY_ADDRESS",
            help="the Ray cluster to work on, auto for the one of this machine  "
            "[default: a Ray of this machine that ends with the command]",
        ),
    ] = None,
) -> None:
    """Restore millions of pictures: folders, object stores, Parquet data sets.

    The work is done on this machine or on a Ray cluster. A folder's pictures become
    files of OUTPUT with their paths, formats and metadata. A Parquet data set becomes
    Parquet files in OUTPUT/pictures, with restored bytes in the place of the blurred
    ones and all other columns kept. OUTPUT/manifest has one row a picture.

    The same command again does what is left: pictures without a restored row, and
    those whose file has another size or time of change than it had. A second command
    on the same OUTPUT is refused while the first one works. In an object store the
    lock is the object OUTPUT/.lock; one that is not refreshed for two minutes was left
    by a command that was killed, and is taken over.

    Exit codes: 0 every picture is restored, 1 some failed or the work stopped (OUTPUT
    could not be written to), 2 wrong usage, model or a missing extra, 130 and 143
    stopped.
    """
    from deblurgan_tf.batching.cluster import check_extra

    with stoppable("stopped; run the same command again to resume"):
        check_extra()
        inputs, output = _places(places, output)
        from deblurgan_tf.batching.job import Job, run
        from deblurgan_tf.batching.stores import open_place

        counts = run(
            Job(
                inputs=tuple(inputs),
                output=output,
                model=chosen(model),
                options={"precision": precision, "tta": tta, "tile": tile},
                parquet=parquet,
                path_column=path_column,
                bytes_column=bytes_column,
                retry_failed=retry_failed,
                actors=actors,
                cpus_per_actor=cpus_per_actor,
                batch=batch,
                address=address,
            )
        )
    words = {"restored": "restored", "before": "restored before", "failed": "failed"}
    shown = ", ".join(
        f"{word} {counts[key]}" for key, word in words.items() if counts[key]
    )
    say(f"{shown}; results and manifest in {open_place(output).name}")
    if counts["failed"]:
        raise typer.Exit(1)


def _places(places: list[str], output: str | None) -> tuple[list[str], str]:
    """INPUT and OUTPUT, which is the last place where --output does not name it."""
    if output is not None:
        return places, output
    if len(places) < 2:
        raise UsageError(
            f"{places[0]}: is the only place; name the folder of the results with "
            "--output"
        )
    return places[:-1], places[-1]


if __name__ == "__main__":
    app()
