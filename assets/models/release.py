"""Makes a shipped model of a run.

    python assets/models/release.py RUN NAME

The weights are rounded to float16 and stored as float32: the compressed file is half as
large, and is read as any other. SHA256SUMS is written again.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import numpy as np

from deblurgan_tf.models.files import find, open_model

HERE = Path(__file__).resolve().parent


def main(run: str, name: str) -> None:
    model = open_model(find(run))
    weights = model.get_weights()
    rounded = [x.astype(np.float16).astype(np.float32) for x in weights]
    assert all(np.isfinite(x).all() for x in rounded)
    model.set_weights(rounded)
    whole = HERE / f".{name}.partial.keras"
    model.save(whole)
    target = HERE / f"{name}.keras"
    with (
        zipfile.ZipFile(whole) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for entry in old.infolist():
            new.writestr(
                zipfile.ZipInfo(entry.filename),
                old.read(entry),
                compresslevel=9,
                compress_type=zipfile.ZIP_DEFLATED,
            )
    whole.unlink()
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(HERE.glob("*.keras"))
    ]
    (HERE / "SHA256SUMS").write_text("".join(sums), encoding="ascii")
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
