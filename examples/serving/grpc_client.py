"""Restore pictures over gRPC, faster than REST: no base64, no JSON.

    pip install 'deblurgan_tf[serve]'
    python examples/serving/grpc_client.py blurred.jpg other.png --output restored

Files go through `serve_bytes`; `restore_pixels` sends pixels to `serving_default`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

# gRPC's own limit of 4 MB is less than a picture.
UNLIMITED = [("grpc.max_receive_message_length", -1)]


def connect(target: str) -> prediction_service_pb2_grpc.PredictionServiceStub:
    channel = grpc.insecure_channel(target, options=UNLIMITED)
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def restore_files(stub, files: list[bytes], model: str) -> list[bytes]:
    """JPEG or PNG files, which may differ in size -> PNG files."""
    request = _request(model, "serve_bytes")
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(files, tf.string))
    answer = stub.Predict(request, timeout=120)
    return list(tf.make_ndarray(answer.outputs["restored_bytes"]))


def restore_pixels(stub, image: np.ndarray, model: str) -> np.ndarray:
    """Pictures of one size, uint8 (N, H, W, 3), RGB -> the same."""
    request = _request(model, "serving_default")
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(image, tf.uint8))
    return tf.make_ndarray(stub.Predict(request, timeout=120).outputs["restored"])


def _request(model: str, signature: str) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    return request


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path, help="JPEG or PNG files")
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    parser.add_argument("--target", default="localhost:8500")
    parser.add_argument("--model", default="plates")
    given = parser.parse_args()
    targets = [given.output / path.with_suffix(".png").name for path in given.pictures]
    if len(set(targets)) < len(targets):
        sys.exit("error: two results would get one name; restore them one by one")
    try:
        given.output.mkdir(parents=True, exist_ok=True)
        files = [path.read_bytes() for path in given.pictures]
        restored = restore_files(connect(given.target), files, given.model)
        for target, file in zip(targets, restored, strict=True):
            target.write_bytes(file)
    except OSError as error:
        sys.exit(f"error: {error}")
    except grpc.RpcError as error:
        sys.exit(f"error: {error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
