"""Distances to the edges of a map."""

import numpy as np
import pytest

from blindsr.metrics.edges import edge_distance


@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_distance_grows_from_a_jump_and_a_slope_is_none(kind):
    columns = np.array([0, 0, 1, 6, 6, 7, 7], kind)
    found = edge_distance(np.repeat(columns[None], 5, axis=0), 2.0)
    np.testing.assert_allclose(found[2], [3, 2, 1, 0, 1, 2, 3], atol=0.1)
