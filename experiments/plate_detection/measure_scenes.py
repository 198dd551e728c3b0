"""How well the detector finds plates in rendered scenes, and how exact its corners are.

    python measure_scenes.py detector.keras --backgrounds DIR --fonts DIR \
        --paths paths.npy

Scenes of seeds that no training draws, photographed as in the training: views of 352 x
352 pixels. Found: an IoU of the quadrilaterals of .5. The corner error is the mean
distance of the four corners, as a part of the plate's width.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import keras
import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "plate_reader"))

import photograph
import tensorflow as tf
from scenes import FIELDS, MOST, Scenes

import deblurgan_tf.models  # noqa: F401  (registers the layers)
from deblurgan_tf.plates import corners

SEED = 987_654_321
CLEAN = 0.3  # a first draw below this leaves a view nearly as it is (photograph.views)


def pictures(options: argparse.Namespace):
    """Views uint8 (352, 352, 3), whether each is clean, and their plates' facts."""
    scenes = Scenes(options.backgrounds, options.fonts, stock=60)
    rng = np.random.default_rng(SEED)
    paths = tf.constant(np.load(options.paths).astype(np.float32))
    views = tf.function(photograph.views)
    batch = 20
    for number in range(options.count // batch):
        drawn = [scenes.draw(rng) for _ in range(batch)]
        uniforms = rng.random((96, batch), np.float32)
        seen, table = views(
            np.stack([picture for picture, _ in drawn]),
            np.stack([facts[1:].reshape(MOST, FIELDS) for _, facts in drawn]),
            paths,
            uniforms,
            tf.constant([number, 7]),
        )
        whole = ((seen.numpy() + 1) * 127.5 + 0.5).astype(np.uint8)
        yield from zip(whole, uniforms[0] < CLEAN, table.numpy(), strict=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--backgrounds", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--paths", type=Path, required=True)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--threshold", type=float, default=corners.THRESHOLD)
    options = parser.parse_args()
    model = keras.models.load_model(options.model)
    rows, false, lines, views = [], 0, 0, 0
    for (
        picture,
        clean,
        table,
    ) in pictures(options):
        views += 1
        found = corners.find_corners(model, picture, options.threshold)
        free = set(range(len(found)))
        for fact in sorted(table, key=lambda f: f[8]):
            if not fact[8]:
                continue
            quad = fact[:8].reshape(4, 2)
            best, share = None, 0.0
            for k in free:
                value = corners.quadrilateral_iou(found[k].corners, quad)
                if value > share:
                    best, share = k, value
            least = 0.5 if fact[8] == 1 else 0.05
            hit = best is not None and share >= least
            if hit:
                free.discard(best)
            if fact[8] == 1:
                wide = float(
                    max(
                        np.linalg.norm(quad[1] - quad[0]),
                        np.linalg.norm(quad[2] - quad[3]),
                    )
                )
                error = np.nan
                if hit:
                    apart = np.linalg.norm(found[best].corners - quad, axis=1).mean()
                    error = float(apart) / wide
                    lines += found[best].lines != fact[9]
                rows.append((clean, wide, hit, error))
        false += len(free)
    facts = np.array(rows, float)
    print("| plates | n | found | mean corner error | median |")
    groups = {
        "all": facts[:, 0] >= 0,
        "clean": facts[:, 0] == 1,
        "degraded": facts[:, 0] == 0,
        **{
            f"{low} to {high} pixels": (facts[:, 1] >= low) & (facts[:, 1] < high)
            for low, high in ((14, 30), (30, 60), (60, 120), (120, 271))
        },
    }
    for name, chosen in groups.items():
        part = facts[chosen]
        error = part[part[:, 2] > 0, 3]
        print(
            f"| {name} | {len(part)} | {part[:, 2].mean():.3f} | {error.mean():.4f} |",
            f"{np.median(error):.4f} |",
        )
    print(f"{false} boxes beside plates in {views} views; lines wrong: {lines}")


if __name__ == "__main__":
    main()
