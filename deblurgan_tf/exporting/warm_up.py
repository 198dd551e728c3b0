"""The requests that TensorFlow Serving runs before it reports a model as ready.

Without them the first requests of users are slow: TensorFlow prepares each signature at
its first run. Needs the extra `serve`, which has the official protocol buffers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

SIZES = ((64, 128), (256, 256))
"""Height and width of a plate and of a small photo."""


def write(path: Path, name: str) -> int:
    """Writes PredictionLog records of every signature; returns their number.

    path: assets.extra/tf_serving_warmup_requests of a SavedModel. name: of the model.
    """
    from tensorflow_serving.apis import prediction_log_pb2

    count = 0
    with tf.io.TFRecordWriter(str(path)) as file:
        for signature, inputs in _requests():
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            file.write(log.SerializeToString())
            count += 1
    return count


def _requests() -> Iterator[tuple[str, dict[str, Any]]]:
    pictures = [_ramps(*size) for size in SIZES]
    for picture in pictures:
        # A batch of one and larger ones are different graphs: see `graph.in_parts`.
        for count in (1, 2):
            image = np.stack([picture] * count)
            yield "serving_default", {"image": image}
            yield "serve_float", {"image": image.astype(np.float32) / 255}
    files = [tf.io.encode_png(picture).numpy() for picture in pictures]
    files += [tf.io.encode_jpeg(picture).numpy() for picture in pictures]
    yield "serve_bytes", {"image_bytes": files}


def _ramps(height: int, width: int) -> np.ndarray:
    down, across = np.mgrid[:height, :width] * 255 // max(height, width)
    return np.stack([down, across, 255 - across], axis=2).astype(np.uint8)
