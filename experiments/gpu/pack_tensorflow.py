"""TensorFlow's wheel in parts, for a GPU machine without a package index.

    python pack_tensorflow.py OUT [--python 3.12] [--arch 90]

Downloads tensorflow==2.21.0 and the small wheels that such a machine lacks, drops the
headers and the GPU code of other architectures (573 MB become some 240), and writes
OUT/1, OUT/2, ... of at most 60 MB: carry them over one after another, in any order, and
run unpack.py on each. Takes some minutes on two cores. Needs pip, unzip, xz, readelf.
"""

import argparse
import mmap
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

WHEELS = """keras==3.15.1 astunparse gast termcolor namex optree pydantic==2.14.3
pydantic-core==2.50.4 annotated-types typing-inspection typing_extensions typer==0.29.2
shellingham annotated-doc click rich importlib_resources google-pasta tifffile
protobuf==7.36.2 nvidia-cuda-runtime-cu12""".split()  # noqa: SIM905
MOST = 60_000_000


def download(folder, python, *names):
    platforms = [f"manylinux_2_{n}_x86_64" for n in (28, 27, 17)]
    platforms += ["manylinux2014_x86_64", "manylinux1_x86_64"]
    abis = (f"cp{python.replace('.', '')}", "abi3", "none")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", python]
    command += ["--implementation", "cp"]
    command += [word for abi in abis for word in ("--abi", abi)]
    command += [word for p in platforms for word in ("--platform", p)]
    subprocess.run([*command, "-d", folder, *names], check=True)


def keep_architecture(library, arch):
    """Zeroes the GPU code of other architectures: it is never loaded."""
    text = subprocess.run(
        ["readelf", "-SW", library], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"\.nv_fatbin\s+PROGBITS\s+\w+ (\w+) (\w+)", text)
    if not found:
        return
    start, size = (int(x, 16) for x in found.groups())
    with open(library, "r+b") as file:
        data = mmap.mmap(file.fileno(), 0)
        at, kept = start, 0
        while (at := data.find(b"\x50\xed\x55\xba", at, start + size)) >= 0:
            _, _, header, length = struct.unpack_from("<IHHQ", data, at)
            entry, at = at + header, at + header + length
            while entry < at:
                kind, _, header, length = struct.unpack_from("<HHIQ", data, entry)
                if kind == 2 and struct.unpack_from("<I", data, entry + 28)[0] == arch:
                    kept += 1
                else:
                    data[entry + header : entry + header + length] = bytes(length)
                entry += header + length
        if not kept:
            sys.exit(f"no code for sm_{arch} in {library}")
        data.flush()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("out", type=pathlib.Path)
    options.add_argument("--python", default="3.12")
    options.add_argument("--arch", type=int, default=90)
    options = options.parse_args()
    out = options.out
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=out) as work:
        work = pathlib.Path(work)
        download(work / "tf", options.python, "tensorflow==2.21.0")
        download(work / "wheels", options.python, *WHEELS)
        subprocess.run(
            [
                "unzip",
                "-q",
                *(work / "tf").glob("*.whl"),
                "-x",
                "tensorflow/include/*",
                "-d",
                work / "x",
            ],
            check=True,
        )
        shutil.rmtree(work / "tf")
        (work / "x/tensorflow/compiler/mlir/stablehlo/stablehlo_extension.so").unlink(
            missing_ok=True
        )
        library = work / "x/tensorflow/libtensorflow_cc.so.2"
        keep_architecture(library, options.arch)
        pieces = work / "pieces"
        pieces.mkdir()
        subprocess.run(["split", "-n", "8", "-d", library, pieces / "cc."], check=True)
        library.unlink()
        shutil.move(work / "x/tensorflow/libtensorflow_framework.so.2", pieces / "fw")
        subprocess.run(
            ["tar", "-C", work / "x", "-cf", pieces / "rest.tar", "."], check=True
        )
        subprocess.run(["xz", "-6", "-T0", *pieces.iterdir()], check=True)
        files = sorted(pieces.iterdir(), key=lambda f: -f.stat().st_size)
        files += sorted((work / "wheels").glob("*.whl"))
        groups = []
        for file in files:  # first fit
            size = file.stat().st_size
            for group in groups:
                if group[0] + size <= MOST:
                    break
            else:
                groups.append(group := [0, []])
            group[0] += size
            group[1].append(file)
        for number, (size, members) in enumerate(groups, 1):
            folder = out / str(number)
            folder.mkdir()
            for file in members:
                shutil.move(file, folder / file.name)
            print(f"{folder}: {len(members)} files, {size:,} bytes")


if __name__ == "__main__":
    main()
