"""What is printed flat on a plate: emblems, pictures of states, strips of countries."""

import cv2
import numpy as np

from deblurgan_tf.data.plates.canvas import (
    blend,
    disc,
    jitter,
    mix,
    polygon,
    print_words,
    rectangle,
)
from deblurgan_tf.data.plates.spec import BLACK, Color, Plate, State, pick

_STAR: Color = (246, 206, 50)
_LETTER: Color = (244, 244, 244)


def draw_emblem(
    image: np.ndarray,
    kind: str,
    box: tuple[float, float, float, float],
    rng: np.random.Generator,
) -> None:
    """Draw the emblem that a `*` in a row stands for, in place.

    kind: a value of `Plate.emblem` or `State.emblem`; box: (x, y, width, height) in
    pixels. Raises ValueError for another kind.
    """
    x, y, width, height = box
    cx, cy, r = x + width / 2, y + height / 2, min(width / 2, height / 4) * 0.85
    bright: list[Color] = [(40, 140, 80), (220, 120, 30), (40, 100, 190), (200, 50, 60)]
    color = bright[int(rng.integers(4))]
    if kind in ("seals", "stickers"):
        size = r if kind == "seals" else r * 0.7
        disc(image, cx, cy - height * 0.25, size, color)
        disc(image, cx, cy - height * 0.25, size * 0.45, (235, 235, 230))
        disc(image, cx, cy + height * 0.25, size, (190, 194, 198))
        disc(image, cx, cy + height * 0.25, size * 0.7, color)
        disc(image, cx, cy + height * 0.25, size * 0.4, (230, 205, 80))
    elif kind == "shield":
        half = width * 0.36
        shape = np.array([(-1, -1.1), (1, -1.1), (1, 0.2), (0, 1.2), (-1, 0.2)])
        polygon(image, shape * half + (cx, cy), (196, 34, 44))
        polygon(image, shape * half * 0.55 + (cx, cy), (232, 232, 236))
        polygon(image, shape * half * 0.3 + (cx, cy + half * 0.5), (40, 70, 160))
    elif kind == "disc":
        shape = np.array([(0, -1), (0.8, -0.2), (0, 1), (-0.8, -0.2)])
        polygon(image, shape * width * 0.5 + (cx, cy), (196, 200, 208))
        polygon(image, shape * width * 0.3 + (cx, cy), (222, 224, 228))
    elif kind == "fruit":
        disc(image, cx - r * 0.4, cy + r * 0.5, width * 0.3, (236, 128, 40))
        disc(image, cx + r * 0.6, cy + r * 0.1, width * 0.3, (244, 146, 50))
        disc(image, cx, cy - r * 0.9, width * 0.14, (60, 130, 70))
    elif kind == "bars":
        red = (200, 40, 50)
        for dy in (-0.06, 0.1):
            left, top = cx - 0.42 * width, cy + dy * height
            rectangle(image, left, top, 0.84 * width, height * 0.09, red)
        for dx in (-0.28, 0.0, 0.28):
            disc(image, cx + dx * width, cy - height * 0.16, height * 0.05, red)
    elif kind == "tree":
        shape = np.array([(0, -1.3), (0.8, 1), (-0.8, 1)])
        polygon(image, shape * width * 0.5 + (cx, cy), (70, 120, 80))
    elif kind == "dot":
        disc(image, cx, cy, max(1.5, width * 0.14), (170, 186, 206))
    else:
        raise ValueError(f"unknown emblem {kind!r}")


