import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blindsr.imaging.tiling import Span, Tile
from blindsr.inference.tiles.cover import SMALLEST, by_pixel, parts_of, run_parts

TOP, LEFT = 40, 300


def tile(height, width):
    return Tile(
        Span(TOP, TOP + height, TOP + 3, TOP + height),
        Span(LEFT, LEFT + width, LEFT, LEFT + width - 5),
    )


@st.composite
def masks(draw):
    height, width = draw(st.integers(1, 150)), draw(st.integers(1, 150))
    used = np.zeros((height, width), bool)
    for _ in range(draw(st.integers(0, 4))):
        row, column = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        side = draw(st.integers(1, 60))
        used[row : row + side, column : column + side] = True
    return used


@given(masks(), st.integers(0, 30))
def test_what_is_used_has_one_owner_that_sees_around_it(used, context):
    whole = tile(*used.shape)
    parts = parts_of(whole, used, context)
    if parts == [whole]:
        return
    owners = np.zeros(used.shape, int)
    seen_in_all = 0
    for part in parts:
        inside = []
        for span, axis in zip(part, whole, strict=True):
            assert span.start == max(axis.start, span.first - context)
            assert span.stop == min(axis.stop, span.last + context)
            inside.append(slice(span.first - axis.start, span.last - axis.start))
        owners[tuple(inside)] += 1
        seen_in_all += np.prod([span.stop - span.start for span in part])
    assert owners.max(initial=0) <= 1
    assert (owners[used] == 1).all()
    assert seen_in_all < used.size


def test_nothing_used_is_nothing_to_compute():
    whole = tile(70, 90)
    assert parts_of(whole, np.zeros((70, 90), bool), 8) == []
    assert not run_parts(whole, [], 2, pytest.fail).any()


def test_all_used_is_the_tile_itself():
    whole = tile(200, 200)
    assert parts_of(whole, np.ones((200, 200), bool), 8) == [whole]


def test_two_corners_are_two_parts():
    used = np.zeros((400, 400), bool)
    used[:20, :20] = used[-20:, -20:] = True
    parts = parts_of(tile(400, 400), used, 10)
    assert len(parts) == 2
    assert sum((p.rows.stop - p.rows.start) * (p.columns.stop - p.columns.start) for p in parts) < (
        2 * (SMALLEST + 20) ** 2
    )


def test_results_of_parts_lie_where_they_belong():
    used = np.zeros((120, 150), bool)
    used[5:25, 90:140] = used[100:, :10] = True
    whole, scale = tile(120, 150), 3
    picture = torch.arange(360.0 * 450).view(360, 450, 1).expand(-1, -1, 3)

    def run(part, seen):
        height, width = (scale * (span.stop - span.start) for span in part)
        cut = picture[seen]
        assert cut.shape == (height, width, 3)
        return cut

    parts = parts_of(whole, used, 7)
    assert len(parts) > 1
    result = run_parts(whole, parts, scale, run)
    needed = np.kron(used, np.ones((scale, scale), bool))
    assert torch.equal(result[needed], picture[needed])
    assert not result[80:280, 100:].any()


@pytest.mark.parametrize("height", [2, 16, 40])
def test_a_pixel_is_used_where_anything_of_its_result_is(height):
    maps = np.zeros((3 * height, 9, 2), np.float32)
    maps[3 * height - 1, 3, 0] = 2
    expected = np.zeros((height, 3), bool)
    expected[height - 1, 1] = True
    assert np.array_equal(by_pixel(lambda some: some[..., 0] > 1, maps, 3), expected)
