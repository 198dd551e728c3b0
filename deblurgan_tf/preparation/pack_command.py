"""The command `prepare pack`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.errors import DataError, PictureError
from deblurgan_tf.preparation.terminal import progress, refuse, say


def pack(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="pairs, sharp pictures, or both parts")
    ],
    output: Annotated[
        Path, typer.Option(metavar="DATA", help="the data directory of the set")
    ],
    name: Annotated[
        str, typer.Option(help="of the set: small letters, digits and _")
    ] = "pictures",
    megabytes: Annotated[
        float, typer.Option(min=0.001, help="of each file of the set, about")
    ] = 256.0,
) -> None:
    """Pack a large folder into a tensorflow-datasets set: few large files.

    DIR holds pairs (blurred/ and sharp/), sharp pictures, or train/ and validation/ of
    either. Writes DATA/NAME/1.0.0, which `train` reads with data.source tfds, and
    anything else that reads tensorflow-datasets. JPEG and PNG files go in as they are,
    others as PNG; pictures that cannot be decoded are named and left out. The same
    command goes on where it was stopped. Exit codes: 0 all went well, 1 some picture
    was left out, 2 wrong usage, 130 and 143 stopped.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise refuse(f"--name {name}: use small letters, digits and _ alone")
    if output.resolve().is_relative_to(folder.resolve()):
        raise refuse(f"--output {output}: lies in {folder}; choose a place outside it")
    from deblurgan_tf.preparation.data_sets import recognise

    try:
        sets = recognise(folder)
    except (DataError, PictureError, OSError) as error:
        raise refuse(error) from None
    import_tensorflow()
    # TensorFlow takes seconds to import: --help and wrong usage do without.
    from deblurgan_tf.preparation import packing

    place = output / name / packing.VERSION
    failed = 0
    try:
        plans = [packing.plan(each, megabytes) for each in sets]
        packing.begin(place, plans)
        total = sum(len(shard) for part in plans for shard in part.shards)
        with progress("packing", total) as advance:
            for part in plans:
                for packed in packing.pack(place, name, part):
                    advance()
                    if packed.error is not None:
                        failed += 1
                        say(f"left out: {packed.error}", "red")
        if failed == total:
            raise refuse("none of the pictures can be used")
        packing.describe(place, name, plans)
    except (DataError, OSError) as error:
        raise refuse(error) from None
    files = sum(len(part.shards) for part in plans)
    say(f"packed {total - failed} into {files} files, left out {failed}; {place}")
    say(
        f"to train on them: --set data.source=tfds --set data.name={name} "
        f"--set data.path={output}"
        f"{' --set blur=null' if all(each.paired for each in sets) else ''}"
    )
    if failed:
        raise typer.Exit(1)
