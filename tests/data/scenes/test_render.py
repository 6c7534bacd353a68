import numpy as np
import pytest

from blindsr.data.scenes.materials import FOCAL
from blindsr.data.scenes.render import render_scene
from blindsr.data.scenes.rooms import (
    BALL,
    BOX,
    CEILING,
    CYLINDER,
    FLOOR,
    SCENE_CLASSES,
    WALL,
    random_layout,
)
from blindsr.data.scenes.shapes import Ball, Box, Cylinder
from blindsr.errors import ConfigError

SIZE = (96, 128)


def layout_of(seed, index):
    return random_layout(np.random.default_rng([seed, index]))


def world_points(frame, layout):
    """Positions (3, H, W) of the pixels' centres, from depth alone."""
    height, width = frame.depth.shape
    y, x = np.mgrid[:height, :width] + 0.5
    focal = FOCAL * width
    rays = np.stack([(x - width / 2) / focal, (height / 2 - y) / focal, np.ones_like(x)])
    return layout.origin[:, None, None] + np.tensordot(layout.rotation, rays * frame.depth, 1)


def test_ranges_and_dtypes():
    for index in range(8):
        frame = render_scene(0, index, SIZE)
        assert (frame.rgb.shape, frame.rgb.dtype) == ((96, 128, 3), np.uint8)
        assert (frame.depth.shape, frame.depth.dtype) == (SIZE, np.float32)
        assert (frame.seg.shape, frame.seg.dtype) == (SIZE, np.uint8)
        assert np.isfinite(frame.depth).all()
        assert 0.3 < frame.depth.min() < frame.depth.max() < 12
        assert frame.seg.max() < len(SCENE_CLASSES)
        assert 25 < frame.rgb.mean() < 230
        assert frame.rgb.std() > 12


def test_same_seed_same_scene_and_every_index_another():
    first, again = render_scene(3, 5, SIZE), render_scene(3, 5, SIZE)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    others = [render_scene(3, 6, SIZE), render_scene(4, 5, SIZE)]
    assert all((other.rgb != first.rgb).mean() > 0.5 for other in others)


def test_scene_does_not_depend_on_size():
    small, large = render_scene(0, 2, (40, 50)), render_scene(0, 2, (120, 150))
    # the middle of three pixels is the centre of the one they divide
    np.testing.assert_allclose(small.depth, large.depth[1::3, 1::3], rtol=1e-4)
    np.testing.assert_array_equal(small.seg, large.seg[1::3, 1::3])


@pytest.mark.parametrize("index", range(6))
def test_depth_and_classes_are_exact(index):
    """Points computed from depth lie on surfaces of the class that the label names."""
    frame, layout = render_scene(1, index, SIZE), layout_of(1, index)
    points = world_points(frame, layout)
    assert np.abs(points[1][frame.seg == FLOOR]).max(initial=0) < 1e-3
    assert np.abs(points[1][frame.seg == CEILING] - layout.room.high[1]).max(initial=0) < 1e-3
    x, _, z = points[:, frame.seg == WALL]
    low, high = layout.room.low, layout.room.high
    to_wall = np.abs([x - low[0], x - high[0], z - low[2], z - high[2]]).min(axis=0)
    assert to_wall.max(initial=0) < 1e-3
    distances = {BALL: ball_distance, BOX: box_distance, CYLINDER: cylinder_distance}
    for label, distance in distances.items():
        shapes = [thing.shape for thing in layout.things if thing.class_index == label]
        there = points[:, frame.seg == label]
        if there.size:
            assert np.min([distance(s, there) for s in shapes], axis=0).max() < 2e-3


def ball_distance(shape, points):
    return np.abs(np.linalg.norm(points - shape.centre[:, None], axis=0) - shape.size)


def box_distance(shape, points):
    c, s = np.cos(shape.yaw), np.sin(shape.yaw)
    x, y, z = points - shape.centre[:, None]
    local = np.abs([c * x - s * z, y, s * x + c * z]) - shape.half[:, None]
    return np.abs(local.max(axis=0))


def cylinder_distance(shape, points):
    x, y, z = points - shape.centre[:, None]
    return np.abs(np.maximum(np.hypot(x, z) - shape.size, np.abs(y) - shape.half_height))


def test_all_classes_occur_and_none_is_everything():
    counts = np.zeros(len(SCENE_CLASSES))
    for index in range(30):
        counts += np.bincount(render_scene(0, index, (48, 64)).seg.ravel(), minlength=len(counts))
    share = counts / counts.sum()
    assert share.min() > 0.01
    assert share.max() < 0.6


@pytest.mark.parametrize(
    "shape",
    [
        Ball(np.array([0.1, 0.2, 3.0]), 0.5),
        Box(np.array([0.1, 0.2, 3.0]), np.array([0.4, 0.6, 0.3]), 0.7),
        Cylinder(np.array([0.1, 0.2, 3.0]), 0.3, 0.8),
    ],
)
def test_shapes(shape):
    """First hits lie on the surface, face the origin, stay in the corners; misses do miss."""
    rng = np.random.default_rng(0)
    directions = np.concatenate([rng.uniform(-0.5, 0.5, (2, 4000)), np.ones((1, 4000))])
    directions = directions.astype(np.float32)
    origin = np.array([0.0, 0.1, 0.0])
    t = shape.intersect(origin, directions)
    hit = np.isfinite(t)
    assert 0.05 < hit.mean() < 0.9
    points = (origin[:, None] + t[hit] * directions[:, hit]).astype(np.float32)
    measure = {Ball: ball_distance, Box: box_distance, Cylinder: cylinder_distance}[type(shape)]
    assert measure(shape, points).max() < 1e-4
    surface = shape.surface(points)
    np.testing.assert_allclose(np.linalg.norm(surface.normal, axis=0), 1, rtol=1e-3)
    assert (np.einsum("ij,ij->j", surface.normal, directions[:, hit]) < 1e-3).all()
    # march along the rays that miss: the solid is nowhere on them
    steps = np.linspace(1.5, 4.5, 400)
    missing = directions[:, ~hit][:, :200]
    along = origin[:, None, None] + steps[:, None] * missing[:, None]
    assert measure(shape, along.reshape(3, -1)).min() > 0
    inside = np.linalg.norm(along - shape.centre[:, None, None], axis=0) < 0.25
    assert not inside.any()
    low, high = shape.corners().min(axis=1), shape.corners().max(axis=1)
    assert (points.min(axis=1) > low - 1e-4).all()
    assert (points.max(axis=1) < high + 1e-4).all()


def test_bad_arguments():
    with pytest.raises(ConfigError, match="seed, index: -1, 0"):
        render_scene(-1, 0)
    with pytest.raises(ConfigError, match=r"size: \(0, 5\)"):
        render_scene(0, 0, (0, 5))


def test_rays_parallel_to_the_walls_hit_the_wall_ahead():
    from blindsr.data.scenes.shapes import Room

    room = Room(np.array([-1.0, -1.0, -1.0]), np.array([1.0, 1.0, 3.0]))
    rays = np.array([[0, 0, 1], [-1e-13, 0, 1], [0, -1e-13, 1], [0, 0, -1]], np.float32).T
    depth, face = room.intersect(np.zeros(3), rays)
    np.testing.assert_allclose(depth, [3, 3, 3, 1])
    assert face.tolist() == [5, 5, 5, 4]
