"""Draws plates without end into a pool that a training reads while they are drawn.

    python draw.py --pool /tmp/reader_data --fonts fonts --processes 7 --slots 100000

Half of the plates are the package's own layouts, the others have random texts and
looks; most are set in one of the fonts that `collect_fonts.py` has brought. Needs
neither TensorFlow nor a network. `pool.json` in --pool says where the pool is.
"""

import argparse
import dataclasses
import functools
import json
import mmap
import os
import shutil
import signal
import sys
import time
import types
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont


def _package_without_tensorflow() -> None:
    """`deblurgan_tf.data` imports TensorFlow; its modules that draw do not."""
    if "deblurgan_tf.data" in sys.modules:
        return
    import deblurgan_tf

    bare = types.ModuleType("deblurgan_tf.data")
    bare.__path__ = [str(Path(deblurgan_tf.__file__).parent / "data")]
    sys.modules["deblurgan_tf.data"] = bare


_package_without_tensorflow()

from deblurgan_tf.data.plates import drawing as plate_drawing  # noqa: E402
from deblurgan_tf.data.plates import glyphs as plate_glyphs  # noqa: E402
from deblurgan_tf.data.plates.drawing import draw_plate  # noqa: E402
from deblurgan_tf.data.plates.layouts import sample_plate  # noqa: E402
from deblurgan_tf.data.plates.scenes import background, holder  # noqa: E402
from deblurgan_tf.data.plates.spec import BLACK, EU_BLUE, WHITE, Plate  # noqa: E402

SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÜÅÆØČĆŠŽĐÑ"
MARKED = SIGNS[36:]
HEIGHT, WIDTH = 96, 320  # of a picture in the pool
FLAT = 84  # height at which plates are drawn
LONGEST = 12
# Of a plate in the pool: ready, its box as parts of the picture (left, top, right,
# bottom), width / height of the plate itself, lines, length of the text, its classes.
FIELDS = 8 + LONGEST

_PAPERS = (
    (WHITE, BLACK), (WHITE, BLACK), (WHITE, BLACK), ((243, 196, 34), BLACK),
    ((250, 220, 90), (30, 30, 40)), ((24, 62, 150), WHITE), ((178, 32, 38), WHITE),
    ((20, 92, 62), WHITE), ((28, 28, 30), (225, 225, 220)), (WHITE, (24, 36, 92)),
    (WHITE, (178, 32, 38)), (WHITE, (20, 88, 60)), ((205, 225, 240), (30, 50, 100)),
    ((190, 196, 200), (40, 40, 60)), ((250, 236, 210), (110, 40, 20)),
)  # fmt: skip
_COUNTIES = [
    "B",
    "B",
    "B",
    "AB",
    "AR",
    "AG",
    "BC",
    "BH",
    "BN",
    "BT",
    "BV",
    "BR",
    "BZ",
    "CS",
    "CL",
    "CJ",
    "CT",
    "CV",
    "DB",
    "DJ",
    "GL",
    "GR",
    "GJ",
    "HR",
    "HD",
    "IL",
    "IS",
    "IF",
    "MM",
    "MH",
    "MS",
    "NT",
    "OT",
    "PH",
    "SM",
    "SJ",
    "SB",
    "SV",
    "TR",
    "TM",
    "TL",
    "VS",
    "VL",
    "VN",
]
_FORMS = (
    "@@@###", "@@@ ###", "@@@-###", "###@@@", "### @@@", "###-@@@", "@@ #####",
    "@@####@@", "@@-###-@@", "#@@@###", "@## @@@", "@@## @@@", "#### @@@", "####@@",
    "@@@ ####", "@@@####", "@@-##-@@", "##-@@@-#", "@ ## @@@", "@ ### @@@", "@#####",
    "@@*@@ ###", "@*@@ ####", "@@@*## ##", "##@ #####", "##@ ###.##", "######",
    "#######", "@@ ####", "@## ###", "#@ #####", "@@@@@@", "@@@@@@@", "@@@ #@##",
)  # fmt: skip
_TWO_ROWS = (
    "##-@#/###.##", "##-@#/####", "##@/###.##", "##@/####", "@@@/###", "@@@/####",
    "@@/####", "@@/#####", "@@ ##/@@@", "@@ ##/####", "##-@@/#####", "##/@@@@",
    "@*@@/####",
    "@@@/#@##", "###/###", "@@#/@@@#", "@@##/@@##", "@/####",
    "####/@@@", "@@ ##/@ ####",
)  # fmt: skip
_WORDS = ("RO", "D", "F", "I", "E", "PL", "NL", "B", "A", "H", "SK", "CZ", "BG", "GR",
          "S", "FIN", "EST", "LT", "LV", "HR", "SLO", "SRB", "UA", "MD", "TR",
          "P")  # fmt: skip


