"""Scenes with number plates, composed without end: a picture, and each plate's corners.

    scenes = Scenes(backgrounds, fonts, seed=0)
    picture, facts = scenes.draw(rng)

Plates of the package's layouts, in other fonts too, on drawn vehicles or loose, under
strong perspective, on photos or drawn grounds, among look-alikes; sharp and in the
light of the scene alone. `degrade` makes photos of them. numpy and OpenCV alone.
"""

from __future__ import annotations

import functools
import types
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import things
from draw import Fonts, random_plate, some_plate

from deblurgan_tf.data.plates import glyphs, layouts
from deblurgan_tf.data.plates.drawing import draw_plate
from deblurgan_tf.data.plates.scenes import background, holder

SIZE = 480  # of a scene, pixels a side
MOST = 10  # plates in a scene
# Of each plate: x, y of its corners clockwise from the text's top left, whether it is
# one to be found (1), one that does not count (2, cut or hidden) or none (0), lines.
FIELDS = 10
FACTS = 1 + MOST * FIELDS  # of a scene: whether it is ready, its plates


class Flat(NamedTuple):
    """A plate drawn flat, in smaller and smaller copies: pictures and their masks.

    corners: (4, 2) of the plate itself in the largest copy, without its holder.
    """

    copies: list[tuple[np.ndarray, np.ndarray]]
    corners: np.ndarray
    lines: int

    @property
    def aspect(self) -> float:
        width, height = self.corners[2] - self.corners[0]
        return float(width / height)


def turned(
    rng: np.random.Generator, points: np.ndarray, depth: float, steep: bool
) -> np.ndarray:
    """Points (n, 2) of a plane, turned in space and seen in perspective.

    depth: how far one unit of the plane is from the camera, at most .3 of the distance.
    """
    yaw = rng.uniform(-60, 60) if steep else np.clip(rng.normal(0, 22), -60, 60)
    pitch = np.clip(rng.normal(4, 12), -35, 40)
    roll = rng.normal(0, 5) if rng.random() < 0.85 else rng.uniform(-30, 30)
    yaw, pitch, roll = np.deg2rad([yaw, pitch, roll])
    about_y = np.array(
        [(np.cos(yaw), 0, np.sin(yaw)), (0, 1, 0), (-np.sin(yaw), 0, np.cos(yaw))]
    )
    about_x = np.array(
        [
            (1, 0, 0),
            (0, np.cos(pitch), -np.sin(pitch)),
            (0, np.sin(pitch), np.cos(pitch)),
        ]
    )
    about_z = np.array(
        [(np.cos(roll), -np.sin(roll), 0), (np.sin(roll), np.cos(roll), 0), (0, 0, 1)]
    )
    space = np.c_[points, np.zeros(len(points))] @ (about_z @ about_x @ about_y).T
    return space[:, :2] / (1.0 + depth * space[:, 2:])


def widest_side(quad: np.ndarray) -> float:
    """The longer of the upper and the lower side, pixels."""
    return float(
        max(np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[2] - quad[3]))
    )


def blend(
    scene: np.ndarray, picture: np.ndarray, mask: np.ndarray, to_scene: np.ndarray
) -> None:
    """Lays a flat picture on the scene, where its mask is, in place.

    to_scene: from points of the picture to points of the scene, both in pixels from the
    top left corner of the top left pixel.
    """
    height, width = picture.shape[:2]
    outline = np.array([[(0, 0), (width, 0), (width, height), (0, height)]], np.float64)
    quad = cv2.perspectiveTransform(outline, to_scene)[0]
    low = np.clip(np.floor(quad.min(axis=0)) - 1, 0, SIZE).astype(int)
    high = np.clip(np.ceil(quad.max(axis=0)) + 1, 0, SIZE).astype(int)
    if (high - low < 2).any():
        return
    # OpenCV counts from the middle of the top left pixel, corners from its corner.
    before = np.array([(1, 0, 0.5), (0, 1, 0.5), (0, 0, 1)], np.float64)
    after = np.array(
        [(1, 0, -low[0] - 0.5), (0, 1, -low[1] - 0.5), (0, 0, 1)], np.float64
    )
    way = after @ to_scene @ before
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    cover = cv2.warpPerspective(mask, way, size)
    warped = cv2.warpPerspective(picture, way, size, borderMode=cv2.BORDER_REPLICATE)
    part = scene[low[1] : high[1], low[0] : high[0]]
    cover = cv2.merge([cover] * 3)
    kept = cv2.multiply(part, cv2.bitwise_not(cover), scale=1 / 255)
    part[:] = cv2.add(kept, cv2.multiply(warped, cover, scale=1 / 255))


