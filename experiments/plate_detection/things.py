"""What stands in a scene beside plates: vehicles with a place for one, and look-alikes.

Everything is drawn flat, in even light, as a picture and its mask; `scenes` turns it in
space. numpy and OpenCV alone.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from deblurgan_tf.data.plates.canvas import print_words, rounded
from deblurgan_tf.data.plates.scenes import background

_FONTS = ("sans", "serif", "din", "routed", "highway_d", "bebas", "script")
_WORDS = (
    "Open daily", "Restaurant", "for sale", "Bakery", "Phở bò", "Cà phê", "Sửa xe máy",
    "Motor Service", "PHARMACY", "Exit", "no parking", "Hotel", "EUROPA", "Coiffeur",
    "Zimmer frei", "Ausfahrt freihalten", "www.example.org", "Tel. 0123 456 789",
    "HONDA", "YAMAHA", "Wave Alpha", "TOYOTA", "Air Blade", "VISION", "diesel", "Turbo",
    "SUZUKI", "Transit", "4x4", "1.6 HDi", "Limited", "Sport", "Main Street", "Stop",
    "Keep left", "50 % off", "SALE", "Police", "Taxi 24 h", "Camera", "Welcome home",
    "The quick brown fox", "jumps over the lazy dog", "Lorem ipsum dolor sit amet",
)  # fmt: skip


class Vehicle(NamedTuple):
    """A vehicle seen from behind or in front.

    picture: (H, W, 3) uint8; mask: (H, W) uint8; slot: where a plate's middle lies and
    how wide it is, (x, y, width) in pixels; lamps: (x, y, radius) of each lamp; tall:
    whether the slot suits a plate of two lines.
    """

    picture: np.ndarray
    mask: np.ndarray
    slot: tuple[float, float, float]
    lamps: list[tuple[float, float, float]]
    tall: bool


def tone(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    """A grey between two values, or a colour nearly as grey."""
    value = int(rng.integers(low, high))
    r, g, b = (int(np.clip(value + rng.normal(0, 6), 0, 255)) for _ in range(3))
    return r, g, b


def colour(rng: np.random.Generator) -> tuple[int, int, int]:
    r, g, b = (int(v) for v in rng.integers(0, 256, 3))
    return r, g, b


def word(rng: np.random.Generator) -> str:
    text = _WORDS[int(rng.integers(len(_WORDS)))]
    if rng.random() < 0.15:
        text = "".join(str(d) for d in rng.integers(0, 10, int(rng.integers(1, 4))))
    return text


def write(
    rng: np.random.Generator,
    image: np.ndarray,
    text: str,
    box: tuple[float, float, float, float],
    ink: tuple[int, int, int],
) -> None:
    """A line of text in a box (left, top, right, bottom) of the picture, in place."""
    left, top, right, bottom = box
    font = _FONTS[int(rng.integers(len(_FONTS)))]
    middle = ((left + right) / 2, (top + bottom) / 2)
    try:
        print_words(image, text, font, ink, middle, bottom - top, right - left)
    except (KeyError, OSError, ValueError):
        scale = (bottom - top) / 22
        place = (int(left), int(bottom))
        cv2.putText(image, text, place, 0, scale, ink, max(1, round(scale * 2)))


def car(rng: np.random.Generator) -> Vehicle:
    """The rear or the front of a car or a van."""
    height, width = int(rng.integers(230, 330)), 360
    picture = background(rng, height, width)
    mask = np.zeros((height, width), np.uint8)
    roof, belt = 0.0, float(rng.uniform(0.3, 0.48)) * height
    inset = float(rng.uniform(0.04, 0.2)) * width
    floor = height * float(rng.uniform(0.82, 0.92))
    sill = width * float(rng.uniform(0.0, 0.05))
    body = np.array(
        [(inset, roof + 6), (inset + 14, roof), (width - inset - 14, roof),
         (width - inset, roof + 6), (width - sill, belt), (width, belt + 30),
         (width - sill, floor), (sill, floor), (0, belt + 30), (sill, belt)]
    )  # fmt: skip
    wheel = width * float(rng.uniform(0.1, 0.16))
    for x in (sill + 4, width - sill - 4 - wheel):
        spot = (int(x), int(floor - 30)), (int(x + wheel), height - 1)
        cv2.rectangle(mask, *spot, 255, -1)
        cv2.rectangle(picture, *spot, tone(rng, 8, 40), -1)
    cv2.fillPoly(mask, [body.astype(np.int32)], 255, cv2.LINE_AA)
    # The window, with a sky or a street in it.
    glass = np.array(
        [(inset + 18, roof + 14), (width - inset - 18, roof + 14),
         (width - sill - 26, belt - 8), (sill + 26, belt - 8)], np.int32
    )  # fmt: skip
    cv2.fillPoly(picture, [glass], tone(rng, 10, 90), cv2.LINE_AA)
    if rng.random() < 0.6:
        cut = glass.copy()
        cut[2:, 1] = cut[0, 1] + int((belt - roof) * rng.uniform(0.2, 0.6))
        cv2.fillPoly(picture, [cut], tone(rng, 60, 220), cv2.LINE_AA)
    front = rng.random() < 0.4
    lamps = []
    size = (
        width * float(rng.uniform(0.06, 0.13)),
        height * float(rng.uniform(0.04, 0.1)),
    )
    lamp_y = belt + height * float(rng.uniform(0.08, 0.16))
    for side in (-1, 1):
        x = width / 2 + side * (width / 2 - sill - size[0] - 4)
        shade = tone(rng, 170, 250) if front else (int(rng.integers(110, 230)), 20, 28)
        place = (int(x), int(lamp_y))
        cv2.ellipse(picture, place, (int(size[0]), int(size[1])), 0, 0, 360, shade, -1)
        lamps.append((x, lamp_y, size[0]))
    if front:
        grille(rng, picture[int(lamp_y - 8) : int(lamp_y + 26), 90:270])
    low = rng.random() < (0.75 if front else 0.45)
    slot_y = height * float(rng.uniform(0.74, 0.82) if low else rng.uniform(0.54, 0.64))
    bumper = int(height * float(rng.uniform(0.66, 0.72)))
    if rng.random() < 0.7:
        shade = tone(rng, 14, 70) if rng.random() < 0.5 else None
        strip = picture[bumper : int(floor)]
        if shade:
            strip[:] = shade
        else:
            cv2.convertScaleAbs(strip, strip, alpha=float(rng.uniform(0.6, 1.1)))
        cv2.line(picture, (0, bumper), (width, bumper), tone(rng, 5, 60), 2)
    wide = width * float(rng.uniform(0.22, 0.36))
    if rng.random() < 0.5:  # the recess that holds the plate
        half = (
            wide * float(rng.uniform(0.54, 0.75)),
            wide * float(rng.uniform(0.2, 0.32)),
        )
        corner = (int(width / 2 - half[0]), int(slot_y - half[1]))
        other = (int(width / 2 + half[0]), int(slot_y + half[1]))
        cv2.rectangle(picture, corner, other, tone(rng, 10, 110), -1)
    if rng.random() < 0.6:
        y = slot_y - height * float(rng.uniform(0.12, 0.17))
        x = width * float(rng.uniform(0.3, 0.7))
        write(
            rng, picture, word(rng), (x - 50, y - 7, x + 50, y + 7), tone(rng, 150, 240)
        )
    slot = (width * float(rng.normal(0.5, 0.015)), slot_y, wide)
    return Vehicle(picture, mask, slot, lamps, bool(rng.random() < 0.3))


def motorbike(rng: np.random.Generator) -> Vehicle:
    """The rear of a motorbike or a scooter."""
    height, width = int(rng.integers(300, 420)), int(rng.integers(170, 240))
    picture = background(rng, height, width)
    mask = np.zeros((height, width), np.uint8)
    middle = width / 2
    wheel = width * float(rng.uniform(0.14, 0.22))
    slot_y = height * float(rng.uniform(0.42, 0.58))
    wide = width * float(rng.uniform(0.48, 0.8))
    # The wheel below, the seat and its tail above, tubes and exhaust at the sides.
    centre, axes = (int(middle), int(height * 0.74)), (int(wheel), int(height * 0.25))
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
    cv2.ellipse(picture, centre, axes, 0, 0, 360, tone(rng, 10, 45), -1)
    tail_y = height * float(rng.uniform(0.2, 0.3))
    tail = np.array(
        [(middle - width * 0.2, 0), (middle + width * 0.2, 0),
         (middle + width * rng.uniform(0.2, 0.42), tail_y),
         (middle + wheel, slot_y + wide * 0.4), (middle - wheel, slot_y + wide * 0.4),
         (middle - width * rng.uniform(0.2, 0.42), tail_y)], np.int32
    )  # fmt: skip
    cv2.fillPoly(mask, [tail], 255, cv2.LINE_AA)
    for side in (-1, 1):
        if rng.random() < 0.7:
            x = int(middle + side * width * float(rng.uniform(0.3, 0.42)))
            foot = (x + int(side * 14), int(height * rng.uniform(0.6, 0.9)))
            thick = int(rng.integers(6, 26))
            cv2.line(mask, (x, int(tail_y)), foot, 255, thick)
            cv2.line(picture, (x, int(tail_y)), foot, tone(rng, 40, 200), thick)
    lamps = []
    lamp = (
        middle,
        float(rng.uniform(0.55, 0.9)) * tail_y,
        width * float(rng.uniform(0.1, 0.25)),
    )
    axes = (int(lamp[2]), int(lamp[2] * rng.uniform(0.3, 0.7)))
    red = (int(rng.integers(110, 230)), 18, 26)
    cv2.ellipse(picture, (int(lamp[0]), int(lamp[1])), axes, 0, 0, 360, red, -1)
    lamps.append(lamp)
    for side in (-1, 1):
        if rng.random() < 0.6:
            x, y = middle + side * width * 0.34, lamp[1] + 10
            amber = (230, int(rng.integers(120, 180)), 30)
            cv2.circle(mask, (int(x), int(y)), 13, 255, -1)
            cv2.circle(picture, (int(x), int(y)), 13, amber, -1)
    if rng.random() < 0.4:
        box = (middle - 40, 6, middle + 40, 18)
        write(rng, picture, word(rng), box, tone(rng, 120, 250))
    return Vehicle(
        picture, mask, (middle, slot_y, wide), lamps, bool(rng.random() < 0.85)
    )


def grille(rng: np.random.Generator, image: np.ndarray) -> None:
    """Bars over a picture, in place."""
    height, width = image.shape[:2]
    image[:] = tone(rng, 10, 60)
    step = int(rng.integers(5, 14))
    bar = tone(rng, 60, 230)
    if rng.random() < 0.7:
        for y in range(2, height, step):
            cv2.line(image, (0, y), (width, y), bar, max(1, step // 3))
    if rng.random() < 0.5:
        for x in range(2, width, step):
            cv2.line(image, (x, 0), (x, height), bar, max(1, step // 3))


def look_alike(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A flat picture with its mask that is no plate: uint8 (H, W, 3) and (H, W)."""
    kind = int(rng.choice(8, p=[0.22, 0.1, 0.1, 0.12, 0.1, 0.08, 0.1, 0.18]))
    height = int(rng.integers(60, 200))
    width = int(np.clip(height * np.exp(rng.uniform(-0.7, 1.6)), 50, 480))
    image = np.empty((height, width, 3), np.uint8)
    image[:] = colour(rng) if rng.random() < 0.5 else tone(rng, 150, 255)
    mask = np.full((height, width), 255, np.uint8)
    if kind == 0:  # a sign: a picture, words
        _sign(rng, image)
        if rng.random() < 0.5:
            mask = rounded(height, width, int(height * rng.uniform(0.02, 0.3)))
    elif kind == 1:
        grille(rng, image)
    elif kind == 2:  # windows of a house
        columns, rows = int(rng.integers(1, 7)), int(rng.integers(1, 5))
        w, h = width / columns, height / rows
        edge = float(rng.uniform(0.05, 0.3))
        for i in range(columns):
            for j in range(rows):
                a = (int((i + edge) * w), int((j + edge) * h))
                b = (int((i + 1 - edge) * w), int((j + 1 - edge) * h))
                cv2.rectangle(image, a, b, tone(rng, 10, 150), -1)
    elif kind == 3:  # a printed page
        image = page(rng, height, width)
    elif kind == 4:  # an empty sheet: nothing is written on it
        cv2.rectangle(image, (0, 0), (width - 1, height - 1), tone(rng, 0, 200), 2)
        if rng.random() < 0.5:
            at = (
                int(width * rng.uniform(0.2, 0.8)),
                int(height * rng.uniform(0.2, 0.8)),
            )
            cv2.circle(image, at, height // 5, colour(rng), -1)
    elif kind == 5:  # stripes, as of a barrier or a crossing
        step = int(rng.integers(8, 40))
        slope = int(rng.normal(0, 20))
        stripe = colour(rng)
        for x in range(-60, width + 60, 2 * step):
            cv2.line(image, (x, 0), (x + slope, height), stripe, step)
    elif kind == 7:
        return lamp(rng)
    else:  # a word in letters of its own, without a ground
        mask[:] = 0
        letters = np.zeros_like(image)
        write(
            rng,
            letters,
            word(rng),
            (4, height * 0.3, width - 4, height * 0.7),
            (255,) * 3,
        )
        mask = letters[..., 0].copy()
    return image, mask


def lamp(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A head or a tail lamp: glass of some shape, reflectors and ribs behind it."""
    height = int(rng.integers(50, 130))
    width = int(height * rng.uniform(0.9, 3.4))
    shades = rng.integers(0, 256, (2, 4)).astype(np.uint8)
    glass = cv2.resize(shades, (width, height))
    image = cv2.merge([glass] * 3)
    red = rng.random() < 0.4
    for _ in range(int(rng.integers(1, 4))):  # reflectors
        at = (int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.3, 0.7) * height))
        radius = max(3, int(height * rng.uniform(0.15, 0.45)))
        cv2.circle(image, at, radius, tone(rng, 90, 255), -1, cv2.LINE_AA)
        cv2.circle(image, at, radius, tone(rng, 20, 140), max(1, radius // 6))
        cv2.circle(image, at, max(1, radius // 3), tone(rng, 150, 255), -1)
    if rng.random() < 0.6:
        step = int(rng.integers(4, 14))
        for x in range(0, width, step):
            cv2.line(image, (x, 0), (x, height), tone(rng, 60, 230), max(1, step // 4))
    if red:
        image = (image * np.array([1.0, 0.15, 0.15])).astype(np.uint8)
    edge = max(1, height // 20)
    cv2.rectangle(image, (0, 0), (width - 1, height - 1), tone(rng, 10, 220), edge)
    mask = np.zeros((height, width), np.uint8)
    if rng.random() < 0.5:
        quad = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
        quad += rng.normal(0, 0.16 * height, (4, 2))
        cv2.fillPoly(mask, [quad.astype(np.int32)], 255, cv2.LINE_AA)
    else:
        mask = rounded(height, width, int(height * rng.uniform(0.1, 0.45)))
    return image, mask


def page(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A printed page (height, width, 3)."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = tone(rng, 200, 255)
    lines = int(rng.integers(4, 4 + max(10, height // 18)))
    ink = tone(rng, 0, 90)
    for k in range(lines):
        y, h = (k + 0.5) * height / lines, 0.28 * height / lines
        text = " ".join(word(rng) for _ in range(int(rng.integers(1, 5))))
        right = width * float(rng.uniform(0.6, 0.95))
        write(rng, image, text, (width * 0.06, y - h, right, y + h), ink)
    return image


def _sign(rng: np.random.Generator, image: np.ndarray) -> None:
    height, width = image.shape[:2]
    dark = image.mean() < 120
    ink = tone(rng, 200, 255) if dark else tone(rng, 0, 80)
    if rng.random() < 0.5:
        inset = int(rng.integers(1, 6))
        far = (width - 1 - inset, height - 1 - inset)
        cv2.rectangle(image, (inset, inset), far, ink, int(rng.integers(1, 4)))
    left = 0.06 * width
    if rng.random() < 0.35 and width > height:
        at = (int(height * 0.5), int(height * 0.5))
        cv2.circle(image, at, int(height * 0.32), colour(rng), -1)
        left = height * 0.9
    lines = int(rng.integers(1, 5))
    for k in range(lines):
        y = (k + 0.6) * height / (lines + 0.2)
        h = 0.3 * height / lines * float(rng.uniform(0.6, 1.0))
        text = word(rng)
        if lines == 1:  # one line of few signs would be a plate
            text = f"{text} {word(rng)}"
        write(rng, image, text, (left, y - h, width * 0.95, y + h), ink)
