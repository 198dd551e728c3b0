"""On the GPU machine: python3 unpack.py PART... adds parts to SITE.

Then python3 unpack.py --finish makes it importable, and names a file to source in every
shell. SITE is /tmp/site.
"""

import glob
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor

SITE, LIBS, PIECES = (
    pathlib.Path("/tmp/site"),
    pathlib.Path("/tmp/culib"),
    pathlib.Path("/tmp/pieces"),
)
# TensorFlow 2.21 is built for CUDA 12; CUDA 13's libraries serve it under the old
# names (seen on an H200).
NEWER = {
    "libcublas.so.12": "libcublas.so.13",
    "libcublasLt.so.12": "libcublasLt.so.13",
    "libcufft.so.11": "libcufft.so.12",
    "libcusolver.so.11": "libcusolver.so.12",
    "libnvJitLink.so.12": "libnvJitLink.so.13",
    "libcupti.so.12": "libcupti.so.13",
}


def add(part):
    part = pathlib.Path(part)
    SITE.mkdir(exist_ok=True)
    PIECES.mkdir(exist_ok=True)

    def one(file):
        if file.name == "rest.tar.xz":
            with tarfile.open(file, "r:xz") as tar:
                tar.extractall(SITE, filter="fully_trusted")
        else:
            with lzma.open(file) as packed, open(PIECES / file.stem, "wb") as whole:
                shutil.copyfileobj(packed, whole, 1 << 22)

    with ThreadPoolExecutor() as pool:
        list(pool.map(one, part.glob("*.xz")))
    if wheels := list(part.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-index"]
        command += ["--no-deps", "--no-compile", "--upgrade", "--target", SITE]
        subprocess.run([*command, *wheels], check=True)


def finish():
    with open(SITE / "tensorflow/libtensorflow_cc.so.2", "wb") as whole:
        for piece in sorted(PIECES.glob("cc.*")):
            whole.write(piece.read_bytes())
    shutil.move(PIECES / "fw", SITE / "tensorflow/libtensorflow_framework.so.2")
    shutil.rmtree(PIECES)
    LIBS.mkdir(exist_ok=True)
    found = {}
    for folder in [p for p in sys.path if p] + [str(SITE)]:
        for file in glob.glob(f"{folder}/nvidia/**/lib/*.so.*", recursive=True):
            found.setdefault(os.path.basename(file), file)
    for pattern in (
        "/usr/local/cuda*/lib64/*.so.*",
        "/usr/local/cuda*/targets/*/lib/*.so.*",
    ):
        for file in glob.glob(pattern):
            found.setdefault(os.path.basename(file), file)
    for name, file in list(found.items()) + [
        (old, found[new]) for old, new in NEWER.items() if new in found
    ]:
        link = LIBS / name
        if re.search(r"\.so\.\d+$", name) and not link.is_symlink():
            link.symlink_to(file)
    env = SITE.parent / "gpu-env.sh"
    env.write_text(
        f"export PYTHONPATH={SITE}:$PYTHONPATH LD_LIBRARY_PATH={LIBS}:$LD_LIBRARY_PATH "
        "TF_FORCE_GPU_ALLOW_GROWTH=true\n"
    )
    print(env)


if __name__ == "__main__":
    finish() if sys.argv[1:] == ["--finish"] else [add(part) for part in sys.argv[1:]]