@functools.lru_cache(maxsize=30000)
def _glyph(font: str, char: str, cap: int, weight: int) -> np.ndarray:
    """`plate_glyphs.glyph`, for marked letters too.

    They are as high as the others, or a little higher, as plates have them.
    """
    if char not in MARKED:
        font, thinner = plate_glyphs._BORROWED.get((font, char), (font, 0))
        return plate_glyphs._mask(font, char, cap, weight + thinner)
    path = plate_glyphs.font_path(font)
    face = ImageFont.truetype(path, plate_glyphs._points(font, cap))
    left, top, right, bottom = (int(v) for v in face.getbbox(char, anchor="ls"))
    image = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), char, 255, font=face, anchor="ls")
    tall = round(cap * (1.0 + 0.16 * (len(font) % 2)))
    mask = np.zeros((round(cap * 1.5), image.size[0]), np.uint8)
    piece = cv2.resize(
        np.array(image), (image.size[0], tall), interpolation=cv2.INTER_AREA
    )
    base = round(cap * 1.2)
    low = min(len(mask), base + (round(0.2 * cap) if bottom > 0.1 * cap else 0))
    mask[low - tall : low] = piece
    return mask


class Fonts:
    """The faces in a folder, as names that `plate_glyphs` knows."""

    def __init__(self, folder: Path) -> None:
        self.files = {f"open_{p.name}": p for p in sorted(folder.glob("*.?tf"))}
        if not self.files:
            raise SystemExit(f"{folder}: no fonts there; run collect_fonts.py first")
        ours = plate_glyphs.font_path

        def path(font: str) -> Path:
            return self.files.get(font) or ours(font)

        plate_glyphs.font_path = path
        plate_glyphs.glyph = plate_drawing.glyph = _glyph
        plate_glyphs._points = functools.lru_cache(2000)(
            plate_glyphs._points.__wrapped__
        )
        width = functools.lru_cache(4000)(plate_glyphs.pitch_width.__wrapped__)
        plate_drawing.pitch_width = width
        self.names = list(self.files)
        listed = set((folder / "marked.txt").read_text().split())
        self.marked = [n for n in self.names if self.files[n].name in listed]


def _text(rng: np.random.Generator, form: str, marked: bool) -> str:
    """`form` with random signs; each `@` or `#` may become any sign."""
    loose = rng.random() < 0.3  # what stands where is not to be relied upon
    signs = []
    for c in form:
        if c in "@#":
            if loose and rng.random() < 0.4:
                c = SIGNS[int(rng.integers(36))]
            elif c == "#":
                c = SIGNS[int(rng.integers(10))]
            else:
                c = SIGNS[10 + int(rng.integers(26))]
                if marked and rng.random() < 0.35:
                    c = MARKED[int(rng.integers(len(MARKED)))]
        signs.append(c)
    return "".join(signs)