class Scenes:
    """Draws scenes; keeps photos and a stock of flat plates, renewed one by one."""

    def __init__(self, backgrounds: Path, fonts: Path, stock: int = 120) -> None:
        self.photos = [
            cv2.cvtColor(cv2.imread(str(p)), cv2.COLOR_BGR2RGB)
            for p in sorted(backgrounds.glob("*.jpg"))
        ]
        if not self.photos:
            raise SystemExit(f"{backgrounds}: no photos there; see pack.py")
        self.fonts = Fonts(fonts)
        # A face is opened once, not for each sign.
        face = functools.lru_cache(1500)(glyphs.ImageFont.truetype)
        glyphs.ImageFont = types.SimpleNamespace(truetype=face)
        things.print_words.__globals__["words"] = functools.lru_cache(4000)(
            glyphs.words.__wrapped__
        )
        self.stock: list[Flat] = []
        self.most = stock

    # Plates

    def flat(self, rng: np.random.Generator) -> Flat:
        """A plate from the stock, or a new one, which then replaces an old one."""
        if len(self.stock) >= self.most and rng.random() < 0.7:
            return self.stock[int(rng.integers(len(self.stock)))]
        made = self._drawn(rng)
        if len(self.stock) < self.most:
            self.stock.append(made)
        else:
            self.stock[int(rng.integers(len(self.stock)))] = made
        return made

    def _drawn(self, rng: np.random.Generator) -> Flat:
        if rng.random() < 0.3:  # Vietnam's, most of them with two lines
            kinds = ["vietnam_motorbike"] * 4 + ["vietnam_car_two_line"] * 2
            kinds += ["vietnam_car", "vietnam_military_two_line"]
            plate = layouts.LAYOUTS[kinds[int(rng.integers(len(kinds)))]].make(rng)
        elif rng.random() < 0.75:
            plate = some_plate(rng, self.fonts)
        else:
            plate = random_plate(rng, self.fonts)
        height = 150 if len(plate.rows) == 2 or plate.aspect < 2.5 else 96
        width = round(height * plate.aspect)
        flat, _, outline = draw_plate(plate, height, width, rng)
        left = top = 0
        if rng.random() < 0.35:
            cut = 0.06 if plate.state is not None else 0.0
            flat, outline, (left, top) = holder(flat, outline, cut, rng)
        self._spoil(rng, flat)
        corners = np.array(
            [(0, 0), (width, 0), (width, height), (0, height)], np.float64
        )
        copies = [(flat, outline)]
        while copies[-1][1].shape[0] > 16:
            smaller = tuple(
                cv2.resize(c, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
                for c in copies[-1]
            )
            copies.append(smaller)
        return Flat(copies, corners + np.array([left, top]), len(plate.rows))

    def _spoil(self, rng: np.random.Generator, flat: np.ndarray) -> None:
        """Dirt, shadows, bolts' rust and reflections on a flat plate, in place."""
        height, width = flat.shape[:2]
        if rng.random() < 0.3:  # shaded evenly, or from one side to the other
            ramp = np.linspace(*rng.uniform(0.45, 1.15, 2), width).astype(np.float32)
            flat[:] = np.clip(flat * ramp[None, :, None], 0, 255).astype(np.uint8)
        if rng.random() < 0.2:  # the edge of a shadow
            a = rng.uniform(0, width, 2)
            points = np.array([(a[0], 0), (width, 0), (width, height), (a[1], height)])
            if rng.random() < 0.5:
                b = rng.uniform(0, height, 2)
                points = np.array([(0, 0), (width, 0), (width, b[0]), (0, b[1])])
            mask = np.zeros((height, width), np.uint8)
            cv2.fillPoly(mask, [points.astype(np.int32)], 255)
            share = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.6, 8)))
            gain = 1 - share[..., None] / 255.0 * float(rng.uniform(0.3, 0.75))
            flat[:] = (flat * gain).astype(np.uint8)
        if rng.random() < 0.2:  # mud
            grid = rng.random((4, 8)).astype(np.float32)
            mud = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
            low = np.linspace(-0.2, 0.3, height, dtype=np.float32)[:, None]
            share = np.clip((mud + low - rng.uniform(0.5, 0.9)) * 3, 0, 0.85)[..., None]
            brown = np.array([110, 90, 65]) * rng.uniform(0.5, 1.4)
            flat[:] = (flat * (1 - share) + brown * share).astype(np.uint8)

    def lay(
        self,
        rng: np.random.Generator,
        scene: np.ndarray,
        plate: Flat,
        quad: np.ndarray,
        hidden: bool = True,
    ) -> None:
        """The plate with its corners at quad (4, 2), in the scene, in place."""
        source = plate.corners.astype(np.float32)
        wide = widest_side(quad)
        own = float(source[1, 0] - source[0, 0])
        level = int(
            np.clip(np.floor(np.log2(own / max(wide, 1.0))), 0, len(plate.copies) - 1)
        )
        picture, mask = plate.copies[level]
        # A copy's size is rounded: its corners are where its own pixels say.
        scale = np.array(picture.shape[1::-1]) / np.array(
            plate.copies[0][0].shape[1::-1]
        )
        to_scene = cv2.getPerspectiveTransform(
            (source * scale).astype(np.float32), quad.astype(np.float32)
        )
        kind = rng.random()  # some in the light of lamps, or overexposed
        if kind < 0.64:
            low, high = (0.55, 1.2) if kind < 0.5 else (1.4, 2.8)
            low, high = (0.25, 0.55) if kind > 0.59 else (low, high)
            gain = float(rng.uniform(low, high))
            picture = cv2.convertScaleAbs(picture, alpha=gain)
        blend(scene, picture, mask, to_scene)
        if hidden and rng.random() < 0.12:  # a bar, a cable, a tow ball before it
            middle = quad.mean(axis=0)
            shade = things.tone(rng, 5, 200)
            thick = max(1, round(wide * float(rng.uniform(0.02, 0.12))))
            if rng.random() < 0.5:
                offset = rng.normal(0, wide * 0.3, (2, 2)) + np.array(
                    [(-wide, 0), (wide, 0)]
                )
                if rng.random() < 0.6:
                    offset = offset[:, ::-1]
                a, b = (middle + offset).astype(int)
                cv2.line(scene, tuple(map(int, a)), tuple(map(int, b)), shade, thick)
            else:
                edge = quad[int(rng.integers(4))] * 0.8 + middle * 0.2
                place = tuple(map(int, edge))
                cv2.circle(scene, place, max(2, round(wide * 0.1)), shade, -1)

    # Grounds

    def ground(self, rng: np.random.Generator) -> np.ndarray:
        """A scene without plates: a photo, a vehicle's paint, a page or shades."""
        kind = rng.random()
        if kind < 0.78:
            photo = self.photos[int(rng.integers(len(self.photos)))]
            height, width = photo.shape[:2]
            side = int(
                np.clip(SIZE * np.exp(rng.uniform(-0.8, 0.7)), 100, min(height, width))
            )
            y = int(rng.integers(height - side + 1))
            x = int(rng.integers(width - side + 1))
            part = photo[y : y + side, x : x + side]
            way = cv2.INTER_AREA if side > SIZE else cv2.INTER_CUBIC
            scene = cv2.resize(part, (SIZE, SIZE), interpolation=way)
            if rng.random() < 0.5:
                scene = scene[:, ::-1]
            if rng.random() < 0.15:
                scene = scene[..., rng.permutation(3)]
            if rng.random() < 0.3:
                grey = cv2.cvtColor(np.ascontiguousarray(scene), cv2.COLOR_RGB2GRAY)
                scene = cv2.merge([grey] * 3)
            return np.ascontiguousarray(scene)
        if kind < 0.9:
            return background(rng, SIZE, SIZE)
        if kind < 0.94:
            return things.page(rng, SIZE, SIZE)
        corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
        scene = cv2.resize(corners, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        noise = rng.integers(0, 40, (SIZE // 2, SIZE // 2), dtype=np.uint8)
        noise = cv2.resize(noise, (SIZE, SIZE))
        return cv2.add(scene, cv2.merge([noise] * 3))

    # Scenes

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A scene (SIZE, SIZE, 3) uint8 RGB, and its facts (FACTS,) float32."""
        scene = self.ground(rng)
        quads: list[np.ndarray] = []
        states: list[float] = []
        lines: list[int] = []
        lamps: list[tuple[np.ndarray, float]] = []
        for _ in range(int(rng.integers(0, 6))):
            self._look_alike(rng, scene, lamps)
        # One scale for the scene; things differ from it by a factor of two.
        usual = np.exp(rng.uniform(np.log(26), np.log(330)))
        room = int(np.clip(1.5 * SIZE / usual, 1, MOST))
        count = 0 if rng.random() < 0.2 else int(rng.integers(1, room + 1))
        row = rng.random() < 0.3  # parked side by side
        for number in range(count):
            wide = float(np.clip(usual * np.exp(rng.normal(0, 0.3)), 20, 400))
            place = rng.uniform(0.05, 0.95, 2) * SIZE
            if row:
                place = (
                    np.array([(number + 0.5) / count, rng.normal(0.55, 0.06)]) * SIZE
                )
            made = self._vehicle if rng.random() < 0.62 else self._loose
            quad, plate, cover = made(rng, scene, wide, place, lamps)
            if plate is None:
                continue
            # What it covers of earlier plates is hidden; one upon another counts not.
            for k, earlier in enumerate(quads):
                shared = _overlap(cover, earlier)
                if shared > 0.3 and states[k]:
                    states[k] = 2.0 if shared < 0.8 else 0.0
            self.lay(rng, scene, plate, quad)
            inside = _overlap(
                np.array([(0, 0), (SIZE, 0), (SIZE, SIZE), (0, SIZE)], np.float32), quad
            )
            if inside > 0.02:
                quads.append(quad)
                states.append(1.0 if inside > 0.85 else 2.0)
                lines.append(plate.lines)
        for _ in range(int(rng.integers(0, 3))):
            self._look_alike(rng, scene, lamps, quads)
        if rng.random() < 0.18:
            self._night(rng, scene, quads)
            _switch_on(rng, scene, lamps)
        elif rng.random() < 0.15:
            _switch_on(rng, scene, lamps)
        facts = np.zeros(FACTS, np.float32)
        table = facts[1:].reshape(MOST, FIELDS)
        for k in range(min(MOST, len(quads))):
            table[k, :8] = quads[k].reshape(8)
            table[k, 8], table[k, 9] = states[k], lines[k]
        return scene, facts

    def _loose(
        self,
        rng: np.random.Generator,
        scene: np.ndarray,
        wide: float,
        place: np.ndarray,
        lamps: list,
    ) -> tuple[np.ndarray, Flat | None, np.ndarray]:
        plate = self.flat(rng)
        quad = _rectangle(plate.aspect * float(rng.uniform(0.92, 1.06)))
        quad = turned(rng, quad, float(rng.uniform(0, 0.3)), rng.random() < 0.3)
        quad = quad * wide / widest_side(quad)
        quad = quad - quad.mean(axis=0) + place
        if rng.random() < 0.5:  # a ground of its own
            around = (quad - place) * rng.uniform(1.05, 1.6) + place
            around = around + rng.normal(0, 0.03 * wide, (4, 2))
            shade = (
                things.colour(rng) if rng.random() < 0.4 else things.tone(rng, 5, 255)
            )
            cv2.fillPoly(scene, [np.round(around).astype(np.int32)], shade, cv2.LINE_AA)
        return quad.astype(np.float32), plate, quad.astype(np.float32)

    def _vehicle(
        self,
        rng: np.random.Generator,
        scene: np.ndarray,
        wide: float,
        place: np.ndarray,
        lamps: list,
    ) -> tuple[np.ndarray, Flat | None, np.ndarray]:
        thing = things.motorbike(rng) if rng.random() < 0.5 else things.car(rng)
        plate = self.flat(rng)
        for _ in range(6):
            if (plate.lines == 2) == thing.tall:
                break
            plate = self.flat(rng)
        x, y, slot = thing.slot
        if plate.aspect < 2.5 and not thing.tall:
            slot *= 0.62
        if plate.aspect > 2.5 and thing.tall:
            slot *= 1.3
        height, width = thing.mask.shape
        frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
        points = np.vstack([_rectangle(plate.aspect), (frame - (x, y)) / slot])
        steep = rng.random() < 0.3
        points = turned(rng, points, float(rng.uniform(0, 0.16)), steep)
        points = points * wide / widest_side(points[:4])
        points = points - points[:4].mean(axis=0) + place
        to_scene = cv2.getPerspectiveTransform(
            frame.astype(np.float32), points[4:].astype(np.float32)
        )
        bottom = points[4:].max(axis=0)
        if rng.random() < 0.6:  # its shadow on the ground
            at = (int(points[4:, 0].mean()), int(bottom[1]) - 2)
            across = max(2, int(np.ptp(points[4:, 0]) * 0.55))
            cv2.ellipse(
                scene, at, (across, max(2, across // 6)), 0, 0, 360, (18,) * 3, -1
            )
        gain = float(rng.uniform(0.5, 1.25))
        blend(
            scene, cv2.convertScaleAbs(thing.picture, alpha=gain), thing.mask, to_scene
        )
        scale = wide / slot
        for lx, ly, radius in thing.lamps:
            spot = cv2.perspectiveTransform(
                np.array([[(lx, ly)]], np.float64), to_scene
            )
            lamps.append((spot[0, 0], radius * scale))
        return points[:4].astype(np.float32), plate, points[4:].astype(np.float32)

    def _look_alike(
        self,
        rng: np.random.Generator,
        scene: np.ndarray,
        lamps: list,
        spare: list[np.ndarray] | None = None,
    ) -> None:
        if rng.random() < 0.15:  # a vehicle without a plate
            wide = float(np.exp(rng.uniform(np.log(20), np.log(160))))
            place = rng.uniform(0, SIZE, 2)
            if not spare:
                self._vehicle(rng, scene, wide, place, lamps)
            return
        picture, mask = things.look_alike(rng)
        height, width = mask.shape
        frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
        quad = turned(rng, (frame / width - 0.5), float(rng.uniform(0, 0.3)), False)
        wide = float(np.exp(rng.uniform(np.log(24), np.log(420))))
        quad = quad * wide / widest_side(quad)
        quad = (quad - quad.mean(axis=0) + rng.uniform(0, SIZE, 2)).astype(np.float32)
        if spare and any(_overlap(quad, other) > 0.0 for other in spare):
            return
        to_scene = cv2.getPerspectiveTransform(frame.astype(np.float32), quad)
        if wide < 0.5 * width:
            picture, mask = (
                cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
                for p in (picture, mask)
            )
            size = picture.shape[1::-1]
            frame = np.array([(0, 0), (size[0], 0), size, (0, size[1])], np.float32)
            to_scene = cv2.getPerspectiveTransform(frame, quad)
        blend(scene, picture, mask, to_scene)

    def _night(
        self,
        rng: np.random.Generator,
        scene: np.ndarray,
        quads: list[np.ndarray],
    ) -> None:
        """The scene in the dark, its plates lit, in place."""
        rows, columns = np.mgrid[0:SIZE:4, 0:SIZE:4].astype(np.float32)
        light = np.full(rows.shape, float(rng.uniform(0.06, 0.4)), np.float32)
        flash = rng.random() < 0.6
        for quad in quads:
            middle, wide = quad.mean(axis=0), widest_side(quad)
            reach = wide * float(rng.uniform(0.5, 0.9))
            far = ((columns - middle[0]) / reach) ** 2 + (
                (rows - middle[1]) / reach
            ) ** 2
            if flash:
                light += float(rng.uniform(0.3, 0.9)) * np.exp(-(far**1.5))
        light = cv2.resize(light, (SIZE, SIZE))[..., None]
        scene[:] = (scene * light).astype(np.uint8)


def _switch_on(
    rng: np.random.Generator, scene: np.ndarray, lamps: list[tuple[np.ndarray, float]]
) -> None:
    """Lamps shine, and the lens scatters their light; in the scene, in place."""
    glow = np.zeros((SIZE // 4, SIZE // 4, 3), np.float32)
    # Red, white, and red as a camera without an infrared filter sees it.
    shades = ((255.0, 40.0, 30.0), (255.0, 230.0, 190.0), (255.0, 190.0, 255.0))
    shade = shades[int(rng.integers(3))]
    for place, radius in lamps:
        if rng.random() < 0.75:
            at = tuple(int(v / 4) for v in place)
            cv2.circle(glow, at, max(1, int(radius / 4)), shade, -1)
    spread = float(rng.uniform(1, 12))
    glow = glow + cv2.GaussianBlur(glow, (0, 0), spread) * float(rng.uniform(1, 4))
    scene[:] = np.clip(scene + cv2.resize(glow, (SIZE, SIZE)), 0, 255).astype(np.uint8)


def _rectangle(aspect: float) -> np.ndarray:
    """Corners (4, 2) of a plate one unit wide around the origin."""
    h = 0.5 / aspect
    return np.array([(-0.5, -h), (0.5, -h), (0.5, h), (-0.5, h)])


def _overlap(cover: np.ndarray, quad: np.ndarray) -> float:
    """The part of a convex quadrilateral that lies in another one."""
    area = cv2.contourArea(quad.astype(np.float32))
    if area < 1.0:
        return 1.0
    shared, _ = cv2.intersectConvexConvex(
        cover.astype(np.float32), quad.astype(np.float32)
    )
    return float(shared / area)
