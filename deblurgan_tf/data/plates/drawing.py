"""Draw a plate flat: ground and print, raised glyphs and rim, bolts, dirt, scratches.

`render` puts the result into a scene.
"""

import cv2
import numpy as np

from deblurgan_tf.data.plates.canvas import (
    blend,
    clouds,
    disc,
    jitter,
    paste,
    rounded,
    sheet,
)
from deblurgan_tf.data.plates.glyphs import ABOVE, BELOW, glyph, level, pitch_width
from deblurgan_tf.data.plates.print import (
    draw_bands,
    draw_emblem,
    draw_scene,
    print_state,
)
from deblurgan_tf.data.plates.spec import Plate

# Widths of what is not a glyph, as multiples of the capitals' height.
_GAPS = {"-": 0.34, ".": 0.15, "·": 0.16, " ": 0.30, "*": 0.52}


def _row(
    image: np.ndarray,
    mask: np.ndarray,
    plate: Plate,
    row: str,
    box: tuple[float, float, float, float],
    rng: np.random.Generator,
) -> None:
    """Draw the glyphs of `row` on `mask`, within `box`, and its emblems on `image`.

    box: (left, top, right, bottom) in pixels; both pictures change in place.
    """
    left, top, right, bottom = box
    cap = bottom - top
    size = level(cap)
    slot = pitch_width(plate.font, plate.weight)
    pieces: list[tuple[str, np.ndarray | None, float]] = []
    for c in row:
        if c in _GAPS:
            pieces.append((c, None, _GAPS[c]))
        else:
            shape = glyph(plate.font, c, size, plate.weight)
            own = shape.shape[1] / size
            even = plate.pitch * slot + (1 - plate.pitch) * own
            pieces.append((c, shape, max(own, even)))
    gap = float(rng.uniform(0.13, 0.19))
    total = sum(width for *_, width in pieces) + gap * (len(pieces) - 1)
    stretch = min((right - left) / (total * cap), float(rng.uniform(0.95, 1.25)))
    if stretch < 0.6:  # narrower glyphs look wrong: make them lower instead
        cap, stretch = cap * stretch / 0.6, 0.6
    x = (left + right - total * cap * stretch) / 2
    y = (top + bottom - cap) / 2
    stroke = (0.13 + plate.weight / 100) * cap
    for c, source, width in pieces:
        room = width * cap * stretch
        middle = x + room / 2
        if source is not None:
            wide = max(1, round(source.shape[1] / size * cap * stretch))
            tall = max(2, round(cap * (1 + ABOVE + BELOW)))
            piece = cv2.resize(source, (wide, tall), interpolation=cv2.INTER_AREA)
            paste(mask, piece, round(middle - wide / 2), round(y - ABOVE * cap))
        elif c == "-":
            high = round(y + (cap - stroke) / 2)
            bar = mask[high : high + max(1, round(stroke)), round(x) : round(x + room)]
            bar[:] = 255
        elif c in ".·":
            height = y + cap * (0.5 if c == "·" else 0.93)
            disc(mask, middle, height, stroke * 0.6, (255, 255, 255))
        elif c == "*":
            draw_emblem(image, plate.emblem, (x, y, room, cap), rng)
        x += room + gap * cap * stretch


def _ring(height: int, width: int, inset: int, line: int, radius: float) -> np.ndarray:
    """Mask (height, width) of the rim, a line around the plate.

    inset: its distance from the edges, line: its thickness, radius: of the plate's
    corners; pixels.
    """
    mask = np.zeros((height, width), np.uint8)
    for extra, value in ((0, 255), (line, 0)):
        d = inset + extra
        rows, columns = height - 2 * d, width - 2 * d
        if rows > 2 and columns > 2:
            inner = rounded(rows, columns, max(1, round(radius) - d))
            part = mask[d : d + rows, d : d + columns]
            part[inner > 127] = value
    return mask


def _emboss(
    image: np.ndarray, raised: np.ndarray, depth: int, rng: np.random.Generator
) -> None:
    """Light and shadow beside what is raised, in place.

    raised: mask of it; depth: width of the light and of the shadow, pixels.
    """
    height, width = raised.shape
    soft = cv2.blur(raised, (depth, depth)) if depth > 1 else raised
    dx = int(rng.integers(-depth, depth + 1))
    move = np.array([[1, 0, dx], [0, 1, depth]], np.float32)
    moved = cv2.warpAffine(soft, move, (width, height), flags=cv2.INTER_NEAREST)
    strength = float(rng.uniform(0.12, 0.42))
    light = cv2.convertScaleAbs(cv2.subtract(soft, moved), alpha=strength)
    shade = cv2.convertScaleAbs(cv2.subtract(moved, soft), alpha=strength * 1.1)
    cv2.add(image, cv2.merge([light] * 3), dst=image)
    cv2.subtract(image, cv2.merge([shade] * 3), dst=image)


