"""A model of what `train.py` kept, or a smaller file of a model.

    python to_keras.py detector.npz detector.keras
    python to_keras.py tuned.keras detector.keras

The normalisations become part of the convolutions; weights are rounded to float16,
stored as float32 and compressed.
"""

import sys
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np

import deblurgan_tf.models  # noqa: F401  (registers the layers)
from deblurgan_tf.models import detector


def opened(path: str) -> keras.Model:
    if path.endswith(".keras"):
        return keras.models.load_model(path)
    stored = np.load(path)
    trained = detector.detector(normalised=True)
    trained.set_weights([stored[f"w{k}"] for k in range(len(stored.files))])
    return detector.without_normalisation(trained)


def main() -> None:
    source, output = sys.argv[1:]
    model = opened(source)
    rounded = [w.astype(np.float16).astype(np.float32) for w in model.get_weights()]
    model.set_weights(rounded)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "model.keras"
        model.save(whole)
        with (
            zipfile.ZipFile(whole) as old,
            zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
        ):
            for entry in old.infolist():
                info = zipfile.ZipInfo(entry.filename)  # without the time of today
                info.compress_type = zipfile.ZIP_DEFLATED
                new.writestr(info, old.read(entry))
    print(f"{output}: {Path(output).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