def random_plate(rng: np.random.Generator, fonts: Fonts) -> Plate:
    """A plate of no country, or nearly one of Romania, with a random look."""
    marked = rng.random() < 0.08
    font = (fonts.marked if marked else fonts.names)[
        int(rng.integers(len(fonts.marked if marked else fonts.names)))
    ]
    two = rng.random() < 0.3
    kind = rng.random()
    romanian = kind < 0.25 and not two
    if two:
        form = _TWO_ROWS[int(rng.integers(len(_TWO_ROWS)))]
        if rng.random() < 0.25:
            form = (
                "@#"[int(rng.integers(2))] * int(rng.integers(1, 5))
                + "/"
                + "#" * int(rng.integers(2, 6))
            )
        aspect = float(rng.uniform(1.15, 2.3))
    else:
        form = _FORMS[int(rng.integers(len(_FORMS)))]
        if romanian:
            county = _COUNTIES[int(rng.integers(len(_COUNTIES)))]
            gap = "   *-."[int(rng.integers(6))]
            digits = "###" if county == "B" and rng.random() < 0.8 else "##"
            form = f"{county}{gap}{digits}{' -'[int(rng.integers(2))]}@@@"
        elif kind < 0.5:
            length = int(rng.integers(4, 10))
            form = "".join("@#"[int(rng.integers(2))] for _ in range(length))
            if rng.random() < 0.6:
                cut = int(rng.integers(1, length))
                form = form[:cut] + " -.·*"[int(rng.integers(5))] + form[cut:]
        aspect = float(
            rng.uniform(1.9, 2.4) if rng.random() < 0.25 else rng.uniform(2.8, 5.3)
        )
    rows = tuple(_text(rng, form, marked).split("/"))
    paper, ink = _PAPERS[int(rng.integers(len(_PAPERS)))]
    if romanian:
        aspect = float(rng.uniform(4.1, 5.2))
        if rng.random() < 0.5:
            font = ("din", "din", "routed", "highway_d")[int(rng.integers(4))]
    band = rng.random() < (0.75 if romanian else 0.4)
    left = 0.16 if band and two else 0.1 if band else 0.04
    top = float(rng.uniform(0.05, 0.22)) * (0.5 if two else 1.0)
    return Plate(
        "random",
        rows,
        aspect=aspect,
        paper=paper,
        ink=ink,
        font=font,
        weight=int((-2, 0, 0, 2, 4)[int(rng.integers(5))]),
        pitch=float(rng.choice([0.0, 0.5, 0.8, 1.0])),
        box=(
            left + float(rng.uniform(-0.01, 0.05)),
            top,
            float(rng.uniform(0.91, 0.98)),
            1 - float(rng.uniform(0.05, 0.22)) * (0.5 if two else 1.0),
        ),
        border=ink if rng.random() < 0.6 else None,
        band=_WORDS[int(rng.integers(len(_WORDS)))] if band else None,
        band_color=EU_BLUE if rng.random() < 0.85 else (150, 30, 40),
        stars=bool(rng.random() < 0.6),
        right_band="" if rng.random() < 0.08 else None,
        emblem=str(rng.choice(["seals", "stickers", "shield", "disc", "bars", "dot"])),
        stripe=ink if rng.random() < 0.06 else None,
        bolts=((0.13, 0.5), (0.96, 0.5)) if rng.random() < 0.15 else (),
        radius=float(rng.uniform(0.04, 0.12)),
    )


def some_plate(rng: np.random.Generator, fonts: Fonts) -> Plate:
    """A plate of the package's layouts, half in another font, or a random one."""
    if rng.random() < 0.55:
        return random_plate(rng, fonts)
    plate = sample_plate(rng, (4.6, 3.0, 2.0, 1.4)[int(rng.integers(4))])
    if rng.random() < 0.5:
        font = fonts.names[int(rng.integers(len(fonts.names)))]
        weight = int((0, 0, 2, 4)[int(rng.integers(4))])
        plate = dataclasses.replace(plate, font=font, weight=weight)
    if rng.random() < 0.15 and len(plate.rows) == 1:
        rows = (_text(rng, _FORMS[int(rng.integers(len(_FORMS)))], False),)
        plate = dataclasses.replace(plate, rows=rows)
    return plate


