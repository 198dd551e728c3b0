"""Makes a shipped model of a run or a .keras file: `python release.py RUN NAME`.

The weights are rounded to float16, which halves the compressed file; they are stored as
float32, so that nothing else has to know. SHA256SUMS and the sums in README.md, the
card, are written anew; the rest of the card is edited by hand.
"""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np

from deblurgan_tf.models.files import find, open_model
from deblurgan_tf.storage.atomic import write_atomically, write_text

HERE = Path(__file__).resolve().parent


def main(run: str, name: str) -> None:
    model = open_model(find(run))
    model.set_weights([round_to_float16(x) for x in model.get_weights()])
    target = HERE / f"{name}.keras"
    write_atomically(target, lambda path: save_compressed(model, path))
    write_text(HERE / "SHA256SUMS", sums(HERE))
    card = HERE / "README.md"
    write_text(card, with_sums(card.read_text(encoding="utf-8"), sums(HERE)))
    print(f"{target}: {target.stat().st_size:,} bytes")


def round_to_float16(weights: np.ndarray) -> np.ndarray:
    """The nearest values that float16 has, as float32; ValueError beyond its range."""
    rounded = weights.astype(np.float16).astype(np.float32)
    if not np.isfinite(rounded).all():
        raise ValueError("a weight is NaN or beyond the range of float16")
    return rounded


def save_compressed(model: keras.Model, path: Path) -> None:
    """Keras stores its files without compression; this one is deflated."""
    model.save(path)
    with zipfile.ZipFile(path) as stored:
        parts = {name: stored.read(name) for name in stored.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as deflated:
        for name, data in parts.items():
            # No date: the same model gives the same bytes, but for Keras's own date.
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            deflated.writestr(entry, data, compresslevel=9)


def sums(folder: Path) -> str:
    """The SHA-256 of each model in a folder, one line each, as `sha256sum` writes."""
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.glob("*.keras"))
    )


def with_sums(card: str, lines: str) -> str:
    """The card whose table has the sums of these lines."""
    for line in lines.splitlines():
        digest, name = line.split()
        card = re.sub(
            rf"(\| `{name}` \|.*\| `)[0-9a-f]{{64}}`", rf"\g<1>{digest}`", card
        )
    return card


if __name__ == "__main__":
    main(*sys.argv[1:])
