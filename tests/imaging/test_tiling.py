from itertools import pairwise

import numpy as np
import pytest
import torch

from blindsr.errors import ConfigError
from blindsr.imaging.tiling import RollingRows, blend, fade, split

SIZES = [(1, 1), (16, 16), (48, 80), (49, 81), (200, 300), (97, 1000), (1000, 33)]
GRIDS = [(None, 32, (1, 1)), ((16, 16), 16, (1, 1)), ((40, 64), 32, (6, 8)), ((5, 5), 0, (1, 1))]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("step", "overlap", "multiple"), GRIDS)
def test_tiles_cover_the_picture_and_each_pixel_has_one_owner(size, step, overlap, multiple):
    grid = split(size, step, overlap=overlap, multiple=multiple)
    owners, seen = np.zeros(size, int), np.zeros(size, int)
    for rows, columns in grid:
        owners[rows.first : rows.last, columns.first : columns.last] += 1
        seen[rows.start : rows.stop, columns.start : columns.stop] += 1
        for axis, span in enumerate((rows, columns)):
            assert span.start % multiple[axis] == 0
            assert span.start <= span.first < span.last <= span.stop <= size[axis]
    assert np.all(owners == 1)
    assert seen.min() >= 1
    assert seen.max() <= 4  # only neighbours overlap
    assert len(grid) == len(list(grid))
    for spans in (grid.rows, grid.columns):
        for one, two in pairwise(spans):
            assert one.stop - two.start == overlap


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("step", "overlap", "multiple"), GRIDS)
def test_weights_sum_to_one(size, step, overlap, multiple, scale):
    grid = split(size, step, overlap=overlap, multiple=multiple)
    for axis, spans in enumerate((grid.rows, grid.columns)):
        total = np.zeros(scale * size[axis])
        for span in spans:
            weights = fade(span, size[axis], grid.ramp, scale)
            assert weights.min() >= 0
            total[scale * span.start : scale * span.stop] += weights.numpy()
            margin = scale * overlap // 4  # context alone: no weight at all
            if span.start:
                assert not weights[:margin].any()
            if span.stop < size[axis]:
                assert not weights[len(weights) - margin :].any()
        np.testing.assert_allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [1, 3])
def test_strips_of_the_same_picture_give_the_picture(size, scale):
    random = np.random.default_rng(0)
    hr = tuple(scale * side for side in size)
    picture = {
        "colour": torch.from_numpy(random.random((*hr, 3), dtype=np.float32)),
        "classes": torch.from_numpy(random.integers(0, 40, (*hr, 1), dtype=np.uint8)),
    }
    grid = split(size, (20, 24), overlap=16, multiple=(5, 6))

    def compute(tile):
        rows, columns = (slice(scale * span.start, scale * span.stop) for span in tile)
        return {name: plane[rows, columns] for name, plane in picture.items()}

    next_row, parts = 0, []
    for top, planes in blend(grid, scale, compute, owned=("classes",)):
        assert top == next_row
        next_row += len(planes["colour"])
        assert len(planes["colour"]) <= scale * (max(20, 16) + 16 + 16)
        parts.append(planes)
    found = {name: torch.cat([planes[name] for planes in parts]) for name in picture}
    torch.testing.assert_close(found["colour"], picture["colour"], atol=1e-6, rtol=0)
    assert torch.equal(found["classes"], picture["classes"])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_the_name_says_that_pixels_come_from_the_owner(dtype):
    grid = split((16, 100), (16, 40), overlap=16)

    def compute(tile):
        start, stop = tile.columns.start, tile.columns.stop
        return {"seg": torch.full((16, stop - start, 1), start, dtype=dtype)}

    _, planes = next(blend(grid, 1, compute, owned=("seg",)))
    for span in grid.columns:
        assert torch.all(planes["seg"][:, span.first : span.last] == span.start)


def test_a_picture_begun_in_inference_mode_is_finished_outside():
    grid = split((64, 64), (16, 16), overlap=16)
    strips = blend(grid, 1, lambda tile: {"x": torch.ones(tile.rows.stop - tile.rows.start, 32, 1)})
    with torch.inference_mode():
        next(strips)
    assert all(planes["x"].isfinite().all() for _, planes in strips)


def test_rolling_rows_hold_only_what_is_needed():
    picture = torch.arange(100)[:, None, None] * torch.ones(1, 2, 1)
    pulled = []

    def strips():
        for top in range(0, 100, 10):
            pulled.append(top)
            yield top, {"x": picture[top : top + 10]}

    rows = RollingRows(strips())
    assert not pulled
    for start, stop in ((0, 25), (20, 45), (40, 41), (70, 100)):
        assert torch.equal(rows.rows(start, stop)["x"], picture[start:stop])
        assert pulled[-1] < stop
        assert all(end > start for _, end, _ in rows._held)


def test_impossible_tiles_are_refused():
    for arguments in (((0, 5), (4, 4)), ((5, 5), (0, 4))):
        with pytest.raises(ConfigError, match="at least 1"):
            split(*arguments)
    with pytest.raises(ConfigError, match="a multiple of 4"):
        split((5, 5), (4, 4), overlap=3)
