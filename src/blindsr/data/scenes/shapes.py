"""Shapes in the rendered rooms, and where rays from one point meet them.

World axes: x right, y up, z forwards, metres. Rays are ``origin + t * direction`` with one common
origin (3,) and directions (3, N) float32; a miss is ``t = inf``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

_TINY = np.float32(1e-12)  # added to a divisor: directions are never this small but zero
_SIGNS = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8)


class Surface(NamedTuple):
    """Points of a shape."""

    normal: np.ndarray
    """(3, N) unit length, outwards."""
    u: np.ndarray
    """(N,) metres along the surface, sideways."""
    v: np.ndarray
    """(N,) metres along the surface, upwards where the surface stands."""


class Shape(Protocol):
    """A solid with a bounding sphere."""

    centre: np.ndarray

    @property
    def radius(self) -> float:
        """Radius of the bounding sphere around ``centre``."""

    def corners(self) -> np.ndarray:
        """Return the corners (3, 8) of a cuboid around the shape."""

    def intersect(self, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Return t (N,) of the first hit in front of the origin, inf for a miss."""

    def surface(self, points: np.ndarray) -> Surface:
        """Return normals and surface coordinates of points (3, N) on the surface."""


@dataclass
class Ball:
    """Sphere."""

    centre: np.ndarray
    size: float

    @property
    def radius(self) -> float:
        """Radius of the bounding sphere."""
        return self.size

    def corners(self) -> np.ndarray:
        """Return the corners (3, 8) of the cube around it."""
        return self.centre[:, None] + self.size * _SIGNS

    def intersect(self, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Solve |o + t d - c| = r."""
        offset = (origin - self.centre).astype(np.float32)
        b = offset @ directions
        a = np.einsum("ij,ij->j", directions, directions)
        c = np.float32(offset @ offset - self.size**2)
        root = b * b - a * c
        t = (-b - np.sqrt(np.maximum(root, 0))) / a
        return np.where((root > 0) & (t > 0), t, np.float32(np.inf))

    def surface(self, points: np.ndarray) -> Surface:
        """Use longitude and latitude times the radius."""
        normal = (points - self.centre[:, None].astype(np.float32)) / np.float32(self.size)
        longitude = np.arctan2(normal[0], normal[2])
        latitude = np.arcsin(np.clip(normal[1], -1, 1))
        return Surface(normal, longitude * np.float32(self.size), latitude * np.float32(self.size))


@dataclass
class Box:
    """Cuboid standing upright, turned by ``yaw`` radians about the vertical."""

    centre: np.ndarray
    half: np.ndarray
    yaw: float = 0.0

    @property
    def radius(self) -> float:
        """Radius of the bounding sphere."""
        return float(np.linalg.norm(self.half))

    @property
    def _turn(self) -> np.ndarray:
        """(3, 3) world to local."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]], np.float32)

    def corners(self) -> np.ndarray:
        """Return its corners (3, 8)."""
        return self.centre[:, None] + self._turn.T @ (self.half[:, None] * _SIGNS)

    def intersect(self, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Intersect the three slabs."""
        local_origin = self._turn @ (origin - self.centre).astype(np.float32)
        local = self._turn @ directions
        inverse = 1 / (local + _TINY)
        middle = -local_origin[:, None] * inverse
        reach = np.abs(self.half[:, None].astype(np.float32) * inverse)
        near = _of_three(np.maximum, middle - reach)
        far = _of_three(np.minimum, middle + reach)
        return np.where((near < far) & (near > 0), near, np.float32(np.inf))

    def surface(self, points: np.ndarray) -> Surface:
        """Use the two axes of the face a point lies on."""
        half = self.half[:, None].astype(np.float32)
        local = self._turn @ (points - self.centre[:, None].astype(np.float32))
        # the face is where the point is nearest to the outside, in metres
        axis = (np.abs(local) - half).argmax(axis=0)
        normal = np.zeros_like(local)
        np.put_along_axis(normal, axis[None], np.sign(np.take_along_axis(local, axis[None], 0)), 0)
        u = np.where(axis == 0, local[2] + half[0], local[0])
        v = np.where(axis == 1, local[2] + half[1], local[1])
        return Surface(self._turn.T @ normal, u, v)


@dataclass
class Cylinder:
    """Upright cylinder with flat ends."""

    centre: np.ndarray
    size: float
    half_height: float

    @property
    def radius(self) -> float:
        """Radius of the bounding sphere."""
        return float(np.hypot(self.size, self.half_height))

    def corners(self) -> np.ndarray:
        """Return the corners (3, 8) of the cuboid around it."""
        half = np.array([self.size, self.half_height, self.size])
        return self.centre[:, None] + half[:, None] * _SIGNS

    def intersect(self, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Intersect the infinite tube with the slab between its ends."""
        x, y, z = (origin - self.centre).astype(np.float32)
        dx, dy, dz = directions
        a = dx * dx + dz * dz + _TINY
        b = x * dx + z * dz
        root = b * b - a * np.float32(x * x + z * z - self.size**2)
        width = np.sqrt(np.maximum(root, 0))
        inverse = 1 / (dy + _TINY)
        reach = np.abs(np.float32(self.half_height) * inverse)
        near = np.maximum((-b - width) / a, -y * inverse - reach)
        far = np.minimum((-b + width) / a, -y * inverse + reach)
        return np.where((root > 0) & (near < far) & (near > 0), near, np.float32(np.inf))

    def surface(self, points: np.ndarray) -> Surface:
        """Use angle times radius and height; x and z on the ends."""
        local = points - self.centre[:, None].astype(np.float32)
        distance = np.hypot(local[0], local[2])
        end = np.abs(local[1]) - self.half_height > distance - self.size
        side = np.where(end, np.float32(0), 1 / np.maximum(distance, _TINY))
        normal = np.stack([local[0] * side, np.where(end, np.sign(local[1]), 0), local[2] * side])
        angle = np.arctan2(local[0], local[2]) * np.float32(self.size)
        return Surface(
            normal.astype(np.float32),
            np.where(end, local[0], angle),
            np.where(end, local[2], local[1]),
        )


@dataclass
class Room:
    """The inside of a cuboid: every ray from inside hits it."""

    low: np.ndarray
    high: np.ndarray

    def intersect(
        self, origin: np.ndarray, directions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return t (N,) and the face (N,): 0 left, 1 right, 2 floor, 3 ceiling, 4 back, 5 front."""
        forwards = directions >= 0  # a ray parallel to two faces meets neither of them
        bounds = np.where(forwards, self.high[:, None], self.low[:, None]).astype(np.float32)
        steps = np.where(forwards, np.maximum(directions, _TINY), np.minimum(directions, -_TINY))
        times = (bounds - origin[:, None].astype(np.float32)) / steps
        axis = times.argmin(axis=0)
        along = np.take_along_axis(directions, axis[None], 0)[0]
        return _of_three(np.minimum, times), (2 * axis + (along > 0)).astype(np.int8)

    def surface(self, points: np.ndarray, face: int) -> Surface:
        """Return the inward normal of ``face`` and its two axes."""
        axis = face // 2
        normal = np.zeros_like(points)
        normal[axis] = 1 if face % 2 == 0 else -1
        u, v = ((2, 1), (0, 2), (0, 1))[axis]
        return Surface(normal, points[u], points[v])


def _of_three(choose: np.ufunc, values: np.ndarray) -> np.ndarray:
    """Reduce (3, N) to (N,); several times faster than a reduction along the short axis."""
    return choose(choose(values[0], values[1]), values[2])
