"""Everything a training needs, in one folder that can be carried to another machine.

    python pack.py --output packed --fonts FONTS --backgrounds BACKGROUNDS

FONTS are made by plate_reader/collect_fonts.py, BACKGROUNDS are JPEG photos without
plates. `bash prepare.sh` there starts drawing, `bash run.sh` trains.
"""

import argparse
import importlib.util
import shutil
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
READER = HERE.parent / "plate_reader"
PACKAGE = HERE.parent.parent / "deblurgan_tf"
HERE_FILES = ("things.py", "scenes.py", "pool.py", "photograph.py", "train.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path, required=True)
    options = parser.parse_args()
    spec = importlib.util.spec_from_file_location("reader_pack", READER / "pack.py")
    reader_pack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reader_pack)
    out = options.output
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "paths.npy", reader_pack.paths())
    shutil.copytree(options.fonts, out / "fonts", dirs_exist_ok=True)
    shutil.copytree(options.backgrounds, out / "backgrounds", dirs_exist_ok=True)
    for name in (*HERE_FILES, "prepare.sh", "run.sh"):
        shutil.copy(HERE / name, out / name)
    for name in ("draw.py", "degrade.py"):
        shutil.copy(READER / name, out / name)
    # The parts of the package that draw plates, and the network.
    package = out / "package" / "deblurgan_tf"
    for room in ("data", "storage", "models", "blur"):
        (package / room).mkdir(parents=True, exist_ok=True)
        (package / room / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    plates = PACKAGE / "data" / "plates"
    shutil.copytree(plates, package / "data" / "plates", dirs_exist_ok=True)
    for name in (
        "storage/resources.py",
        "models/detector.py",
        "models/layers.py",
        "blur/seeds.py",
    ):
        shutil.copy(PACKAGE / name, package / name)
    fonts = PACKAGE.parent / "assets" / "fonts"
    shutil.copytree(fonts, package / "assets" / "fonts", dirs_exist_ok=True)
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    print(f"{out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
