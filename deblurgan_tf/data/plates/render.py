"""Sharp pictures of invented number plates, with their texts.

    image, text = render_plate(seed=7, height=128, width=192)

A plate (`layouts`) is drawn flat (`drawing`) and put on a vehicle (`scenes`) in
perspective, at twice the size or more. The picture is downsampled, lit, and recorded as
by a camera. All of it is a pure function of the seed and the size.
"""

from typing import NamedTuple

import cv2
import numpy as np

from deblurgan_tf.data.plates.canvas import clouds
from deblurgan_tf.data.plates.drawing import draw_plate
from deblurgan_tf.data.plates.layouts import sample_plate
from deblurgan_tf.data.plates.scenes import background, holder
from deblurgan_tf.data.plates.spec import Plate


class Rendering(NamedTuple):
    """A rendered plate with what is known about it.

    image: (height, width, 3) uint8 RGB.
    plate: what was drawn; `plate.text` is the text.
    corners: (4, 2) float32, x and y of the plate's corners in pixels of `image`, from
        the top left clockwise; they may lie slightly outside.
    glyphs: (height, width) uint8, 255 where the ink of the text covers the whole pixel;
        None if it was not asked for.
    """

    image: np.ndarray
    plate: Plate
    corners: np.ndarray
    glyphs: np.ndarray | None


def render_plate(seed: int, height: int, width: int) -> tuple[np.ndarray, str]:
    """Render the number plate of `seed`.

    Args:
        seed: any non-negative integer.
        height: of the picture, pixels, at least 16; best from 32 to 512.
        width: of the picture, pixels, at least 16; best from 64 to 768. In frames
            that are high for their width, more plates have two lines.

    Returns:
        The picture (height, width, 3), uint8 RGB, and the plate's text: A-Z and 0-9.

    Raises:
        ValueError: negative seed or a size below 16.
    """
    rendering = render(seed, height, width, with_glyphs=False)
    return rendering.image, rendering.plate.text


def plate_text(seed: int, height: int, width: int) -> str:
    """The text of `render_plate` for the same arguments, without drawing."""
    return _start(seed, height, width)[1].text


def _start(seed: int, height: int, width: int) -> tuple[np.random.Generator, Plate]:
    """The random generator of `seed`, after it has chosen the plate; and the plate."""
    if seed < 0:
        raise ValueError(f"seed must not be negative, but is {seed}")
    if height < 16 or width < 16:
        raise ValueError(f"a plate needs at least 16 x 16 pixels, not {height}x{width}")
    rng = np.random.default_rng(seed)
    return rng, sample_plate(rng, width / height)


def render(seed: int, height: int, width: int, with_glyphs: bool = True) -> Rendering:
    """Like `render_plate`; also gives the plate's description, corners and glyphs."""
    rng, plate = _start(seed, height, width)
    # Twice the size; four times for small pictures, whose thin lines need it.
    scale = 2 if min(height, width) >= 64 else 4
    size = (height * scale, width * scale)
    corners = _corners(rng, plate.aspect, *size)
    image, ink, ink_to_frame = _compose(rng, plate, corners, *size)
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    glyphs = None
    if with_glyphs:
        glyphs = cv2.warpPerspective(ink, ink_to_frame, size[::-1])
        glyphs = cv2.resize(glyphs, (width, height), interpolation=cv2.INTER_AREA)
    corners = corners / scale
    return Rendering(_record(rng, image, corners), plate, corners, glyphs)


def _corners(
    rng: np.random.Generator, aspect: float, height: int, width: int
) -> np.ndarray:
    """Where the plate's corners lie in the frame: (4, 2) float32 pixels, clockwise."""
    a = aspect * float(rng.uniform(0.92, 1.04)) / 2
    quad = np.array([(-a, -0.5), (a, -0.5), (a, 0.5), (-a, 0.5)])
    # Seen from the side or from above, the far edge is shorter.
    yaw, pitch = rng.normal(0, 0.02, 2).clip(-0.05, 0.05)
    depth = 1 + yaw * np.array([-1, 1, 1, -1]) + pitch * np.array([-1, -1, 1, 1])
    quad = quad / depth[:, None]
    quad[:, 0] += quad[:, 1] * float(rng.normal(0, 0.02))
    angle = np.deg2rad(float(np.clip(rng.normal(0, 2.0), -5.5, 5.5)))
    cosine, sine = np.cos(angle), np.sin(angle)
    quad = quad @ np.array([(cosine, sine), (-sine, cosine)])
    extent = np.ptp(quad, axis=0)
    # The mean of the fraction is near 0.9: detectors cut close to the plate.
    fraction = 0.75 + 0.25 * float(rng.beta(2.2, 1.5))
    zoom = fraction * min(width / extent[0], height / extent[1])
    quad = quad * zoom
    middle = (quad.max(axis=0) + quad.min(axis=0)) / 2
    room = (np.array([width, height]) - extent * zoom) / 2
    shift = rng.uniform(-0.6, 0.6, 2) * np.minimum(room, 0.12 * min(height, width))
    quad = quad - middle + np.array([width, height]) / 2 + shift
    return quad.astype(np.float32)