def _bolts(image: np.ndarray, plate: Plate, rng: np.random.Generator) -> None:
    """The heads of the plate's bolts, in place."""
    height, width = image.shape[:2]
    radius = max(1.5, float(rng.uniform(0.032, 0.045)) * min(height, width / 2))
    metal = int(rng.integers(60, 200))
    color = jitter(rng, (metal, metal, metal - 8), 4)
    for fx, fy in plate.bolts:
        x, y = fx * width, fy * height
        disc(image, x, y + radius * 0.25, radius * 1.25, (60, 60, 62))
        disc(image, x, y, radius, color)
        disc(image, x - radius * 0.3, y - radius * 0.3, radius * 0.35,
             jitter(rng, (min(255, metal + 50),) * 3, 4))  # fmt: skip


def _wear(image: np.ndarray, rng: np.random.Generator) -> None:
    """Dust, mud, dots of dirt and scratches, in place; most plates have few."""
    height, width = image.shape[:2]
    brown = jitter(rng, (112, 96, 76), 14)
    if rng.random() < 0.5:  # a film of dust, thicker towards one edge
        dust = clouds(rng, height, width)
        ramp = np.linspace(float(rng.uniform(0, 0.5)), 1, height, dtype=np.float32)
        film = dust * (ramp[:, None] * float(rng.uniform(0.05, 0.3)))
        blend(image, brown, film.astype(np.uint8))
    if rng.random() < 0.25:  # patches of mud; the text stays readable
        noise = clouds(rng, height, width)
        floor = int(rng.integers(195, 240))
        patches = cv2.subtract(noise, np.full_like(noise, floor))
        patches = cv2.convertScaleAbs(patches, alpha=float(rng.uniform(3, 8)))
        blend(image, brown, np.minimum(patches, int(rng.integers(60, 145))))
    marks = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(0, 14)) if rng.random() < 0.5 else 0):
        x, y = rng.random(2) * (width, height)
        size = float(rng.exponential(0.006)) * width
        disc(marks, x, y, min(size, width * 0.012), (170, 170, 170))
    if marks.any():
        blend(image, brown, marks)
    if rng.random() < 0.35:
        marks[:] = 0
        for _ in range(int(rng.integers(1, 5))):
            x, y = rng.random(2) * (width, height)
            dx, dy = rng.normal(0, 0.12, 2) * (width, height)
            ends = np.round(np.array([x, y, x + dx, y + dy])).astype(int)
            cv2.line(marks, ends[:2].tolist(), ends[2:].tolist(), 255, 1, cv2.LINE_AA)
        tone = int(rng.integers(90, 240))
        faint = cv2.convertScaleAbs(marks, alpha=float(rng.uniform(0.15, 0.5)))
        blend(image, (tone, tone, tone), faint)


def draw_plate(
    plate: Plate, height: int, width: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw `plate` flat, in even light.

    Returns:
        Picture (height, width, 3), uint8 RGB. Glyphs (height, width), uint8: 255 where
        the ink of the text and of its separators is. Outline (height, width), uint8:
        255 on the plate, 0 outside its round corners.
    """
    paper = jitter(rng, plate.paper, 6)
    ink = jitter(rng, plate.ink, 6)
    image = sheet(height, width, paper)
    if plate.state:
        draw_scene(image, plate.state, paper, rng)
        print_state(image, plate.state, rng)
    if plate.stripe:
        thick = max(1, round(height * 0.035))
        for y in (round(height * 0.05), round(height * 0.93)):
            cv2.rectangle(image, (0, y), (width, y + thick), plate.stripe, -1)
    if plate.band is not None or plate.right_band is not None:
        draw_bands(image, plate, rng)

    glyphs = np.zeros((height, width), np.uint8)
    left, top, right, bottom = plate.box
    count = len(plate.rows)
    between = 0.07
    tall = (bottom - top - between * (count - 1)) / count
    for k, row in enumerate(plate.rows):
        start = top + k * (tall + between)
        box = (left * width, start * height, right * width, (start + tall) * height)
        _row(image, glyphs, plate, row, box, rng)
    raised = glyphs.copy()
    outline = rounded(height, width, round(plate.radius * height))
    short = min(height, width / 2)
    line = max(1, round(short * float(rng.uniform(0.016, 0.03))))
    ring = _ring(height, width, round(short * 0.022) + 1, line, plate.radius * height)
    np.maximum(raised, ring, out=raised)
    blend(image, ink, raised if plate.border else glyphs)
    cap = tall * height
    _emboss(image, raised, max(1, round(cap * float(rng.uniform(0.02, 0.045)))), rng)
    _bolts(image, plate, rng)
    _wear(image, rng)
    return image, glyphs, outline
