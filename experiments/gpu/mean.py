"""The mean of models' weights: `python mean.py OUT.npz MODEL...`, then to_keras.py.

Models of one line of training lie in one basin; their mean can be better than each
(Wortsman et al. 2022, "Model soups"). MODEL: .keras, .npz of train.py, a shipped name;
with a share, MODEL@0.75, all shares are divided by their sum.
"""

from __future__ import annotations

import sys

import numpy as np

from deblurgan_tf.models.files import find, open_model


def weights(model: str) -> list[np.ndarray]:
    if not model.endswith(".npz"):
        return open_model(find(model)).get_weights()
    with np.load(model) as file:
        return [file[f"arr_{n}"].astype(np.float32) for n in range(len(file.files))]


def main(output: str, *models: str) -> None:
    names, shares = zip(*(model.partition("@")[::2] for model in models), strict=True)
    shares = np.array([float(share or 1.0) for share in shares])
    shares /= shares.sum()
    parts = [weights(name) for name in names]
    means = [
        sum(
            np.float32(share) * layer
            for share, layer in zip(shares, layers, strict=True)
        )
        for layers in zip(*parts, strict=True)
    ]
    np.savez(output, *[x.astype(np.float16) for x in means])


if __name__ == "__main__":
    main(*sys.argv[1:])
