"""Everything a training needs, in one folder that can be carried to another machine.

    python pack.py --output packed --fonts fonts --start reader_start.onnx \
        [--original PP-OCRv6_rec_small.onnx]

`bash prepare.sh` there starts drawing, `bash run.sh` trains. --original, which comes
with rapidocr, gives the heads of the marked letters a start.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent.parent / "deblurgan_tf"


def start(path: Path, original: Path | None) -> dict[str, np.ndarray]:
    """The weights of the start, the head widened to all signs."""
    from deblurgan_tf.models import reader

    narrow = reader.convert(path)
    wide = reader.reader()
    for layer in wide.layers:
        if layer.weights and layer.name != "signs":
            layer.set_weights(narrow.get_layer(layer.name).get_weights())
    kernel, bias = narrow.get_layer("signs").get_weights()
    count = len(reader.SIGNS) + 1 - kernel.shape[1]
    plain = [
        1 + reader.PLAIN_SIGNS.index(reader.UNMARKED[c]) for c in reader.MARKED_SIGNS
    ]
    more, more_bias = kernel[:, plain], bias[plain] - 4.0
    if original:
        import onnx

        file = onnx.load(original)
        known = {p.key: p.value for p in file.metadata_props}["character"].split("\n")
        weights = {
            i.name: onnx.numpy_helper.to_array(i) for i in file.graph.initializer
        }
        head = next(w for w in weights.values() if w.ndim == 2 and w.shape[1] > 18000)
        biases = next(w for w in weights.values() if w.ndim == 1 and w.shape[0] > 18000)
        found = [
            known.index(c) + 1 if c in known else None for c in reader.MARKED_SIGNS
        ]
        print("marked letters in the original:", found)
        for k, place in enumerate(found):
            if place is not None:
                more[:, k], more_bias[k] = head[:, place], biases[place] - 1.0
        # The plain signs tell whether the places are right.
        places = [known.index(c) + 1 for c in reader.PLAIN_SIGNS]
        a, b = head[:, places].T, kernel[:, 1:37].T
        alike = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
        print("likeness of the plain heads:", alike.min(), alike.mean())
    assert count == len(reader.MARKED_SIGNS)
    wide.get_layer("signs").set_weights(
        [np.concatenate([kernel, more], 1), np.concatenate([bias, more_bias])]
    )
    lines = wide.get_layer("lines")
    lines.set_weights([np.zeros(w.shape, np.float32) for w in lines.weights])
    return {f"w{k}": w for k, w in enumerate(wide.get_weights())}


def paths(count: int = 6000, points: int = 48) -> np.ndarray:
    """Camera paths of DeblurGAN, (count, points, 2) float16, the whole path 1 long."""
    import tensorflow as tf

    from deblurgan_tf.blur import kernels

    rng = np.random.default_rng(1)
    levels = np.array([0.003, 0.005, 0.007, 0.008, 0.009, 0.01], np.float32)
    anxiety = tf.constant(levels[rng.integers(len(levels), size=count)])
    walks = kernels.trajectories(anxiety, 60.0, tf.constant([3, 5])).numpy() / 60.0
    open_for = rng.choice([0.3, 0.6, 1.0], count)
    places = np.linspace(0, 1, points)[None] * open_for[:, None] * (walks.shape[1] - 1)
    chosen = walks[np.arange(count)[:, None], places.round().astype(int)]
    return (chosen - chosen.mean(axis=1, keepdims=True)).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--original", type=Path)
    options = parser.parse_args()
    out = options.output
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "start.npz", **start(options.start, options.original))
    np.save(out / "paths.npy", paths())
    shutil.copytree(options.fonts, out / "fonts", dirs_exist_ok=True)
    for name in ("draw.py", "degrade.py", "train.py", "run.sh", "prepare.sh"):
        shutil.copy(HERE / name, out / name)
    # What draws plates, without what needs TensorFlow.
    package = out / "package" / "deblurgan_tf"
    (package / "data").mkdir(parents=True, exist_ok=True)
    shutil.copytree(
        PACKAGE / "data" / "plates", package / "data" / "plates", dirs_exist_ok=True
    )
    for name in ("storage/resources.py", "models/reader.py"):
        (package / name).parent.mkdir(exist_ok=True)
        shutil.copy(PACKAGE / name, package / name)
    for folder in (package, *(package / x for x in ("data", "storage", "models"))):
        (folder / "__init__.py").write_text("")
    fonts = PACKAGE.parent / "assets" / "fonts"
    shutil.copytree(fonts, package / "assets" / "fonts", dirs_exist_ok=True)
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    print(f"{out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
