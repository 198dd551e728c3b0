"""A model of what `train.py` kept.

    python to_keras.py detector.npz detector.keras

The normalisations become part of the convolutions; weights are rounded to float16.
"""

import sys

import numpy as np

from deblurgan_tf.models import detector


def main() -> None:
    stored = np.load(sys.argv[1])
    trained = detector.detector(normalised=True)
    trained.set_weights([stored[f"w{k}"] for k in range(len(stored.files))])
    model = detector.without_normalisation(trained)
    model.set_weights(
        [w.astype(np.float16).astype(np.float32) for w in model.get_weights()]
    )
    model.save(sys.argv[2])


if __name__ == "__main__":
    main()
