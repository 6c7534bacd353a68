import numpy as np
import pytest

from blindsr.degradation.levels import blur_levels
from blindsr.errors import ConfigError


@pytest.mark.parametrize("sigma_max", [0.5, 5.0, 15.0])
@pytest.mark.parametrize("count", [2, 8, 16, 64])
def test_levels_are_distinct_and_positions_ascend(sigma_max, count):
    levels = blur_levels(sigma_max, count)
    assert len(levels.nodes) == count
    assert levels.nodes[0] == 0
    assert levels.nodes[-1] == sigma_max
    assert (np.diff(levels.nodes) > 0).all()
    assert (np.diff(levels.positions) >= 0).all()
    at_nodes = np.interp(levels.nodes, levels.grid, levels.positions)
    np.testing.assert_allclose(at_nodes, np.arange(count), atol=1e-9)
    np.testing.assert_allclose(np.diff(levels.grid), levels.grid[1], rtol=1e-9)


def test_levels_crowd_where_blur_changes_fastest():
    gaps = np.diff(blur_levels(5.0, 16).nodes)
    assert gaps[1:].argmin() < 3
    assert gaps[-1] > 3 * gaps[1]


def test_too_few_levels_are_refused():
    with pytest.raises(ConfigError, match="levels"):
        blur_levels(5.0, 1)
