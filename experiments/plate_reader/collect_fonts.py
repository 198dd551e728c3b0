"""Open fonts for drawing plates: from Debian's packages, cut to the signs of plates.

    python collect_fonts.py --output fonts [--debs debs]

Downloads the packages below with `apt-get download` (nothing is installed), unpacks
them, keeps the upright faces whose capitals and digits look like a plate's might, and
writes each cut down to the signs of plates: 10 kilobytes instead of 100 to 500. Needs
`fonttools`, Debian's `dpkg-deb` and `apt-get`. No font is committed or released.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from fontTools import subset
from fontTools.ttLib import TTFont, TTLibError
from PIL import Image, ImageDraw, ImageFont

SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MARKED = "ÄÖÜÅÆØČĆŠŽĐÑ"
PACKAGES = [
    "fonts-3270",
    "fonts-adf-gillius",
    "fonts-adf-ikarius",
    "fonts-adf-irianis",
    "fonts-adf-libris",
    "fonts-adf-mekanus",
    "fonts-adf-switzera",
    "fonts-adf-tribun",
    "fonts-adf-universalis",
    "fonts-adf-verana",
    "fonts-agave",
    "fonts-allerta",
    "fonts-anonymous-pro",
    "fonts-arkpandora",
    "fonts-averia-sans-gwf",
    "fonts-b612",
    "fonts-bebas-neue",
    "fonts-beteckna",
    "fonts-cabin",
    "fonts-cantarell",
    "fonts-clear-sans",
    "fonts-cmu",
    "fonts-comfortaa",
    "fonts-courier-prime",
    "fonts-croscore",
    "fonts-crosextra-caladea",
    "fonts-crosextra-carlito",
    "fonts-dejavu-core",
    "fonts-dejavu-extra",
    "fonts-dosis",
    "fonts-droid-fallback",
    "fonts-engadget",
    "fonts-eurofurence",
    "fonts-fantasque-sans",
    "fonts-firacode",
    "fonts-freefont-ttf",
    "fonts-gemunu-libre",
    "fonts-gfs-neohellenic",
    "fonts-go",
    "fonts-hack-ttf",
    "fonts-havana",
    "fonts-hermit",
    "fonts-inconsolata",
    "fonts-inter",
    "fonts-jetbrains-mono",
    "fonts-junction",
    "fonts-jura",
    "fonts-karla",
    "fonts-karmilla",
    "fonts-lato",
    "fonts-league-mono",
    "fonts-league-spartan",
    "fonts-liberation",
    "fonts-linuxlibertine",
    "fonts-lmodern",
    "fonts-manrope",
    "fonts-millimetre",
    "fonts-monofur",
    "fonts-monoid-tight",
    "fonts-mononoki",
    "fonts-mplus",
    "fonts-nanum",
    "fonts-national-park",
    "fonts-noto-core",
    "fonts-noto-mono",
    "fonts-ocr-a",
    "fonts-ocr-b",
    "fonts-okolaks",
    "fonts-open-sans",
    "fonts-opendin",
    "fonts-osifont",
    "fonts-oxygen",
    "fonts-paratype",
    "fonts-play",
    "fonts-quattrocento",
    "fonts-quicksand",
    "fonts-roadgeek",
    "fonts-roboto-slab",
    "fonts-roboto-unhinted",
    "fonts-routed-gothic",
    "fonts-sil-andika",
    "fonts-sil-gentium-basic",
    "fonts-smiley-sans",
    "fonts-sora",
    "fonts-spleen",
    "fonts-texgyre",
    "fonts-thai-tlwg",
    "fonts-tiresias",
    "fonts-tuffy",
    "fonts-ubuntu-title",
    "fonts-unikurdweb",
    "fonts-urw-base35",
    "fonts-vlgothic",
    "fonts-vollkorn",
    "fonts-woowa-bm",
    "fonts-yanone-kaffeesatz",
    "fonts-yrsa-rasa",
]
# Slanted faces, and families of other scripts whose Latin letters are all alike.
SKIPPED = ("italic", "oblique", "slant", "-it.", "bdit", "-i.", "ui-", "math", "ultra")
REFERENCE = "LiberationSans-Bold.ttf", "OSP-DIN.ttf", "RG2014D.ttf", "DejaVuSans.ttf"


def faces(file: Path) -> np.ndarray | None:
    """Masks (36, 32, 32) float of the signs, each stretched to its box.

    None if not all are there.
    """
    try:
        known = TTFont(file, fontNumber=0, lazy=True).getBestCmap() or {}
    except (TTLibError, OSError, KeyError, AssertionError):
        return None
    if any(ord(c) not in known for c in SIGNS):
        return None
    face = ImageFont.truetype(str(file), 48)
    masks = []
    for c in SIGNS:
        left, top, right, bottom = face.getbbox(c)
        if right - left < 2 or bottom - top < 8:
            return None
        image = Image.new("L", (int(right - left), int(bottom - top)))
        ImageDraw.Draw(image).text((-left, -top), c, 255, font=face)
        size = (32, 32)
        wide = cv2.copyMakeBorder(np.array(image), 0, 0, 0, 0, cv2.BORDER_CONSTANT)
        if c in "1I":  # a bare stroke must not be stretched to a block
            side = max(0, (bottom - top) // 2 - (right - left)) // 2
            wide = cv2.copyMakeBorder(wide, 0, 0, side, side, cv2.BORDER_CONSTANT)
        masks.append(cv2.resize(wide, size, interpolation=cv2.INTER_AREA) / 255.0)
    return np.array(masks)


def marked(file: Path) -> bool:
    """Whether the face has the marked letters, each like its letter without the mark.

    Old faces of other scripts have other letters in their places.
    """
    face = ImageFont.truetype(str(file), 64)
    for c, plain in zip(MARKED, "AOUAAOCCSZDN", strict=True):
        pictures = []
        for sign in (c, plain):
            left, _, right, _ = face.getbbox(plain, anchor="ls")
            image = Image.new("L", (int(right - left), 40))
            ImageDraw.Draw(image).text((-left, 40), sign, 255, font=face, anchor="ls")
            pictures.append(np.array(image).ravel() / 255.0)
        if c != "Æ" and np.corrcoef(*pictures)[0, 1] < 0.75:
            return False
        if np.abs(pictures[0] - pictures[1]).max() == 0 and c in "ÆØĐ":
            return False
    return True


def likeness(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Correlation of each sign's masks, (36,)."""
    a = one.reshape(36, -1) - one.reshape(36, -1).mean(1, keepdims=True)
    b = other.reshape(36, -1) - other.reshape(36, -1).mean(1, keepdims=True)
    return (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1) + 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--debs", type=Path, default=Path("debs"))
    parser.add_argument("--most", type=int, default=420)
    parser.add_argument("--extra", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    options.debs.mkdir(parents=True, exist_ok=True)
    unpacked = options.debs / "unpacked"
    for package in PACKAGES:
        if (unpacked / package).exists():
            continue
        if subprocess.run(
            ["apt-get", "download", package], cwd=options.debs
        ).returncode:
            print(f"{package}: not to be had, left out", file=sys.stderr)
            continue
        (deb,) = options.debs.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", deb, unpacked / package], check=True)
    files = {}
    for folder in (unpacked, *options.extra):
        for file in sorted(folder.rglob("*")):
            name = file.name.lower()
            if file.suffix.lower() not in (".ttf", ".otf"):
                continue
            if any(part in name for part in SKIPPED):
                continue
            if name.startswith("noto") and not name.startswith(
                ("notosans-", "notoserif-", "notosansmono", "notosansdisplay")
            ):
                continue
            files.setdefault(file.name, file)
    masks = {name: m for name, f in files.items() if (m := faces(f)) is not None}
    references = [masks[name] for name in REFERENCE if name in masks]
    score = {}
    for name, mask in masks.items():
        alike = np.max([likeness(mask, other) for other in references], axis=0)
        score[name] = float(np.mean(np.sort(alike)[:12]))  # its least likely signs
    kept = []
    for name in sorted(score, key=score.get, reverse=True):
        if score[name] < 0.45 or len(kept) == options.most:
            break
        # Faces that cannot be told apart add nothing.
        if any(likeness(masks[name], masks[k]).mean() > 0.995 for k in kept):
            continue
        kept.append(name)
    options.output.mkdir(parents=True, exist_ok=True)
    for name in list(kept):
        cut = subset.Options(hinting=False, layout_features=[], name_IDs=[1, 2])
        cut.drop_tables += [
            "GPOS",
            "GSUB",
            "GDEF",
            "FFTM",
            "DSIG",
            "kern",
            "meta",
            "gasp",
        ]
        try:
            font = subset.load_font(str(files[name]), cut)
            maker = subset.Subsetter(cut)
            maker.populate(text=SIGNS + MARKED + "-.·")
            maker.subset(font)
            file = options.output / name.replace(" ", "_")
            subset.save_font(font, str(file), cut)
        except (AssertionError, TTLibError, KeyError) as error:
            print(f"{name}: cannot be cut, left out ({error})", file=sys.stderr)
            kept.remove(name)
    print(f"{len(files)} faces, {len(masks)} with all signs, {len(kept)} kept")
    has = [n for n in kept if marked(options.output / n.replace(" ", "_"))]
    names = [name.replace(" ", "_") for name in has]
    (options.output / "marked.txt").write_text("\n".join(names) + "\n")
    with open(options.output / "kept.txt", "w") as list_file:
        list_file.writelines(f"{name} {score[name]:.3f}\n" for name in kept)


if __name__ == "__main__":
    main()
