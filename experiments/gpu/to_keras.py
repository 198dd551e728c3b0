"""Makes a model of weights that came back: `python to_keras.py NAME.npz OUT.keras`.

The file is like those in assets/models, whose release.py it follows: float16 values as
float32, compressed.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np

from deblurgan_tf.config import load as load_config
from deblurgan_tf.models.deblurgan import build_generator


def main(weights: str, output: str) -> None:
    config = load_config(Path(__file__).with_name("unrolled.yaml"))
    model = build_generator(config.model, config.seed)
    with np.load(weights) as file:
        values = [file[f"arr_{n}"].astype(np.float32) for n in range(len(file.files))]
    if not all(np.isfinite(x).all() for x in values):
        sys.exit(f"{weights}: holds values that are not finite")
    model.set_weights(values)
    whole = Path(output).with_suffix(".partial.keras")
    model.save(whole)
    with (
        zipfile.ZipFile(whole) as old,
        zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for entry in old.infolist():
            new.writestr(
                zipfile.ZipInfo(entry.filename),
                old.read(entry),
                compresslevel=9,
                compress_type=zipfile.ZIP_DEFLATED,
            )
    whole.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