def draw_scene(
    image: np.ndarray, state: State, paper: Color, rng: np.random.Generator
) -> None:
    """Draw the printed picture of an American plate of colour `paper`, in place.

    `state.scene` names a simple form of the real picture: `fade` changes downwards from
    the paper to the tint, `rise` from the tint to the paper; `bands` are tinted strips
    at the top and the bottom, `top` is the upper one alone; `hills` and `peaks` are
    silhouettes; `sun` is a set of pale discs, `map` a pale area in the middle; `plain`
    is none. Raises ValueError for another name.
    """
    height, width = image.shape[:2]
    tint = jitter(rng, state.tint)
    if state.scene in ("fade", "rise"):
        ramp = np.linspace(0, 255, height, dtype=np.float32)
        steepness = float(rng.uniform(1.0, 2.2))
        if state.scene == "rise":
            ramp = ramp[::-1]
        mask = np.clip((ramp - 255) * steepness + 255, 0, 255).astype(np.uint8)
        blend(image, tint, np.repeat(mask[:, None], width, axis=1))
    elif state.scene in ("bands", "top"):
        # Both strips end where the box of the glyphs begins.
        rectangle(image, 0, 0, width, height * 0.215, tint)
        if state.scene == "bands":
            rectangle(image, 0, height * 0.815, width, height, tint)
    elif state.scene in ("hills", "peaks"):
        base = 0.62 if state.scene == "hills" else 0.34
        swing = 0.10 if state.scene == "hills" else 0.16
        count = 7 if state.scene == "hills" else 11
        xs = np.linspace(-0.02, 1.02, count) * width
        ys = (base + rng.uniform(-swing, swing, count)) * height
        if state.scene == "hills":
            fine = np.linspace(xs[0], xs[-1], 40)
            ys, xs = np.interp(fine, xs, ys), fine
            ys = cv2.GaussianBlur(ys[None], (0, 0), 2.0)[0]
        outline = np.vstack(
            [np.column_stack([xs, ys]), (width * 1.02, height), (-4, height)]
        )
        # Pale behind the glyphs, so that they stay readable on it.
        polygon(image, outline, mix(paper, tint, 0.45))
        if state.scene == "hills":
            outline[:-2, 1] += height * 0.2
            polygon(image, outline, tint)
    elif state.scene == "sun":
        cx, cy = rng.uniform(0.35, 0.65) * width, rng.uniform(0.4, 0.6) * height
        for part in (0.55, 0.42, 0.3):
            disc(image, cx, cy, part * height, mix(tint, paper, part))
    elif state.scene == "map":
        angles = np.linspace(0, 2 * np.pi, 9, endpoint=False)
        radii = rng.uniform(0.2, 0.42, 9) * height
        outline = np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None]
        polygon(image, outline + np.array([width, height]) * 0.5, tint)
    elif state.scene != "plain":
        raise ValueError(f"unknown scene {state.scene!r}")


_MONTHS = [
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
]
_PALE: Color = (242, 242, 238)
_STICKERS: tuple[Color, ...] = (
    (236, 226, 80),
    (224, 110, 50),
    (120, 190, 120),
    (110, 160, 220),
    (236, 236, 232),
)


def print_state(image: np.ndarray, state: State, rng: np.random.Generator) -> None:
    """Title, slogan, and the stickers of month and year, in place."""
    height, width = image.shape[:2]
    # Print on a dark strip has to be pale.
    dark = sum(state.tint) < 420
    title = foot = state.title_color
    if dark and state.scene in ("bands", "top") and sum(title) < 500:
        title = _PALE
    if dark and state.scene == "bands":
        foot = _PALE
    cap = height * float(rng.uniform(0.105, 0.14))
    place = (width * 0.5, height * 0.125)
    print_words(image, state.title, state.title_font, title, place, cap, width * 0.56)
    font = "sans" if state.slogan.isupper() else "serif"
    place = (width * 0.5, height * 0.905)
    print_words(image, state.slogan, font, foot, place, height * 0.065, width * 0.6)
    y = height * (0.035 if rng.random() < 0.75 else 0.83)
    w, h = 0.1 * width, 0.135 * height
    month, year = pick(rng, _MONTHS), f"{rng.integers(5, 27):02d}"
    for x, text in ((0.035 * width, month), (0.865 * width, year)):
        if rng.random() < 0.3:
            continue
        rectangle(image, x, y, w, h, pick(rng, _STICKERS))
        place = (x + w / 2, y + h / 2)
        print_words(image, text, "sans", BLACK, place, h * 0.6, w * 0.8)


def draw_bands(image: np.ndarray, plate: Plate, rng: np.random.Generator) -> None:
    """The coloured strips of European plates, with stars and letters, in place."""
    height, width = image.shape[:2]
    two_line = plate.aspect < 2.5
    strip = (0.11 if two_line else 0.085) * width
    color = jitter(rng, plate.band_color, 6)
    if plate.band is not None:
        rectangle(image, 0, 0, strip, height, color)
        cx, cy = strip * 0.53, height * (0.25 if two_line else 0.34)
        if plate.stars:
            for k in range(12):
                dx, dy = np.cos(k * np.pi / 6), np.sin(k * np.pi / 6)
                x, y = cx + dx * strip * 0.3, cy + dy * strip * 0.3
                disc(image, x, y, strip * 0.055, _STAR)
        else:  # a small flag
            x, y = cx - strip * 0.3, cy - strip * 0.2
            rectangle(image, x, y, strip * 0.6, strip * 0.4, (200, 50, 56))
        place = (cx, height * (0.75 if two_line else 0.77))
        cap = strip * (0.4 if len(plate.band) < 3 else 0.3)
        print_words(image, plate.band, "sans", _LETTER, place, cap, strip * 0.8)
    if plate.right_band is not None:
        left = width - strip * 0.8
        rectangle(image, left, 0, strip, height, color)
        place = (width - strip * 0.4, height * 0.75)
        cap, room = strip * 0.32, strip * 0.6
        print_words(image, plate.right_band, "sans", _LETTER, place, cap, room)
