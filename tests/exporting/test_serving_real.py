"""The real TensorFlow Serving on an exported model: `make test-server`.

It takes tensorflow_model_server from the PATH, or docker or podman where the image
tensorflow/serving (or SERVING_IMAGE) is there already; without either it skips.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from helpers.pictures import photo, save
from helpers.places import ROOT
from PIL import Image

pytest.importorskip("tensorflow_serving", reason="needs the extra serve")

from deblurgan_tf import images
from deblurgan_tf.inference.restorer import load

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
EXAMPLES = ROOT / "examples" / "serving"
IMAGE = os.environ.get("SERVING_IMAGE", "tensorflow/serving")


def command(folder, grpc_port, rest_port):
    """What starts a server on loopback, or None."""
    if shutil.which("tensorflow_model_server"):
        return [
            "tensorflow_model_server",
            f"--port={grpc_port}",
            f"--rest_api_port={rest_port}",
            "--model_name=plates_quick",
            f"--model_base_path={folder}",
        ]
    for engine in ("docker", "podman"):
        try:
            # Only an image that is there: a test downloads nothing.
            subprocess.run(
                [engine, "image", "inspect", IMAGE], check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        ports = [f"127.0.0.1:{grpc_port}:8500", f"127.0.0.1:{rest_port}:8501"]
        return [
            *(engine, "run", "--rm", "--env", "MODEL_NAME=plates_quick"),
            *("--publish", ports[0], "--publish", ports[1]),
            *("--volume", f"{folder}:/models/plates_quick:ro", IMAGE),
        ]
    return None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(start, status_url):
    process = subprocess.Popen(start)
    try:
        for _ in range(120):
            assert process.poll() is None, "the server has ended"
            with contextlib.suppress(OSError, urllib.error.URLError):
                with urllib.request.urlopen(status_url, timeout=5) as answer:
                    states = json.load(answer)["model_version_status"]
                if [state["state"] for state in states] == ["AVAILABLE"]:
                    break
            time.sleep(1)
        else:
            pytest.fail("the model was not available within two minutes")
        yield
    finally:
        process.terminate()
        process.wait(30)


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def assert_close(restored, wanted):
    for one, other in zip(restored, wanted, strict=True):
        assert one.shape == other.shape
        apart = np.abs(one.astype(int) - other)
        assert apart.max() <= 1 and apart.mean() <= 1e-2


def test_the_real_server_answers_as_predict(tmp_path):
    import grpc

    grpc_port, rest_port = free_port(), free_port()
    folder = tmp_path / "plates_quick"
    start = command(folder, grpc_port, rest_port)
    if start is None:
        pytest.skip(f"neither tensorflow_model_server nor a container of {IMAGE}")
    subprocess.run(
        [
            *(sys.executable, "-m", "deblurgan_tf.export"),
            *("--output", folder, "--model", "plates_quick"),
        ],
        check=True,
    )
    pictures = [photo(*size, 0) for size in ((64, 128), (33, 47), (1, 1))]
    restorer = load("plates_quick")
    wanted = [restorer.restore(picture) for picture in pictures]
    files = [png(picture) for picture in pictures]
    url = f"http://127.0.0.1:{rest_port}/v1/models/plates_quick"
    rest, remote = example("rest_client"), example("grpc_client")
    with server(start, url):
        restored = rest.restore(files, url)
        assert_close([images.decode_rgb(x, "answer") for x in restored], wanted)
        with pytest.raises(RuntimeError, match="is no JPEG and no PNG"):
            rest.restore([files[0], b"not a picture"], url)
        stub = remote.connect(f"127.0.0.1:{grpc_port}")
        restored = remote.restore_files(stub, files, "plates_quick")
        assert_close([images.decode_rgb(x, "answer") for x in restored], wanted)
        pixels = remote.restore_pixels(stub, pictures[0][None], "plates_quick")
        assert_close(pixels, wanted[:1])
        with pytest.raises(grpc.RpcError, match="is no JPEG and no PNG"):
            remote.restore_files(stub, [b"not a picture"], "plates_quick")
        blurred = save(tmp_path / "blurred.png", pictures[0])
        subprocess.run(
            [EXAMPLES / "restore.sh", blurred, tmp_path / "restored.png"],
            check=True,
            env=os.environ | {"URL": url},
        )
        assert_close([images.read_rgb(tmp_path / "restored.png")], wanted[:1])