def draw(rng: np.random.Generator, plate: Plate) -> tuple[np.ndarray, np.ndarray]:
    """The plate on a vehicle, stretched to the pool's size, sharp and evenly lit.

    Returns the picture (96, 320, 3) uint8 RGB and the plate's box in it, as parts.
    """
    width = round(FLAT * plate.aspect)
    flat, _, outline = draw_plate(plate, FLAT, width, rng)
    left = top = 0
    if rng.random() < 0.4:
        cut = 0.06 if plate.state is not None else 0.0
        flat, outline, (left, top) = holder(flat, outline, cut, rng)
    # The plate turned and seen from a side, in units of its height.
    a = plate.aspect * float(rng.uniform(0.9, 1.06)) / 2
    quad = np.array([(-a, -0.5), (a, -0.5), (a, 0.5), (-a, 0.5)])
    yaw, pitch = rng.normal(0, 0.025, 2).clip(-0.06, 0.06)
    depth = 1 + yaw * np.array([-1, 1, 1, -1]) + pitch * np.array([-1, -1, 1, 1])
    quad = quad / depth[:, None]
    quad[:, 0] += quad[:, 1] * float(rng.normal(0, 0.04))
    strength = 1.0 if rng.random() < 0.5 else 2.5
    angle = np.deg2rad(float(np.clip(rng.normal(0, strength), -7, 7)))
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    quad = quad @ turn
    low, high = quad.min(axis=0), quad.max(axis=0)
    size = np.array([WIDTH, HEIGHT])
    part = rng.uniform((0.64, 0.52), (0.84, 0.82)) * size
    start = rng.uniform(0.35, 0.65, 2) * (size - part)
    quad = ((quad - low) / (high - low) * part + start).astype(np.float32)
    source = np.array([(0, 0), (width, 0), (width, FLAT), (0, FLAT)], np.float32)
    source += np.array([left, top], np.float32)
    to_frame = cv2.getPerspectiveTransform(source, quad)
    cover = cv2.warpPerspective(outline, to_frame, (WIDTH, HEIGHT))
    warped = cv2.warpPerspective(
        flat, to_frame, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE
    )
    behind = background(rng, HEIGHT // 2, WIDTH // 2)
    behind = cv2.resize(behind, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    soft = cv2.multiply(behind, float(rng.uniform(0.55, 1.0)))
    cover3 = cv2.merge([cover] * 3)
    image = cv2.multiply(soft, cv2.bitwise_not(cover3), scale=1 / 255)
    image = cv2.add(image, cv2.multiply(warped, cover3, scale=1 / 255))
    box = np.concatenate([quad.min(axis=0) / size, quad.max(axis=0) / size])
    return image, box


class Pool:
    """Pictures (slots, 96, 320, 3) uint8 and facts (slots, FIELDS) float32, shared."""

    def __init__(self, buffer: mmap.mmap, slots: int) -> None:
        size = slots * HEIGHT * WIDTH * 3
        shape = (slots, HEIGHT, WIDTH, 3)
        self.images = np.frombuffer(buffer, np.uint8, size).reshape(shape)
        facts = np.frombuffer(buffer, np.float32, slots * FIELDS, offset=size)
        self.facts = facts.reshape(slots, FIELDS)


def pool_bytes(slots: int) -> int:
    return slots * (HEIGHT * WIDTH * 3 + FIELDS * 4)


def work(pool: Pool, fonts: Fonts, first: int, step: int, seed: int) -> None:
    """Fills the slots first, first + step, ... again and again, for ever."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, first])
    classes = {c: k + 1 for k, c in enumerate(SIGNS)}
    slots = len(pool.images)
    slot = first
    while True:
        plate = some_plate(rng, fonts)
        try:
            image, box = draw(rng, plate)
        except (OSError, cv2.error, ValueError, ZeroDivisionError) as error:
            print(plate.font, plate.rows, repr(error), file=sys.stderr, flush=True)
            continue
        text = [classes[c] for c in plate.text if c in classes][:LONGEST]
        facts = np.zeros(FIELDS, np.float32)
        facts[1:5], facts[5], facts[6], facts[7] = (
            box,
            plate.aspect,
            len(plate.rows),
            len(text),
        )
        facts[8 : 8 + len(text)] = text
        pool.facts[slot, 0] = 0
        pool.images[slot] = image
        pool.facts[slot, 1:] = facts[1:]
        pool.facts[slot, 0] = 1
        slot += step
        if slot >= slots:
            slot = first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=7)
    parser.add_argument("--slots", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=1800, help="then it ends")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.pool.mkdir(parents=True, exist_ok=True)
    slots = options.slots
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > 1.3 * pool_bytes(slots):
        path = memory / f"plates_{os.getpid()}"
        file = os.open(path, os.O_RDWR | os.O_CREAT)
    else:
        file = os.memfd_create("plates")
        path = Path(f"/proc/{os.getpid()}/fd/{file}")
    os.ftruncate(file, pool_bytes(slots))
    pool = Pool(mmap.mmap(file, pool_bytes(slots)), slots)
    fonts = Fonts(options.fonts)
    children = []
    for k in range(options.processes):
        child = os.fork()
        if child == 0:
            try:
                work(pool, fonts, k, options.processes, options.seed)
            finally:
                os._exit(1)
        children.append(child)
    known = {"path": str(path), "slots": slots, "pid": os.getpid()}
    (options.pool / "pool.json").write_text(json.dumps(known))
    print(known, len(fonts.names), "fonts", len(fonts.marked), "with marks", flush=True)
    end = time.time() + options.seconds

    def stop(*_) -> None:
        nonlocal end
        end = 0.0

    signal.signal(signal.SIGTERM, stop)
    while time.time() < end and not (options.pool / "stop").exists():
        time.sleep(0.5)
    for child in children:
        os.kill(child, signal.SIGKILL)
    if path.parent == memory:
        path.unlink()


if __name__ == "__main__":
    main()
