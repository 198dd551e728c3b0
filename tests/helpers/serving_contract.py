"""TensorFlow Serving's contract, to drive a SavedModel as the real server would.

The rules of its two interfaces, from its documentation (RESTful API; PredictionService)
on top of the signature definitions as they lie in saved_model.pb, and loopback servers
that speak them. For tests alone: the product is served by tensorflow_model_server.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


class Refused(Exception):
    """What the server answers with an error."""


class Model:
    """A version's folder, answering PredictRequests."""

    def __init__(self, folder):
        stored = saved_model_pb2.SavedModel()
        stored.ParseFromString((folder / "saved_model.pb").read_bytes())
        (graph,) = (x for x in stored.meta_graphs if "serve" in x.meta_info_def.tags)
        self.definitions = dict(graph.signature_def)
        self.functions = tf.saved_model.load(str(folder)).signatures

    def definition(self, name):
        definition = self.definitions.get(name or "serving_default")
        if definition is None:
            raise Refused(f"Serving signature name: {name!r} not found")
        assert definition.method_name == "tensorflow/serving/predict"
        return definition

    def predict(self, request):
        """predict_pb2.PredictRequest -> PredictResponse; raises Refused."""
        name = request.model_spec.signature_name or "serving_default"
        wanted = self.definition(name).inputs
        if set(request.inputs) != set(wanted):
            raise Refused(f"inputs {sorted(request.inputs)}, not {sorted(wanted)}")
        values = {}
        for key, proto in request.inputs.items():
            value = tf.constant(tf.make_ndarray(proto), tf.as_dtype(proto.dtype))
            shape = tf.TensorShape(wanted[key].tensor_shape)
            if proto.dtype != wanted[key].dtype or not shape.is_compatible_with(
                value.shape
            ):
                raise Refused(f"{key} is {value.dtype} {value.shape}")
            values[key] = value
        try:
            outputs = self.functions[name](**values)
        except tf.errors.InvalidArgumentError as error:
            raise Refused(error.message) from error
        response = predict_pb2.PredictResponse()
        for key, value in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value.numpy()))
        return response

    def rest(self, body):
        """The JSON of a request to :predict -> that of the answer; raises Refused."""
        name = body.get("signature_name", "serving_default")
        definition = self.definition(name)
        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = name
        rows = "instances" in body
        given = _columns(body["instances"], definition) if rows else body["inputs"]
        if not isinstance(given, dict):  # an only input may come without its name
            (only,) = definition.inputs
            given = {only: given}
        for key, values in given.items():
            kind = tf.as_dtype(definition.inputs[key].dtype)
            try:
                array = np.array(_plain(values), kind.as_numpy_dtype)
            except ValueError as error:  # ragged: every instance has one shape
                raise Refused(f"{key}: instances differ in shape") from error
            request.inputs[key].CopyFrom(tf.make_tensor_proto(array, kind))
        answer = {
            key: _as_json(tf.make_ndarray(proto), key)
            for key, proto in self.predict(request).outputs.items()
        }
        # An only output comes without its name.
        (value,) = answer.values()
        return {"predictions" if rows else "outputs": value}


def _columns(instances, definition):
    named = isinstance(instances[0], dict) and "b64" not in instances[0]
    if not named:
        return instances
    return {key: [row[key] for row in instances] for key in definition.inputs}


def _plain(value):
    """Lists with {"b64": ...} decoded."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        assert set(value) == {"b64"}
        return base64.b64decode(value["b64"], validate=True)
    return value


def _as_json(array, name):
    if array.dtype != object:
        return array.tolist()
    # Strings are binary where the name of the tensor says so; else text.
    assert name.endswith("_bytes")
    return [{"b64": base64.b64encode(each).decode()} for each in array.tolist()]


@contextlib.contextmanager
def rest_server(model):
    """Yields the URL of the model on a loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/models/made:predict"
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                code, answer = 200, model.rest(body)
            except Refused as error:
                code, answer = 400, {"error": str(error)}
            data = json.dumps(answer, indent=4).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/models/made"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def grpc_server(model):
    """Yields the loopback address of a PredictionService."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            try:
                return model.predict(request)
            except Refused as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    server = grpc.server(
        ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1)]
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Service(), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
