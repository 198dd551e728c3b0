"""Small configs, and samples of their sources, that several tests use."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deblurgan_tf import config as configs
from deblurgan_tf.data.source import samples

# A training of a few seconds: every value that costs time is the smallest that works.
TINY = {
    "data": {
        "source": "plates",
        "count": 7,
        "crop": [32, 32],
        "batch": 2,
        "validation": 2,
    },
    "blur": {"canvas": 9, "length": 6, "kernels": 16},
    "model": {"width": 2, "blocks": 1, "critic_width": 2, "critic_layers": 1},
    "loss": {"content": {"charbonnier": 50.0}},
    "train": {"epochs": None, "steps": 6, "critic_steps": 2},
    "every": {"log": 1, "sample": 3, "validate": 3, "checkpoint": 3},
}


def values(seed=0, **sections):
    """TINY as plain values, some keys of some sections changed.

    Pairs come blurred: for them `blur` is None, or where it is given as None.
    `count` is for plates alone.
    """
    assert sections.keys() <= TINY.keys()
    changed = {key: TINY[key] | (sections.get(key) or {}) for key in TINY}
    if changed["data"]["source"] != "plates" and "count" not in sections["data"]:
        del changed["data"]["count"]
    if sections.get("blur", TINY) is None or (
        "blur" not in sections and _paired(changed["data"])
    ):
        changed["blur"] = None
    return {"seed": seed} | changed


def _paired(data):
    return all(
        part["source"] == "pairs" or "gopro_deblur" in part.get("name", "")
        for part in data.get("mix", [data])
    )


def tiny(seed=0, **sections):
    return configs.parse(values(seed, **sections))


def take(source, count, start=0, seed=0, crop=(16, 16), flip=False):
    """`count` samples from number `start` on, as NumPy arrays."""
    positions = tf.data.Dataset.range(start, start + count)
    return list(samples(source, seed, crop, flip, positions).as_numpy_iterator())


def same(one, other):
    """Whether two lists of samples (or batches) are equal to the last bit."""
    return len(one) == len(other) and all(
        a.keys() == b.keys()
        and all(np.array_equal(np.asarray(a[k]), np.asarray(b[k])) for k in a)
        for a, b in zip(one, other, strict=True)
    )
