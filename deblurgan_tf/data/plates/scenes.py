"""What surrounds a plate: paint, bumpers, grilles, lamps, frames; in even light."""

import cv2
import numpy as np

from deblurgan_tf.data.plates.canvas import clouds, print_words

_PAINTS = (
    (226, 228, 230), (186, 190, 194), (120, 124, 130), (44, 46, 50), (20, 21, 24),
    (150, 26, 32), (96, 18, 26), (28, 52, 110), (58, 92, 140), (24, 72, 60),
    (190, 160, 110), (206, 120, 40), (30, 96, 104), (84, 70, 60),
)  # fmt: skip
_DEALERS = ("AUTO CENTER", "MOTORS", "Auto Haus", "CITY CARS", "GARAGE", "HONDA HEAD",
            "autohaus-online", "Premium Automobile", "TRUCK & CAR")  # fmt: skip


def _gloss(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Brightness (height, width), float32, around 1, of paint with reflections."""
    count = int(rng.integers(3, 7))
    places = np.sort(rng.random(count))
    values = rng.uniform(0.65, 1.3, count)
    # One profile of brightness at the left, another at the right, mixed between them.
    rows = np.linspace(0, 1, height)
    first = np.interp(rows, places, values)
    second = np.interp(rows + rng.uniform(-0.15, 0.15), places, values)
    if rng.random() < 0.5:  # the edge of a horizon or of a roof line
        step = rng.uniform(0.75, 0.95) + 0.4 * (rows < rng.random())
        first, second = first * step, second * step
    share = np.linspace(0, 1, width, dtype=np.float32)[None]
    return (first[:, None] * (1 - share) + second[:, None] * share).astype(np.float32)


def _grille(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`image` darkened, with horizontal bars and gaps between them."""
    height, width = image.shape[:2]
    image = cv2.convertScaleAbs(image, alpha=0.3, beta=24)
    hole = (int(rng.integers(8, 26)),) * 3
    edge = (int(rng.integers(40, 110)),) * 3
    edged = rng.random() < 0.4
    pitch = max(4, round(height * float(rng.uniform(0.08, 0.2))))
    slope = round(float(rng.normal(0, 0.02)) * width)
    thick = round(pitch * 0.5)
    for y in range(-int(rng.integers(pitch)), height, pitch):
        cv2.line(image, (0, y), (width, y + slope), hole, thick, cv2.LINE_AA)
        if edged:
            low = y + thick // 2
            cv2.line(image, (0, low), (width, low + slope), edge, 1, cv2.LINE_AA)
    return image


def _lamp(
    image: np.ndarray,
    place: tuple[float, float],
    axes: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """A red or amber lamp in place, brighter towards its middle.

    place: of its middle, (x, y); axes: half its width and half its height; pixels.
    """
    red, green = int(rng.integers(110, 200)), int(rng.integers(14, 60))
    center = (round(place[0]), round(place[1]))
    for step in range(5):
        part = 1 - step * 0.18
        size = (max(1, round(axes[0] * part)), max(1, round(axes[1] * part)))
        color = (min(255, red + step * 13), min(255, green + step * 11), 26 + step * 9)
        cv2.ellipse(image, center, size, 0, 0, 360, color, -1, cv2.LINE_AA)


def _tail(image: np.ndarray, rng: np.random.Generator) -> None:
    """The tail of a motorbike in place: a lamp at the top, a tube on either side."""
    height, width = image.shape[:2]
    middle = width * float(rng.uniform(0.4, 0.6))
    tall = height * float(rng.uniform(0.08, 0.2))
    _lamp(image, (middle, 0), (width * float(rng.uniform(0.2, 0.4)), tall), rng)
    for side in (0.02, 0.98):
        x = round(width * (side + float(rng.normal(0, 0.04))))
        foot = x + round(float(rng.normal(0, 0.06)) * width)
        tone = int(rng.integers(50, 150))
        thick = max(2, width // 28)
        for step in range(3):  # a tube, bright along its middle
            color = (min(255, tone + 28 * step),) * 3
            line = max(1, thick * (3 - step) // 3)
            cv2.line(image, (x, 0), (foot, height), color, line, cv2.LINE_AA)


def _panels(image: np.ndarray, rng: np.random.Generator) -> None:
    """Gaps between a body's panels and sometimes the corner of a lamp, in place."""
    height, width = image.shape[:2]
    dark = (int(rng.integers(8, 30)),) * 3
    light = (int(rng.integers(110, 210)),) * 3
    for _ in range(int(rng.integers(0, 4))):
        xs = np.linspace(-2, width + 2, 12)
        t = xs / width
        tilt, bend = rng.normal(0, 0.03, 2) * height
        ys = float(rng.random()) * height + tilt * t + bend * 4 * t * (1 - t)
        line = np.round(np.column_stack([xs, ys]) * 16).astype(np.int32)
        thick = max(1, height // 90) * int(rng.integers(1, 5))
        cv2.polylines(image, [line], False, dark, thick, cv2.LINE_AA, 4)
        if rng.random() < 0.5:  # the lower panel's edge shines
            line[:, 1] += 8 * thick
            fine = max(1, height // 180)
            cv2.polylines(image, [line], False, light, fine, cv2.LINE_AA, 4)
    if rng.random() < 0.2:
        place = (0.0 if rng.random() < 0.5 else float(width), height * rng.random())
        _lamp(image, place, (width * 0.12, height * rng.uniform(0.1, 0.3)), rng)


def background(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Part of a car or of a motorbike: (height, width, 3), uint8 RGB, in even light."""
    small = (max(8, height // 2), max(8, width // 2))
    paint = np.array(_PAINTS[int(rng.integers(len(_PAINTS)))]) + rng.normal(0, 7, 3)
    kinds = ["paint", "plastic", "grille", "motorbike"]
    kind = rng.choice(kinds, p=[0.58, 0.18, 0.08, 0.16])
    if kind in ("plastic", "motorbike"):
        paint = rng.uniform(24, 84) + rng.normal(0, 2, 3)
    gloss = _gloss(rng, *small)
    if kind == "plastic":  # rough and dull
        gloss = gloss**0.4 * (0.85 + 0.3 / 255 * clouds(rng, *small))
    soft = cv2.merge([cv2.convertScaleAbs(gloss, alpha=float(c)) for c in paint])
    image = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    if kind == "grille":
        return _grille(image, rng)
    if kind == "motorbike":
        _tail(image, rng)
    else:
        _panels(image, rng)
    return image


def holder(
    flat: np.ndarray, outline: np.ndarray, cut: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Put a flat plate into a plastic or chrome frame, often with a dealer's name.

    Args:
        flat: the plate (h, w, 3), uint8.
        outline: its mask (h, w), uint8.
        cut: part of the plate's height that the frame may hide at the top and bottom.
        rng: decides all of the rest.

    Returns:
        The larger picture and its mask, and the offset (left, top) of the plate in
        them, pixels.
    """
    height, width = outline.shape
    edge = max(1, round(min(height, width / 3) * float(rng.uniform(0.04, 0.09))))
    lip = edge if rng.random() < 0.35 else round(min(height, width / 3) * 0.16)
    size = (height + edge + lip, width + 2 * edge)
    chrome = rng.random() < 0.12
    tone = int(rng.integers(130, 200)) if chrome else int(rng.integers(14, 52))
    shading = tone - np.linspace(-1, 1, size[0]) * (40 if chrome else 8)
    column = np.clip(shading, 0, 255).astype(np.uint8)[:, None]
    picture = cv2.merge([np.repeat(column, size[1], axis=1)] * 3)
    inside = picture[edge : edge + height, edge : edge + width]
    inside[:] = cv2.copyTo(flat, outline, inside.copy())
    hide = round(float(rng.uniform(0, cut)) * height)
    if hide:
        inside[:hide] = tone
        inside[height - hide :] = tone
    shine = min(255, tone + 50)
    a, b = (edge - 1, edge - 1 + hide), (edge + width, edge + height - hide)
    cv2.rectangle(picture, a, b, (tone // 2,) * 3, max(1, edge // 5))
    cv2.rectangle(picture, (0, 0), (size[1] - 1, size[0] - 1), (shine,) * 3, 1)
    if lip > edge and rng.random() < 0.8:
        text = _DEALERS[int(rng.integers(len(_DEALERS)))]
        ink = (30, 30, 30) if chrome else (210, 210, 206)
        place = (size[1] * float(rng.uniform(0.35, 0.65)), size[0] - lip * 0.5)
        print_words(picture, text, "sans", ink, place, lip * 0.42, size[1] * 0.6)
    mask = np.full(size, 255, np.uint8)
    return picture, mask, (edge, edge)
