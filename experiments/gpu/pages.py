"""Draws text, which the photos lack: `python pages.py OUT FONTS PHOTOS`.

240 pages and 160 photos with signs on them, 320x480, PNG, a function of their number.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

HEIGHT, WIDTH = 320, 480
WORDS = """
the of and to in is that for it as was with be by on not he his but at are this have
from or had an they which one you were all her she there would their we him been has
when who will no more if out so up said what its about than into them can only other
time new some could these two may first then do any like my now over such our man me
even most made after also did many off before must well back through years much where
your way down should because long each just state those people too Mr how little good
world make very year still see own work men day get here between both life being under
three never know same last another while us might great go come since against right
came take used himself STOP EXIT OPEN SALE POLICE TAXI SCHOOL HOTEL BANK PARKING
ENTRANCE Street Avenue Road
""".split()  # noqa: SIM905


def colour(rng, dark):
    base = rng.integers(0, 80) if dark else rng.integers(170, 256)
    return tuple(int(np.clip(base + x, 0, 255)) for x in rng.integers(-25, 26, 3))


def line(rng, count):
    parts = []
    for _ in range(count):
        if rng.random() < 0.15:
            parts.append(str(rng.integers(0, 10 ** int(rng.integers(1, 7)))))
        else:
            parts.append(WORDS[rng.integers(len(WORDS))])
            if rng.random() < 0.12:
                parts[-1] = parts[-1].upper()
            if rng.random() < 0.12:
                parts[-1] += ",.;:!?"[rng.integers(6)]
    return " ".join(parts)


def page(rng, fonts):
    inverse = rng.random() < 0.25
    picture = Image.new("RGB", (2 * WIDTH, 2 * HEIGHT), colour(rng, inverse))
    draw = ImageDraw.Draw(picture)
    y = int(rng.integers(-20, 40))
    size = int(rng.integers(22, 72))
    font = ImageFont.truetype(str(fonts[rng.integers(len(fonts))]), size)
    ink = colour(rng, not inverse)
    while y < 2 * HEIGHT:
        if rng.random() < 0.2:
            size = int(np.exp(rng.uniform(np.log(20), np.log(130))))
            font = ImageFont.truetype(str(fonts[rng.integers(len(fonts))]), size)
            ink = colour(rng, not inverse)
        draw.text((int(rng.integers(-30, 60)), y), line(rng, 14), ink, font)
        y += int(size * rng.uniform(1.0, 1.5))
        if rng.random() < 0.1:
            draw.line([(0, y), (2 * WIDTH, y)], ink, int(rng.integers(1, 6)))
    return np.asarray(picture)


def sign(rng, fonts, photo):
    photo = cv2.resize(photo, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC)
    picture = Image.fromarray(photo)
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(1, 5))):
        size = int(np.exp(rng.uniform(np.log(24), np.log(140))))
        font = ImageFont.truetype(str(fonts[rng.integers(len(fonts))]), size)
        text = line(rng, int(rng.integers(1, 4)))
        x, y = int(rng.integers(0, WIDTH)), int(rng.integers(0, 2 * HEIGHT - 100))
        dark = rng.random() < 0.5
        if rng.random() < 0.7:
            box = draw.textbbox((x, y), text, font)
            room = size // 3
            box = (box[0] - room, box[1] - room, box[2] + room, box[3] + room)
            draw.rectangle(box, colour(rng, not dark), colour(rng, dark), 3)
        draw.text((x, y), text, colour(rng, dark), font)
    return np.asarray(picture)


def turned(rng, picture):
    """A little perspective, to a half of the size."""
    corners = np.array([(0, 0), (2, 0), (2, 2), (0, 2)], np.float32)
    size = np.array([WIDTH, HEIGHT], np.float32)
    source = corners * size
    target = source / 2 * 1.12 - 0.06 * size
    target += rng.normal(0, 0.02, (4, 2)).astype(np.float32) * size
    matrix = cv2.getPerspectiveTransform(2 * source, 2 * target)
    whole = cv2.warpPerspective(
        cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR),
        matrix,
        (2 * WIDTH, 2 * HEIGHT),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cv2.resize(whole, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def main(output, font_folder, photos):
    found = sorted(Path(font_folder).rglob("*.[ot]tf"))
    fonts = [x for x in found if not any(w in x.name for w in ("Symbol", "Icon"))]
    pictures = sorted(Path(photos).glob("*"))
    Path(output).mkdir(parents=True, exist_ok=True)
    for number in range(400):
        rng = np.random.default_rng(number)
        if number < 240:
            drawn = page(rng, fonts)
        else:
            photo = cv2.imread(str(pictures[rng.integers(len(pictures))]))
            drawn = sign(rng, fonts, photo[..., ::-1])
        result = turned(rng, drawn)
        if rng.random() < 0.4:
            shade = cv2.resize(
                rng.uniform(0.45, 1.0, (2, 3)).astype(np.float32), (WIDTH, HEIGHT)
            )
            result = (result * shade[..., None]).astype(np.uint8)
        cv2.imwrite(f"{output}/{number:03d}.png", result[..., ::-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