def _compose(
    rng: np.random.Generator,
    plate: Plate,
    corners: np.ndarray,
    height: int,
    width: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The plate on its vehicle, in even light.

    corners: of the plate in the frame, (4, 2). Returns the picture (height, width, 3),
    uint8 RGB, the flat mask of the glyphs, and the 3 x 3 homography from that mask to
    the frame.
    """
    long = float(np.linalg.norm(corners[1] - corners[0]))
    flat_width = max(24, round(long))
    flat_height = max(12, round(long / plate.aspect))
    flat, ink, outline = draw_plate(plate, flat_height, flat_width, rng)
    left, top = 0, 0
    framed = rng.random() < {True: 0.35, False: 0.7}[plate.state is not None]
    if framed and not plate.layout.startswith("vietnam_motorbike"):
        cut = 0.06 if plate.state is not None else 0.0
        flat, outline, (left, top) = holder(flat, outline, cut, rng)
    image = background(rng, height, width)

    w, h = float(flat_width), float(flat_height)
    source = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float32)
    source += np.array([left, top], np.float32)
    to_frame = cv2.getPerspectiveTransform(source, corners)
    size = (width, height)
    cover = cv2.warpPerspective(outline, to_frame, size, flags=cv2.INTER_LINEAR)
    warped = cv2.warpPerspective(
        flat, to_frame, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    ink_to_frame = to_frame @ np.array([[1, 0, left], [0, 1, top], [0, 0, 1.0]])

    # The plate's soft shadow on what is behind it; an eighth of the size is enough.
    small = cv2.resize(cover, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    spread = max(0.8, min(small.shape) * 0.06)
    small = cv2.GaussianBlur(small, (0, 0), spread)
    drop = np.array([[1, 0, rng.normal(0, spread)], [0, 1, spread * 1.3]], np.float32)
    small = cv2.warpAffine(
        small, drop, small.shape[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    depth = float(rng.uniform(0.3, 0.75))
    kept = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
    kept = cv2.bitwise_not(cv2.convertScaleAbs(kept, alpha=depth))
    image = cv2.multiply(image, cv2.merge([kept] * 3), scale=1 / 255)

    cover3 = cv2.merge([cover] * 3)
    image = cv2.multiply(image, cv2.bitwise_not(cover3), scale=1 / 255)
    image = cv2.add(image, cv2.multiply(warped, cover3, scale=1 / 255))
    return image, ink, ink_to_frame


def _smooth(
    rng: np.random.Generator, height: int, width: int, spread: float
) -> np.ndarray:
    """A slowly varying field (height, width), float32, around 1.

    spread: its standard deviation.
    """
    grid = rng.normal(1, spread, (3, 4)).astype(np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def _half_plane(
    rng: np.random.Generator, height: int, width: int, softness: float
) -> np.ndarray:
    """1 on one side of a random line through the middle part, 0 on the other side.

    softness: width of the change between them, relative to the smaller side. Returns
    float32 (height, width).
    """
    angle = float(rng.uniform(0, 2 * np.pi))
    cx, cy = rng.uniform(0.15, 0.85, 2) * (width, height)
    xs = (np.arange(width, dtype=np.float32) - cx) * np.cos(angle)
    ys = (np.arange(height, dtype=np.float32) - cy) * np.sin(angle)
    distance = (xs[None] + ys[:, None]) / (softness * min(height, width))
    return np.clip(distance + 0.5, 0, 1).astype(np.float32)


def _light(
    rng: np.random.Generator, height: int, width: int, corners: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The light on the scene: factor, tint of RGB (3,), haze.

    corners: of the plate, (4, 2). Factor and haze are float32 (height, width). Factor
    and tint multiply the grey levels of 255, haze is added to them.
    """
    light = _smooth(rng, height, width, 0.07)
    haze = np.zeros((height, width), np.float32)
    tint = rng.normal(1, 0.025, 3)
    when = rng.choice(
        ["day", "sun", "dull", "dusk", "night"], p=[0.36, 0.28, 0.16, 0.1, 0.1]
    )
    if when == "sun":
        if rng.random() < 0.5:  # the edge of a shadow across the plate
            softness = float(rng.choice([0.03, 0.1, 0.4]))
            shadow = _half_plane(rng, height, width, softness)
            light *= 1 - float(rng.uniform(0.25, 0.55)) * shadow
        light *= float(rng.uniform(0.95, 1.12))
        tint *= (1.03, 1.0, 0.95)
    elif when == "day":
        light *= float(rng.uniform(0.82, 1.05))
    elif when == "dull":
        light *= float(rng.uniform(0.6, 0.85))
        tint *= (0.97, 1.0, 1.04)
        if rng.random() < 0.4:  # rain or fog lifts the blacks
            haze += float(rng.uniform(8, 34))
            light *= 0.88
    elif when == "dusk":
        light *= float(rng.uniform(0.48, 0.68))
        tint *= (0.95, 0.98, 1.08) if rng.random() < 0.6 else (1.1, 0.97, 0.85)
    else:
        # Night: a flash, or the lamp of the plate; the vehicle around it stays dark.
        middle = corners.mean(axis=0)
        half = np.ptp(corners, axis=0) * float(rng.uniform(0.55, 0.8))
        lamp = rng.random() < 0.5
        if lamp:
            middle = middle - (rng.normal(0, 0.2) * half[0], half[1] * 0.35)
        xs = (np.arange(width, dtype=np.float32) - middle[0]) / half[0]
        ys = (np.arange(height, dtype=np.float32) - middle[1]) / half[1]
        spot = np.exp(-(np.abs(xs[None]) ** 3 + np.abs(ys[:, None]) ** 3) * 0.45)
        light *= (0.12 + spot * float(rng.uniform(0.7, 0.95))).astype(np.float32)
        if lamp:
            tint *= (1.08, 1.0, 0.86)
    if when in ("day", "sun") and rng.random() < 0.25:  # a pale reflection
        band = _half_plane(rng, height, width, 0.25)
        haze += float(rng.uniform(10, 45)) * 4 * band * (1 - band)
    return light, tint, haze


def _record(
    rng: np.random.Generator, image: np.ndarray, corners: np.ndarray
) -> np.ndarray:
    """Light, exposure, white balance, sharpening, noise and JPEG, all of them mild.

    image: (height, width, 3), uint8 RGB in even light; corners: of the plate, (4, 2).
    Returns the same shape and type.
    """
    height, width = image.shape[:2]
    light, tint, haze = _light(rng, height, width, corners)
    # The reflecting sheet of a plate is never quite even.
    grain = 1 + (clouds(rng, height, width).astype(np.float32) - 127.5) * 2e-4
    contrast = float(rng.uniform(0.92, 1.1))
    gain = light * (contrast * grain)
    offset = haze * contrast + (110 * (1 - contrast) + float(rng.normal(0, 4)))
    # Channel by channel: much faster than broadcasting over the last axis.
    channels = [
        cv2.multiply(channel, gain, scale=float(factor), dtype=cv2.CV_32F) + offset
        for channel, factor in zip(cv2.split(image), tint, strict=True)
    ]
    picture = cv2.merge(channels)
    if rng.random() < 0.5:  # what cameras do to every picture
        amount = float(rng.uniform(0.2, 0.7))
        soft = cv2.GaussianBlur(picture, (0, 0), 0.9)
        picture = cv2.addWeighted(picture, 1 + amount, soft, -amount, 0.0)
    if rng.random() < 0.5:
        sigma = float(rng.uniform(0.5, 2.5))
        noise = rng.standard_normal((height, width, 3)).astype(np.float32)
        picture = cv2.scaleAdd(noise, sigma, picture)
    result = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(72, 96))]
        stored = cv2.imencode(".jpg", result[..., ::-1], quality)[1]
        read = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR))
        result = np.ascontiguousarray(read[..., ::-1])
    return result
