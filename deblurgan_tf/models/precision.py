"""A generator's copy that computes in another precision."""

from __future__ import annotations

from typing import Any

import keras

from deblurgan_tf.models.unrolled import in_precision, is_staged


def in_bfloat16(model: keras.Model) -> keras.Model:
    """The same generator and weights, computing in bfloat16 between its two ends.

    The ends are the first and the last layer that have weights. What comes before the
    first one, and everything from the last one on (the residual and the picture that
    it is added to), stays float32: bfloat16 has 8 significant bits, too few for a
    picture.
    """
    if is_staged(model):
        return in_precision(model, "mixed_bfloat16")
    config = model.get_config()
    weighted = [n for n, layer in enumerate(model.operations) if _has_weights(layer)]
    inside = {layer.name for layer in model.operations[weighted[0] : weighted[-1]]}
    for layer in config["layers"]:
        if layer["name"] in inside and "dtype" in layer["config"]:
            layer["config"]["dtype"] = "mixed_bfloat16"
    rebuilt = type(model).from_config(config)
    rebuilt.set_weights(model.get_weights())
    return rebuilt


def _has_weights(operation: Any) -> bool:
    return isinstance(operation, keras.layers.Layer) and bool(operation.weights)
