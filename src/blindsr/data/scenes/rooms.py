"""Random furnished rooms: places of things, materials, camera and lamp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsr.data.scenes import textures
from blindsr.data.scenes.materials import FOCAL, Material, MaterialMaker
from blindsr.data.scenes.shapes import Ball, Box, Cylinder, Room, Shape

_NAMES = "wall floor ceiling picture table box ball cylinder"
SCENE_CLASSES: tuple[str, ...] = tuple(_NAMES.split())
WALL, FLOOR, CEILING, PICTURE, TABLE, BOX, BALL, CYLINDER = range(len(SCENE_CLASSES))


@dataclass(frozen=True)
class Thing:
    """A shape with a material and a class."""

    shape: Shape
    material: Material
    class_index: int


@dataclass(frozen=True)
class SceneLayout:
    """A room with its things, camera and lamp."""

    origin: np.ndarray
    """(3,) position of the camera."""
    rotation: np.ndarray
    """(3, 3) camera axes (right, up, forwards) as columns."""
    room: Room
    faces: tuple[Material, ...]
    """Materials of the six faces of the room."""
    things: tuple[Thing, ...]
    lamp: np.ndarray
    """(3,) position of the light."""
    ambient: float


def random_layout(rng: np.random.Generator) -> SceneLayout:
    """Draw a room with a camera at its near end and three to nine things in view."""
    low = np.array([-rng.uniform(1.6, 3.4), 0.0, -0.6])
    high = np.array([rng.uniform(1.6, 3.4), rng.uniform(2.4, 3.1), rng.uniform(3.6, 8.0)])
    origin = np.array([rng.uniform(-0.7, 0.7), rng.uniform(1.05, 1.65), 0.0])
    rotation = _rotation(
        yaw=rng.uniform(-0.4, 0.4), pitch=rng.uniform(-0.22, 0.02), roll=rng.uniform(-0.04, 0.04)
    )
    builder = _Builder(rng, Room(low, high), origin, rotation)
    builder.furnish()
    lamp = np.array(
        [
            rng.uniform(low[0] * 0.7, high[0] * 0.7),
            high[1] - rng.uniform(0.15, 0.5),
            rng.uniform(0.0, high[2] * 0.6),
        ]
    )
    return SceneLayout(
        origin, rotation, builder.room, builder.faces(), tuple(builder.things), lamp,
        ambient=float(rng.uniform(0.3, 0.5)),
    )  # fmt: skip


def _rotation(*, yaw: float, pitch: float, roll: float) -> np.ndarray:
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    forwards = np.array([sy * cp, sp, cy * cp])
    right = np.array([cy, 0.0, -sy])
    up = np.cross(forwards, right)
    cr, sr = np.cos(roll), np.sin(roll)
    return np.stack([cr * right + sr * up, cr * up - sr * right, forwards], axis=1)


class _Builder:
    """Places things one after another; remembers the ground they take."""

    def __init__(
        self,
        rng: np.random.Generator,
        room: Room,
        origin: np.ndarray,
        rotation: np.ndarray,
    ) -> None:
        self.rng, self.room, self.origin, self.rotation = rng, room, origin, rotation
        self._make = MaterialMaker(rng)
        self.things: list[Thing] = []
        self._taken: list[tuple[float, float, float]] = []  # x, z, radius on the ground

    def furnish(self) -> None:
        """Fill the room: something near, a table, things on the floor, on the walls, hanging."""
        rng = self.rng
        if rng.random() < 0.75:
            self._foreground()
        for _ in range(int(rng.random() < 0.7) + int(rng.random() < 0.2)):
            self._table()
        for _ in range(rng.integers(3, 7)):
            self._on_floor()
        for _ in range(rng.integers(1, 5)):
            self._picture()
        for _ in range(rng.integers(0, 3)):
            self._hanging()

    def faces(self) -> tuple[Material, ...]:
        """Return materials of left, right, floor, ceiling, back and front."""
        distance = float(self.room.high[2])
        walls = [
            self._make(textures.WALLS, 0.6 * distance, value=0.85, saturation=0.2) for _ in range(2)
        ]
        side, front = walls[0], walls[int(self.rng.integers(2))]
        floor = self._make(textures.FLOORS, 0.5 * distance, value=0.6, saturation=0.4)
        ceiling = self._make(textures.CEILINGS, 0.8 * distance, value=0.92, saturation=0.06)
        return (side, side, floor, ceiling, side, front)

    def _free_spot(self, size: float, near: float, far: float) -> tuple[float, float] | None:
        """Return a place on the ground in view for a circle of radius ``size``, if one is found."""
        low, high, rng = self.room.low, self.room.high, self.rng
        forwards, right = self.rotation[:, 2], self.rotation[:, 0]
        for _ in range(12):
            depth = rng.uniform(near, max(far, near + 0.1))
            across = depth * rng.uniform(-0.55, 0.55) / FOCAL
            x, _, z = self.origin + depth * forwards + across * right
            if not (low[0] + size < x < high[0] - size and z < high[2] - size):
                continue
            if all(np.hypot(x - a, z - b) > size + r + 0.04 for a, b, r in self._taken):
                self._taken.append((float(x), float(z), size))
                return float(x), float(z)
        return None

    def _add(self, shape: Shape, material: Material, class_index: int) -> None:
        self.things.append(Thing(shape, material, class_index))

    def _foreground(self) -> None:
        """Something tall close to the camera: a pole, a column or a stack of boxes."""
        spot = self._free_spot(0.15, 0.8, 1.6)
        if spot is None:
            return
        x, z = spot
        kind = self.rng.integers(3)
        if kind == 0:
            self._column(x, z, float(self.rng.uniform(0.02, 0.09)), float(self.room.high[1]), 1.2)
        elif kind == 1:
            top = float(self.rng.uniform(0.7, 1.3))
            self._column(x, z, float(self.rng.uniform(0.03, 0.1)), top, 1.2)
            size = float(self.rng.uniform(0.09, 0.2))
            material = self._make(textures.BALLS, 1.2, turned=True)
            self._add(Ball(np.array([x, top + size, z]), size), material, BALL)
        else:
            base: float = 0.0
            for _ in range(self.rng.integers(2, 5)):
                half = self.rng.uniform((0.07, 0.11, 0.07), (0.15, 0.24, 0.15))
                base = self._box(x, z, base, half, 1.2)

    def _column(self, x: float, z: float, size: float, height: float, distance: float) -> None:
        shape = Cylinder(np.array([x, height / 2, z]), size, height / 2)
        self._add(shape, self._make(textures.CYLINDERS, distance, turned=True), CYLINDER)

    def _box(self, x: float, z: float, base: float, half: np.ndarray, distance: float) -> float:
        """Put a box on height ``base``; return its top."""
        yaw = float(self.rng.uniform(-0.7, 0.7))
        shape = Box(np.array([x, base + half[1], z]), half, yaw)
        self._add(shape, self._make(textures.BOXES, distance), BOX)
        return base + 2 * float(half[1])

    def _table(self) -> None:
        rng = self.rng
        spot = self._free_spot(0.7, 1.7, float(self.room.high[2]) - 0.8)
        if spot is None:
            return
        x, z = spot
        half = np.array([rng.uniform(0.4, 0.7), 0.025, rng.uniform(0.3, 0.45)])
        top, yaw, leg = float(rng.uniform(0.55, 0.85)), float(rng.uniform(-0.6, 0.6)), 0.03
        material = self._make(textures.FURNITURE, z, value=0.6, saturation=0.5)
        self._add(Box(np.array([x, top - 0.025, z]), half, yaw), material, TABLE)
        c, s = np.cos(yaw), np.sin(yaw)

        def place(u: float, w: float) -> tuple[float, float]:
            """Return world x and z of a point of the table top."""
            return x + c * u + s * w, z - s * u + c * w

        post = np.array([leg, top / 2 - 0.025, leg])
        for u in (-1.0, 1.0):
            for w in (-1.0, 1.0):
                px, pz = place(u * (half[0] - 0.06), w * (half[2] - 0.06))
                self._add(Box(np.array([px, post[1], pz]), post, yaw), material, TABLE)
        for u in (-0.6, 0.0, 0.6):
            if rng.random() < 0.7:
                self._small(*place(u * half[0], rng.uniform(-0.4, 0.4) * half[2]), top)

    def _small(self, x: float, z: float, base: float) -> None:
        """Put a small thing on height ``base``."""
        size = float(self.rng.uniform(0.07, 0.15))
        kind = self.rng.integers(3)
        if kind == 0:
            material = self._make(textures.BALLS, z, turned=True)
            self._add(Ball(np.array([x, base + size, z]), size), material, BALL)
        elif kind == 1:
            self._box(x, z, base, size * self.rng.uniform(0.6, 1.4, 3), z)
        else:
            height = size * float(self.rng.uniform(0.8, 1.8))
            shape = Cylinder(np.array([x, base + height, z]), 0.7 * size, height)
            self._add(shape, self._make(textures.CYLINDERS, z), CYLINDER)

    def _on_floor(self) -> None:
        rng, far = self.rng, float(self.room.high[2])
        size = float(rng.uniform(0.15, 0.42))
        spot = self._free_spot(size * 1.3, 1.6, far - 0.4)
        if spot is None:
            return
        x, z = spot
        kind = rng.random()
        if kind < 0.3:
            material = self._make(textures.BALLS, z, turned=True)
            self._add(Ball(np.array([x, size, z]), size), material, BALL)
        elif kind < 0.72:
            half = size * np.array(
                [rng.uniform(0.6, 1), rng.uniform(0.6, 2.8), rng.uniform(0.5, 1)]
            )
            top = self._box(x, z, 0.0, np.minimum(half, 1.1), z)
            if rng.random() < 0.5 and top < 1.3:
                self._small(x, z, top)
        elif kind < 0.9:
            height = size * float(rng.uniform(1.2, 4))
            self._column(x, z, size * 0.7, min(height, 2.2), z)
        else:
            self._column(x, z, float(rng.uniform(0.02, 0.05)), float(self.room.high[1]), z)

    def _picture(self) -> None:
        """Hang a framed picture on a side or the front wall."""
        rng, low, high = self.rng, self.room.low, self.room.high
        half = np.array([rng.uniform(0.2, 0.65), rng.uniform(0.2, 0.45), 0.02])
        y = float(rng.uniform(1.2, 1.8))
        wall = rng.integers(4)  # the front wall is seen most
        if wall == 0 or wall == 1:
            x = float(low[0] if wall == 0 else high[0])
            centre, yaw = np.array([x, y, rng.uniform(1.0, high[2] - 0.8)]), np.pi / 2
        else:
            centre = np.array([rng.uniform(low[0] + 0.7, high[0] - 0.7), y, high[2]])
            yaw = 0.0
        for thing in self.things:  # two pictures in one place would overlap
            if thing.class_index == PICTURE and np.linalg.norm(thing.shape.centre - centre) < 1.2:
                return
        distance = float(centre[2])
        frame = self._make((textures.plain, textures.wood), distance, value=0.4)
        canvas = self._make(textures.PICTURES, distance, value=0.9, saturation=0.5)
        if canvas.pattern is textures.landscape:
            canvas = Material(canvas.pattern, float(half[1]) / 1.5, canvas.dark, canvas.light)
        self._add(Box(centre, half + np.array([0.035, 0.035, -0.008]), yaw), frame, PICTURE)
        self._add(Box(centre, half, yaw), canvas, PICTURE)

    def _hanging(self) -> None:
        """Hang a ball or a can from the ceiling."""
        spot = self._free_spot(0.2, 1.5, float(self.room.high[2]) - 0.5)
        if spot is None:
            return
        x, z = spot
        self._taken.pop()  # the ground below stays free
        size, top = float(self.rng.uniform(0.1, 0.22)), float(self.room.high[1])
        y = top - float(self.rng.uniform(0.35, 0.8))
        cord = Cylinder(np.array([x, (y + top) / 2, z]), 0.012, (top - y) / 2)
        self._add(cord, self._make((textures.plain,), z, value=0.3), CYLINDER)
        if self.rng.random() < 0.6:
            material = self._make(textures.BALLS, z, turned=True)
            self._add(Ball(np.array([x, y, z]), size), material, BALL)
        else:
            shape = Cylinder(np.array([x, y, z]), size, size * 0.7)
            self._add(shape, self._make(textures.CYLINDERS, z), CYLINDER)
