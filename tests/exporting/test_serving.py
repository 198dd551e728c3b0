"""Requests to an exported SavedModel, by TensorFlow Serving's contract.

The clients are those of examples/serving. The server is serving_contract.py: the
SavedModel behind the rules of the real one; `test_serving_real.py` has the real one.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from helpers.networks import narrow_resnet
from helpers.picture_files import REFUSED
from helpers.pictures import photo, save
from helpers.places import ROOT
from PIL import Image

pytest.importorskip("tensorflow_serving", reason="needs the extra serve")

from helpers.serving_contract import Model, Refused, grpc_server, rest_server
from helpers.serving_load import load
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from deblurgan_tf import images
from deblurgan_tf.exporting import saved_model, warm_up
from deblurgan_tf.inference.restorer import Restorer

EXAMPLES = ROOT / "examples" / "serving"
PICTURES = [photo(*size, 3) for size in ((30, 44), (64, 128), (1, 1))]


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "made" / "1"
    saved_model.save(narrow_resnet(), folder)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return Model(folder)


@pytest.fixture(scope="module")
def wanted():
    restorer = Restorer(narrow_resnet())
    return [restorer.restore(picture) for picture in PICTURES]


def png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def assert_close(restored, wanted):
    for one, other in zip(restored, wanted, strict=True):
        assert np.shape(one) == other.shape
        apart = np.abs(np.asarray(one, int) - other)
        assert apart.max() <= 1 and apart.mean() <= 1e-2


def decoded(files):
    return [images.decode_rgb(file, "answer") for file in files]


# The signature definitions.


def test_the_signatures_are_as_documented(model):
    found = {
        name: [
            {
                key: (
                    tf.as_dtype(info.dtype).name,
                    [axis.size for axis in info.tensor_shape.dim],
                )
                for key, info in side.items()
            }
            for side in (definition.inputs, definition.outputs)
        ]
        for name, definition in model.definitions.items()
        if not name.startswith("__")
    }
    pixels = [-1, -1, -1, 3]
    assert found == {
        "serving_default": [
            {"image": ("uint8", pixels)},
            {"restored": ("uint8", pixels)},
        ],
        "serve_float": [
            {"image": ("float32", pixels)},
            {"restored": ("float32", pixels)},
        ],
        "serve_bytes": [
            {"image_bytes": ("string", [-1])},
            {"restored_bytes": ("string", [-1])},
        ],
    }


def test_saved_model_cli_runs_it(folder, wanted, tmp_path):
    np.save(tmp_path / "image.npy", PICTURES[0][None])
    cli = Path(sys.executable).with_name("saved_model_cli")
    options = ("--tag_set", "serve", "--signature_def", "serving_default")
    done = subprocess.run(
        [
            *(cli, "run", "--dir", folder, *options),
            *("--inputs", f"image={tmp_path}/image.npy", "--outdir", tmp_path),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert_close(np.load(tmp_path / "restored.npy"), wanted[:1])


def test_warm_up_requests_cover_every_signature_and_are_answered(model, tmp_path):
    count = warm_up.write(tmp_path / "tf_serving_warmup_requests", "made")
    records = list(
        tf.data.TFRecordDataset(str(tmp_path / "tf_serving_warmup_requests"))
    )
    assert len(records) == count <= 1000  # Serving reads no more
    seen = set()
    for record in records:
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        assert request.model_spec.name == "made"
        model.predict(request)
        seen.add(request.model_spec.signature_name)
    assert seen == {"serving_default", "serve_float", "serve_bytes"}


# REST.


def test_rest_takes_pixels_in_rows_and_in_columns(model, wanted):
    pair = np.stack([PICTURES[0], PICTURES[0]]).tolist()
    for body in ({"instances": pair}, {"instances": [{"image": x} for x in pair]}):
        answer = json.loads(json.dumps(model.rest(body)))
        assert_close(answer["predictions"], wanted[:1] * 2)
    answer = model.rest({"inputs": {"image": pair[:1]}})
    assert_close(answer["outputs"], wanted[:1])


def test_rest_takes_floats(model, wanted):
    values = (PICTURES[0][None] / 255).tolist()
    answer = model.rest({"signature_name": "serve_float", "instances": values})
    assert_close(np.rint(np.multiply(answer["predictions"], 255)), wanted[:1])


def test_rest_refuses_pixels_of_different_sizes(model):
    with pytest.raises(Refused, match="differ in shape"):
        model.rest({"instances": [photo(4, 5, 0).tolist(), photo(5, 4, 0).tolist()]})


def test_the_rest_client(model, wanted):
    client = example("rest_client")
    with rest_server(model) as url:
        restored = client.restore([png(picture) for picture in PICTURES], url)
        assert_close(decoded(restored), wanted)
        with pytest.raises(
            RuntimeError, match=r"(?s)400: .*image_bytes\[1\] is no JPEG"
        ):
            client.restore([png(PICTURES[0]), b"not a picture"], url)
        assert_close(decoded(client.restore([png(PICTURES[0])], url)), wanted[:1])


def test_the_rest_client_is_a_command(model, wanted, tmp_path):
    blurred = save(tmp_path / "blurred.png", PICTURES[0])
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    with rest_server(model) as url:
        command = [sys.executable, EXAMPLES / "rest_client.py", "--url", url]
        command += ["--output", tmp_path / "restored"]
        subprocess.run([*command, blurred], check=True)
        refused = subprocess.run([*command, text], capture_output=True, text=True)
    found = images.read_rgb(tmp_path / "restored" / "blurred.png")
    assert_close([found], wanted[:1])
    assert refused.returncode == 1 and "is no JPEG and no PNG" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl(model, wanted, tmp_path):
    blurred = save(tmp_path / "blurred.png", PICTURES[1])
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    with rest_server(model) as url:
        command = [EXAMPLES / "restore.sh"]
        options = {
            "env": os.environ | {"URL": url},
            "capture_output": True,
            "text": True,
        }
        done = subprocess.run([*command, blurred, tmp_path / "a.png"], **options)
        refused = subprocess.run([*command, text, tmp_path / "b.png"], **options)
    assert done.returncode == 0, done.stderr
    assert_close([images.read_rgb(tmp_path / "a.png")], [wanted[1]])
    assert refused.returncode == 1 and "is no JPEG and no PNG" in refused.stderr
    assert not (tmp_path / "b.png").exists()


# gRPC.


def test_the_grpc_client(model, wanted):
    import grpc

    client = example("grpc_client")
    with grpc_server(model) as target:
        stub = client.connect(target)
        files = [png(picture) for picture in PICTURES]
        assert_close(decoded(client.restore_files(stub, files, "made")), wanted)
        pair = np.stack([PICTURES[1], PICTURES[1]])
        assert_close(client.restore_pixels(stub, pair, "made"), [wanted[1]] * 2)
        with pytest.raises(grpc.RpcError) as caught:
            client.restore_files(stub, [b"not a picture"], "made")
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "image_bytes[0] is no JPEG" in caught.value.details()
        # Larger than gRPC's own limit of 4 MB, both ways.
        large = np.zeros((1, 1020, 1024 * 3, 3), np.uint8)[:, :, :1024]
        flats = np.concatenate([large, large])
        restored = client.restore_pixels(stub, flats, "made")
        np.testing.assert_array_equal(restored, flats)


def test_what_is_no_request_of_a_signature_is_refused(model):
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = "serve"
    with pytest.raises(Refused, match="not found"):
        model.predict(request)
    request.model_spec.signature_name = "serve_bytes"
    request.inputs["image"].CopyFrom(tf.make_tensor_proto([b""]))
    with pytest.raises(Refused, match="image_bytes"):
        model.predict(request)


def test_the_compose_file_serves_what_the_export_wrote_on_loopback_alone():
    service = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())["services"]
    service = service["serving"]
    assert service["environment"] == {"MODEL_NAME": "${MODEL:-plates}"}
    assert service["volumes"] == ["${MODELS:-../../models}:/models:ro"]
    assert service["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]


# Bad input over both.

REST_AND_GRPC = ["a text", "a huge PNG", "a huge JPEG", "an animated GIF"]
REST_AND_GRPC += ["an animated PNG", "a PNG cut in its pixels", "nothing"]


def test_bad_files_get_the_same_sentence_over_both_interfaces(model):
    import grpc

    rest, remote = example("rest_client"), example("grpc_client")
    with rest_server(model) as url, grpc_server(model) as target:
        stub = remote.connect(target)
        for name in REST_AND_GRPC:
            file, message = REFUSED[name]
            with pytest.raises(RuntimeError) as caught:
                rest.restore([file], url)
            assert message in str(caught.value)
            with pytest.raises(grpc.RpcError) as refused:
                remote.restore_files(stub, [file], "made")
            assert message in refused.value.details()


def test_sixteen_bits_stay_sixteen_over_both_interfaces(model):
    rest, remote = example("rest_client"), example("grpc_client")
    deep = photo(20, 24, 5).astype(np.uint16) * 257 + 1
    file = images.encode(images.Picture(deep, format="PNG"))
    wanted = Restorer(narrow_resnet()).restore(deep)
    with rest_server(model) as url, grpc_server(model) as target:
        answers = rest.restore([file], url)
        answers += remote.restore_files(remote.connect(target), [file], "made")
    for answer in answers:
        found = images.decode(answer, "answer").pixels
        assert found.dtype == np.uint16
        assert np.abs(found.astype(int) - wanted).max() <= 64


# Load.


def test_under_load_no_answer_is_wrong(folder):
    report = load(folder, requests=120, threads=4)
    assert report.answered + report.refused == 120
    assert report.wrong == 0 and report.refused == report.damaged > 10
